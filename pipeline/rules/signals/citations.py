"""Signals from whose words the judge uses.

A judge who names what only an earlier turn held is likely to speak of something lost, one who names what only the
response said of a statement, one who names what only the tool returned of a result that was not passed on. Words
are compared without case; the commonest words of English and of judges do not count.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.rules.lexicon import builtin_lexicon, is_identifier

if TYPE_CHECKING:
    from pipeline.rules.signals.rows import Rows

_WINDOW: Final = 5
"""So many earlier turns of the run are looked at."""
_OFTEN: Final = 3
_SHARE: Final = 0.04
_SHARE_OFTEN: Final = 0.1
"""In long reasonings a word here and there is chance: so large a share of their words is asked for."""
_SOURCES: Final = (c.USER_TEXT, c.ASSISTANT_TEXT, c.TOOL_CALLS, c.TOOL_RESULTS)
_USER, _RESPONSE, _CALLS, _RESULTS, _EARLIER = (1 << bit for bit in range(5))
_COMMON: Final = frozenset(
    "the a an of to in on at for and or but is was were are be been it its this that these those he she they you i we "
    "his her their your my our with from by as not no yes so do did does have has had will would can could should there "
    "here what which who when where how why all any some one two if then than also just only out up off down over after "
    "before into about again very more most other same own t s re ve ll d m don't didn't doesn't isn't wasn't it's i'm "
    "i've i'll that's you're please thanks thank okay ok hi hello assistant agent user caller customer bot model "
    "response turn call tool function expected name args true false null".split()
)
_BLOOM_BITS: Final = 22


def meanings() -> dict[str, str]:
    """Name the signals of this group."""
    whose = {
        "earlier": "only an earlier user turn has",
        "user": "the user's turn has and neither response nor calls have",
        "response": "only the response has",
        "calls": "the calls have and neither the user's turn nor the response has",
        "result": "only a tool's result has",
    }
    return {
        **{f"cites-{source}": f"the judge uses a word that {text}" for source, text in whose.items()},
        **{f"cites-{source}-often": f"the judge uses three words or more that {text}" for source, text in whose.items()},
        "names-called": "the judge names a tool that was called",
        "names-uncalled": "the judge names a tool that was not called",
    }


def find(rows: Rows) -> dict[str, np.ndarray]:
    """Tell where each holds."""
    row, word, has, spellings, is_name = _cited(rows)
    here = _USER | _RESPONSE | _CALLS | _RESULTS
    only = {
        "earlier": (has & (here | _EARLIER)) == _EARLIER,
        "user": (has & (_USER | _RESPONSE | _CALLS)) == _USER,
        "response": has == _RESPONSE,
        "calls": (has & (_USER | _RESPONSE | _CALLS)) == _CALLS,
        "result": (has & here) == _RESULTS,
    }
    counts = {source: np.bincount(row[mask], minlength=len(rows)) for source, mask in only.items()}
    words = np.bincount(row, minlength=len(rows))
    some, often = np.maximum(1, _SHARE * words), np.maximum(_OFTEN, _SHARE_OFTEN * words)
    return {
        **{f"cites-{source}": count >= some for source, count in counts.items()},
        **{f"cites-{source}-often": count >= often for source, count in counts.items()},
        **_names(rows, row, word, has, spellings, is_name),
    }


def _cited(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str], np.ndarray]:
    """List the distinct words of each reasoning: row, word, and in which other texts it stands (a set of bits).

    Then the words' spellings, and which are written as names in programs.
    """
    text, word, spellings, is_name = _of_reasoning(rows.text(c.JUDGE_REASONING))
    width = max(len(spellings), 1)
    cited = np.sort(text * width + word)
    cited = cited[np.concatenate([[True], cited[1:] != cited[:-1]])] if len(cited) else cited
    has = np.zeros(len(cited), dtype=np.int64)
    bloom = np.zeros(1 << _BLOOM_BITS, dtype=bool)
    bloom[_hashed(cited)] = True
    known = pa.array(spellings, pa.large_string())
    bags = [_known_words(rows.text(name), known) for name in _SOURCES]
    bags.append(_of_earlier_turns(rows, *_known_words(rows.turns[c.USER_TEXT].combine_chunks(), known)))
    for (text, word), bit in zip(bags, (_USER, _RESPONSE, _CALLS, _RESULTS, _EARLIER), strict=True):
        keys = text * width + word
        keys = keys[bloom[_hashed(keys)]]  # most words stand not in this reasoning: the search is for the others
        place = np.searchsorted(cited, keys)
        inside = place < len(cited)
        place, keys = place[inside], keys[inside]
        has[place[cited[place] == keys]] |= bit
    return cited // width, cited % width, has, spellings, is_name


def _hashed(keys: np.ndarray) -> np.ndarray:
    return (keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _BLOOM_BITS)


def _of_reasoning(texts: pa.Array) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Part reasonings into telling words: per word its text and number; then the spellings, and which are names."""
    parts = pc.ascii_split_whitespace(_spaced(texts, _SPACED))
    coded = pc.list_flatten(parts).dictionary_encode()
    numbers: dict[str, int] = {}
    names = set()
    of_written = []
    for lower, is_name in map(_telling, coded.dictionary.to_pylist()):
        of_written.append(numbers.setdefault(lower, len(numbers)) if lower else -1)
        if is_name:
            names.add(numbers[lower])
    word = np.array(of_written, dtype=np.int64)[np.asarray(coded.indices)]
    telling = word >= 0
    is_name = np.zeros(max(len(numbers), 1), dtype=bool)
    is_name[list(names)] = True
    text = np.asarray(pc.list_parent_indices(parts)).astype(np.int64)
    return text[telling], word[telling], list(numbers), is_name


