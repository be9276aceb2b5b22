"""Signals from whose words the judge uses.

A judge who names what only an earlier turn held is likely to speak of something lost, one who names what only the
response said of a statement, one who names what only the tool returned of a result that was not passed on. Words
are compared without case; the commonest words of English and of judges do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline import schema as c
from pipeline.columns import distinct
from pipeline.rules.signals.vocabulary import known_words, words_of_reasoning

if TYPE_CHECKING:
    from pipeline.rules.signals.rows import Rows

_WINDOW: Final = 3
"""So many earlier turns of the run are looked at."""
_OFTEN: Final = 3
_SHARE: Final = 0.03
_SHARE_OFTEN: Final = 0.08
"""In long reasonings a word here and there is chance: so large a share of their words is asked for."""
_SOURCES: Final = (c.USER_TEXT, c.ASSISTANT_TEXT, c.TOOL_CALLS, c.TOOL_RESULTS)
_USER, _RESPONSE, _CALLS, _RESULTS, _EARLIER = (1 << bit for bit in range(5))
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
        **{f"cites-{source}-often": f"the judge uses several words that {text}" for source, text in whose.items()},
        "names-called": "the judge names a tool that was called",
        "names-uncalled": "the judge names a tool that was not called",
    }


def find(rows: Rows) -> dict[str, np.ndarray]:
    """Tell where each holds."""
    cited = _cited(rows)
    row, has = cited.row, cited.has
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
        **_names(rows, cited),
    }


class _Cited(NamedTuple):
    """The distinct words of each reasoning, and in which other texts of its row each stands (a set of bits)."""

    row: np.ndarray
    word: np.ndarray
    has: np.ndarray
    is_name: np.ndarray
    """Whether the reasoning writes it as names in programs are written."""
    spellings: list[str]


def _cited(rows: Rows) -> _Cited:
    telling = words_of_reasoning(rows.text(c.JUDGE_REASONING))
    width = max(len(telling.spellings), 1)
    keys = telling.text * width + telling.word
    cited = distinct(keys)
    is_name = np.isin(cited, keys[telling.is_name])
    spellings = pa.array(telling.spellings, pa.large_string())
    has = np.zeros(len(cited), dtype=np.int64)
    bloom = np.zeros(1 << _BLOOM_BITS, dtype=bool)
    bloom[_hashed(cited)] = True
    bags = [known_words(rows.text(name), spellings) for name in _SOURCES]
    bags.append(_of_earlier_turns(rows, spellings))
    for (text, word), bit in zip(bags, (_USER, _RESPONSE, _CALLS, _RESULTS, _EARLIER), strict=True):
        keys = text * width + word
        keys = keys[bloom[_hashed(keys)]]  # most words stand not in this reasoning: the search is for the others
        place = np.searchsorted(cited, keys)
        inside = place < len(cited)
        place, keys = place[inside], keys[inside]
        has[place[cited[place] == keys]] |= bit
    return _Cited(cited // width, cited % width, has, is_name, telling.spellings)


def _hashed(keys: np.ndarray) -> np.ndarray:
    return (keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _BLOOM_BITS)


def _of_earlier_turns(rows: Rows, spellings: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Gather, per failed row, the words of the user in the run's turns just before."""
    near, before = _turns_before(rows)
    looked_at, place = np.unique(before, return_inverse=True)
    of_turn, words = known_words(rows.turns[c.USER_TEXT].take(pa.array(looked_at)).combine_chunks(), spellings)
    first = np.searchsorted(of_turn, np.arange(len(looked_at) + 1))
    length = first[place + 1] - first[place]
    starts = np.repeat(first[place] - (np.cumsum(length) - length), length)
    return np.repeat(near, length), words[starts + np.arange(len(starts))]


def _turns_before(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Pair each failed row with the turns of its run within reach before it."""
    run = np.asarray(rows.turns[c.RUN_ID].combine_chunks().indices)
    order = np.lexsort((np.asarray(rows.turns[c.TURN]), run))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    near, before = [], []
    for back in range(1, _WINDOW + 1):
        place = rank[rows.places] - back
        failed = np.flatnonzero(place >= 0)
        turn = order[place[failed]]
        same = run[turn] == run[rows.places[failed]]
        near.append(failed[same])
        before.append(turn[same])
    return np.concatenate(near), np.concatenate(before)


def _names(rows: Rows, cited: _Cited) -> dict[str, np.ndarray]:
    """Find the tools that the judge names, by whether they were called."""
    called, uncalled = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    dimensions = {dimension.lower() for each in rows.scored.sets for dimension in each.scores}
    for place in np.flatnonzero(cited.is_name).tolist():
        row, name = int(cited.row[place]), cited.spellings[cited.word[place]]
        if name in dimensions:
            continue
        names = {str(call.get("name", "")).lower() for call in rows.calls[row] if isinstance(call, dict)}
        if name in names:
            called[row] = True
        elif not cited.has[place] & (_CALLS | _RESULTS):
            uncalled[row] = True
    return {"names-called": called, "names-uncalled": uncalled}
