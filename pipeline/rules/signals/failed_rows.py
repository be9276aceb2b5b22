"""The failed rows for which signals are computed, and the turns around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """The scores of a row without excluded dimensions."""

    scores: dict[str, bool | None]
    failed: tuple[str, ...]
    """The dimensions that failed."""
    others: tuple[str, ...]
    """The dimensions that passed or do not apply."""


class FailedRows:
    """The failed rows of a turns table, in order, with all turns of their runs."""

    def __init__(self, turns: pa.Table, failed: np.ndarray, excluded: Collection[str] = ()) -> None:
        """Select the rows of `turns` that `failed` flags; the columns are those that `Scorer` needs."""
        self.turns = turns
        self.places = np.flatnonzero(failed)
        """The indices of the failed rows among the turns."""
        self._failures = turns.filter(pa.array(failed)).combine_chunks()
        self._excluded = excluded

    def __len__(self) -> int:
        return len(self.places)

    def text(self, name: str) -> pa.Array:
        """Return a text column of the failed rows."""
        return self._failures[name].cast(pa.large_string()).combine_chunks()

    def matches(self, name: str, pattern: str) -> np.ndarray:
        """Return per failed row whether a text matches an RE2 expression, without regard to case."""
        return np.asarray(pc.match_substring_regex(self.text(name), pattern, ignore_case=True))

    @cached_property
    def run(self) -> np.ndarray:
        """The run of each turn of the table, as a number."""
        return np.asarray(self.turns["run_id"].combine_chunks().dictionary_encode().indices)

    @cached_property
    def independent(self) -> np.ndarray:
        """Whether each turn of the table stands alone: earlier turns of its run are not its past."""
        if "independent" not in self.turns.column_names:
            return np.zeros(len(self.turns), dtype=bool)
        return np.asarray(self.turns["independent"])

    @cached_property
    def called(self) -> np.ndarray:
        """Whether each failed row called a tool."""
        return ~np.asarray(pc.match_substring_regex(self.text("tool_calls"), schema.NO_PAYLOAD))

    @cached_property
    def calls(self) -> list[list[Any]]:
        """The tool calls of each failed row, decoded."""
        texts = self.text("tool_calls").to_pylist()
        return [_as_list(text) if some else [] for text, some in zip(texts, self.called.tolist(), strict=True)]

    @cached_property
    def response_kinds(self) -> np.ndarray:
        """The response kind of each failed row."""
        return np.array(self.text("response_kind").to_pylist(), dtype=object)

    @cached_property
    def scores(self) -> list[ScoreSet]:
        """The scores of each failed row; rows of equal scores share one object."""
        encoded = self.text("scores").dictionary_encode()
        numbers = np.asarray(encoded.indices)
        first = np.unique(numbers, return_index=True)[1]
        failed = self._failures["failed_dimensions"].take(pa.array(first)).to_pylist()
        sets = []
        for text, names in zip(encoded.dictionary.to_pylist(), failed, strict=True):
            scores = {name: passed for name, passed in msgspec.json.decode(text).items() if name not in self._excluded}
            others = tuple(name for name, passed in scores.items() if passed is not False)
            sets.append(ScoreSet(scores, tuple(names), others))
        return [sets[number] for number in numbers.tolist()]

    @cached_property
    def failed_dimensions(self) -> list[tuple[str, ...]]:
        """The dimensions that failed in each failed row."""
        return [scores.failed for scores in self.scores]

    @cached_property
    def other_dimensions(self) -> list[tuple[str, ...]]:
        """The dimensions that passed or do not apply in each failed row."""
        return [scores.others for scores in self.scores]


def _as_list(text: str) -> list[Any]:
    """Return tool calls as a list, whatever their JSON text holds."""
    try:
        calls = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return [text]
    return calls if isinstance(calls, list) else [calls]
