"""Signals: properties of a failed row besides the judge's statements; each is true or false.

They are computed from the scores, the tool calls and results, the texts of the turn, the earlier turns of the run,
and the words that the judge's reasoning shares with those texts. A rule names signals that must hold or must not.

The scorer, the validation of rules files and `cli` import this package; a group of signals is one module of it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pipeline.rules.signals import calls, citations, dimensions, earlier, expected, texts
from pipeline.rules.signals.failed_rows import FailedRows

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    import pyarrow as pa

GROUPS = (dimensions, calls, expected, earlier, citations, texts)
"""Modules with `meanings()`, name -> meaning, and `find(rows)`, name -> true or false per failed row."""


@cache
def known_signals() -> dict[str, str]:
    """Return every signal that a rule may name, with its meaning."""
    return {name: meaning for group in GROUPS for name, meaning in group.meanings().items()}


class Signals:
    """The signals of failed rows; a group is computed when one of its signals is first used."""

    def __init__(self, turns: pa.Table, failed: np.ndarray, excluded: Collection[str] = ()) -> None:
        self.rows = FailedRows(turns, failed, excluded)
        self._values: dict[str, np.ndarray] = {}
        self._group = {name: group for group in GROUPS for name in group.meanings()}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return per failed row whether a signal holds."""
        if name not in self._values:
            self._values |= self._group[name].find(self.rows)
        return self._values[name]