@lru_cache(maxsize=1 << 17)
def _telling(written: str) -> tuple[str, bool]:
    """Give a word in lower case, empty if it tells nothing, and whether it is written as a name in a program."""
    lower = written.lower()
    if lower in _COMMON or builtin_lexicon().knows(lower):
        return "", False
    return lower, is_identifier(written)


def _known_words(texts: pa.Array, known: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Find the known words in texts: per word found its text and number."""
    parts = pc.ascii_split_whitespace(_spaced(texts, _LOWERED))
    word = pc.index_in(pc.list_flatten(parts), known)
    found = np.asarray(pc.is_valid(word))
    text = np.asarray(pc.list_parent_indices(parts)).astype(np.int64)
    return text[found], np.asarray(word.drop_null()).astype(np.int64)


_SPACED: Final = np.array(
    [byte if byte >= 0x80 or chr(byte).isalnum() or chr(byte) in "_-" else 0x20 for byte in range(256)],  # noqa: PLR2004
    dtype=np.uint8,
)
"""Per byte what stands for it: a space for ASCII punctuation."""
_LOWERED: Final = np.array([ord(chr(byte).lower()) if byte < 0x80 else byte for byte in _SPACED], dtype=np.uint8)  # noqa: PLR2004


def _spaced(texts: pa.Array, table: np.ndarray) -> pa.Array:
    """Replace every byte of the texts by what the table has for it."""
    texts = pa.concat_arrays([texts.cast(pa.large_string())])  # offsets from 0, whatever it was cut from
    _, offsets, data = texts.buffers()
    if data is None:
        return texts
    return pa.LargeStringArray.from_buffers(len(texts), offsets, pa.py_buffer(table[np.frombuffer(data, np.uint8)]))


def _of_earlier_turns(rows: Rows, of_turn: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gather, per failed row, the words of the user in the run's turns just before."""
    turns = rows.turns
    run = np.asarray(turns[c.RUN_ID].combine_chunks().indices)
    order = np.lexsort((np.asarray(turns[c.TURN]), run))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    first = np.searchsorted(of_turn, np.arange(len(order) + 1))
    text, word = [], []
    for back in range(1, _WINDOW + 1):
        place = rank[rows.places] - back
        near = np.flatnonzero(place >= 0)
        before = order[place[near]]
        near, before = (found[run[before] == run[rows.places[near]]] for found in (near, before))
        length = first[before + 1] - first[before]
        starts = np.repeat(first[before] - np.concatenate([[0], np.cumsum(length)[:-1]]), length)
        text.append(np.repeat(near, length))
        word.append(words[starts + np.arange(len(starts))])
    return np.concatenate(text), np.concatenate(word)


def _names(
    rows: Rows, row: np.ndarray, word: np.ndarray, has: np.ndarray, spellings: list[str], is_name: np.ndarray
) -> dict[str, np.ndarray]:  # noqa: PLR0913, PLR0917 - what _cited gives
    """Find the tools that the judge names, by whether they were called."""
    called, uncalled = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    for place in np.flatnonzero(is_name[word]).tolist():
        number, name = int(row[place]), spellings[word[place]]
        if any(name == dimension.lower() for dimension in rows.scores[number]):
            continue
        names = {str(call.get("name", "")).lower() for call in rows.calls[number] if isinstance(call, dict)}
        if name in names:
            called[number] = True
        elif not has[place] & (_CALLS | _RESULTS):
            uncalled[number] = True
    return {"names-called": called, "names-uncalled": uncalled}
