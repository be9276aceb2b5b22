"""The failed rows that signals are about, and the turns around them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.schema import NO_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Collection


class ScoreSet(NamedTuple):
    """Scores that rows share, and the dimensions that failed with them."""

    failed: tuple[str, ...]
    scores: dict[str, bool | None]

    @property
    def others(self) -> tuple[str, ...]:
        """Name the dimensions that passed or did not apply."""
        return tuple(name for name, score in self.scores.items() if score is not False)


class Scored(NamedTuple):
    """The distinct sets of scores, and which of them each row has."""

    of_row: np.ndarray
    sets: list[ScoreSet]

    def spread(self, values: list[Any]) -> list[Any]:
        """Give each row the value of its set of scores."""
        return [values[number] for number in self.of_row.tolist()]


class Rows:
    """Failed rows, in order, within all turns of their runs."""

    def __init__(self, turns: pa.Table, failed: np.ndarray, excluded: Collection[str] = ()) -> None:
        self.turns = turns
        self._excluded = excluded
        self.places = np.flatnonzero(failed)
        """Where the failed rows stand among the turns."""
        self.failures = turns.filter(pa.array(failed)).combine_chunks()

    def __len__(self) -> int:
        return len(self.places)

    def text(self, name: str) -> pa.Array:
        """Give one of the texts of the failed rows."""
        return self.failures[name].chunk(0) if len(self) else self.failures[name].combine_chunks()

    def says(self, name: str, pattern: str) -> np.ndarray:
        """Tell in which rows a text holds an RE2 expression, whatever the case."""
        return np.asarray(pc.match_substring_regex(self.text(name), pattern, ignore_case=True))

    @cached_property
    def called(self) -> np.ndarray:
        """Tell which rows called a tool."""
        return ~np.asarray(pc.match_substring_regex(self.text(c.TOOL_CALLS), NO_PAYLOAD))

    @cached_property
    def calls(self) -> list[list[Any]]:
        """Decode the calls of each row."""
        texts = as_list(self.text(c.TOOL_CALLS))
        return [_listed(text) if some else [] for text, some in zip(texts, self.called.tolist(), strict=True)]

    @cached_property
    def kinds(self) -> np.ndarray:
        """Give the response kind of each row."""
        return np.array(as_list(self.failures[c.RESPONSE_KIND]), dtype=object)

    @cached_property
    def scored(self) -> Scored:
        """Give the judge's scores; most rows share theirs with many others."""
        coded = self.text(c.SCORES).dictionary_encode()
        of_row = np.asarray(coded.indices)
        first = np.unique(of_row, return_index=True)[1]
        failed = as_list(self.failures[c.FAILED_DIMENSIONS].take(pa.array(first)))
        decoded = map(msgspec.json.decode, coded.dictionary.to_pylist())
        scores = [{name: score for name, score in each.items() if name not in self._excluded} for each in decoded]
        return Scored(of_row, [ScoreSet(tuple(names), each) for names, each in zip(failed, scores, strict=True)])

    @cached_property
    def failed_dimensions(self) -> list[tuple[str, ...]]:
        """Name the dimensions that failed in each row."""
        return self.scored.spread([scores.failed for scores in self.scored.sets])

    @cached_property
    def other_dimensions(self) -> list[tuple[str, ...]]:
        """Name the dimensions that passed or did not apply in each row."""
        return self.scored.spread([scores.others for scores in self.scored.sets])


def _listed(text: str) -> list[Any]:
    try:
        calls = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return [text]
    return calls if isinstance(calls, list) else [calls]
