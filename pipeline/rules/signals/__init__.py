"""Signals: what a failed row shows without the judge's verdict in words; each is true or false.

They come from the scores, the tool calls and results, the texts of the turn, the run's earlier turns, and whose
words the judge cites. A rule names those that must hold, and those that must not.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pipeline.rules.signals import calls, citations, dimensions, earlier, texts
from pipeline.rules.signals.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    import pyarrow as pa

GROUPS = (dimensions, calls, earlier, citations, texts)
"""Modules with `meanings()`, name -> what it means, and `find(rows)`, name -> true or false per failed row."""


@cache
def known_signals() -> dict[str, str]:
    """Give every signal that a rule may name, and what it means."""
    return {name: meaning for group in GROUPS for name, meaning in group.meanings().items()}


class Signals:
    """The signals of failed rows; a group of them is worked out when one is first asked for."""

    def __init__(self, turns: pa.Table, failed: np.ndarray, excluded: Collection[str] = ()) -> None:
        self.rows = Rows(turns, failed, excluded)
        self._held: dict[str, np.ndarray] = {}
        self._group = {name: group for group in GROUPS for name in group.meanings()}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> np.ndarray:
        """Tell for every failed row whether the signal holds."""
        if name not in self._held:
            self._held |= self._group[name].find(self.rows)
        return self._held[name]
