"""Signals of the words that the judge's reasoning shares with other texts.

A judge who uses a word that only an earlier turn contains probably refers to something that was lost; a word that only
the response contains, to a statement; a word that only a tool returned, to a result that was not passed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from pipeline.rules.signals.vocabulary import content_words, find_words

if TYPE_CHECKING:
    from pipeline.rules.signals.failed_rows import FailedRows

_EARLIER_TURNS: Final = 3
"""How many earlier turns of the run are searched."""
_OFTEN: Final = 3
_SHARE: Final = 0.03
_SHARE_OFTEN: Final = 0.08
"""In long reasoning single shared words are chance: at least this share of its words is required."""
_SOURCES: Final = ("user_text", "assistant_text", "tool_calls", "tool_results")
_USER, _RESPONSE, _CALLS, _RESULTS, _EARLIER = (1 << bit for bit in range(5))


def meanings() -> dict[str, str]:
    """Return the signals of this group with their meanings."""
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


def find(rows: FailedRows) -> dict[str, np.ndarray]:
    """Return per signal and failed row whether it holds."""
    cited = _cited_words(rows)
    row, sources = cited.row, cited.sources
    here = _USER | _RESPONSE | _CALLS | _RESULTS
    only = {
        "earlier": (sources & (here | _EARLIER)) == _EARLIER,
        "user": (sources & (_USER | _RESPONSE | _CALLS)) == _USER,
        "response": sources == _RESPONSE,
        "calls": (sources & (_USER | _RESPONSE | _CALLS)) == _CALLS,
        "result": (sources & here) == _RESULTS,
    }
    counts = {source: np.bincount(row[mask], minlength=len(rows)) for source, mask in only.items()}
    words = np.bincount(row, minlength=len(rows))
    some, often = np.maximum(1, _SHARE * words), np.maximum(_OFTEN, _SHARE_OFTEN * words)
    return {
        **{f"cites-{source}": count >= some for source, count in counts.items()},
        **{f"cites-{source}-often": count >= often for source, count in counts.items()},
        **_names(rows, cited),
    }


@dataclass(frozen=True, slots=True)
class _CitedWords:
    """The distinct content words of each reasoning; the arrays have one entry per failed row and word."""

    row: np.ndarray
    word: np.ndarray
    """The index in `spellings`."""
    sources: np.ndarray
    """The other texts of the row that contain the word, as a set of bits."""
    is_name: np.ndarray
    """Whether the reasoning writes it as an identifier."""
    spellings: list[str]


def _cited_words(rows: FailedRows) -> _CitedWords:
    words = content_words(rows.text("judge_reasoning"))
    width = max(len(words.spellings), 1)
    keys = words.text * width + words.word
    cited = np.sort(keys)
    cited = cited[np.diff(cited, prepend=-1) > 0]
    is_name = _contained(cited, keys[words.is_name])
    spellings = pa.array(words.spellings, pa.large_string())
    sources = np.zeros(len(cited), dtype=np.int64)
    found = [find_words(rows.text(name), spellings) for name in _SOURCES]
    found.append(_in_earlier_turns(rows, spellings))
    for (text, word), bit in zip(found, (_USER, _RESPONSE, _CALLS, _RESULTS, _EARLIER), strict=True):
        sources[_contained(cited, text * width + word)] |= bit
    return _CitedWords(cited // width, cited % width, sources, is_name, words.spellings)


def _contained(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return per entry of a sorted array whether it is among some values; numpy.isin takes ten times as long."""
    index = np.searchsorted(ordered, values)
    found = np.append(ordered, -1)[index] == values  # no value is negative
    contained = np.zeros(len(ordered), dtype=bool)
    contained[index[found]] = True
    return contained


def _in_earlier_turns(rows: FailedRows, spellings: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Find words in the user texts of the turns before each failed row; return the row and the word per occurrence."""
    row, turn = _turns_before(rows)
    searched, place = np.unique(turn, return_inverse=True)
    texts = rows.turns["user_text"].take(pa.array(searched)).combine_chunks()
    of_turn, words = find_words(texts, spellings)
    first = np.searchsorted(of_turn, np.arange(len(searched) + 1))
    length = first[place + 1] - first[place]
    starts = np.repeat(first[place] - (np.cumsum(length) - length), length)
    return np.repeat(row, length), words[starts + np.arange(len(starts))]


def _turns_before(rows: FailedRows) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of a failed row and one of the `_EARLIER_TURNS` turns of its run before it, by their indices."""
    order = np.lexsort((np.asarray(rows.turns["turn"]), rows.run))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    failed_rows, turns = [], []
    for back in range(1, _EARLIER_TURNS + 1):
        place = rank[rows.places] - back
        failed = np.flatnonzero(place >= 0)
        turn, here = order[place[failed]], rows.places[failed]
        same = (rows.run[turn] == rows.run[here]) & ~rows.independent[here]
        failed_rows.append(failed[same])
        turns.append(turn[same])
    return np.concatenate(failed_rows), np.concatenate(turns)


def _names(rows: FailedRows, cited: _CitedWords) -> dict[str, np.ndarray]:
    """Return per failed row whether the judge names a tool that was called, and one that was not."""
    called, uncalled = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    for place in np.flatnonzero(cited.is_name).tolist():
        row, name = int(cited.row[place]), cited.spellings[cited.word[place]]
        if name in {dimension.lower() for dimension in rows.scores[row].scores}:
            continue
        names = {str(call.get("name", "")).lower() for call in rows.calls[row] if isinstance(call, dict)}
        if name in names:
            called[row] = True
        elif not cited.sources[place] & (_CALLS | _RESULTS):
            uncalled[row] = True
    return {"names-called": called, "names-uncalled": uncalled}
