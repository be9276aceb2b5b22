"""What the models answered on the turns that they did not fail, as far as those texts were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from pipeline.formats.html.turns import NO_ROW, other_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.analysis import Analysis
    from pipeline.document import Datapoint
    from pipeline.formats.html.turns import TurnMap

_MOST: Final = 1000
"""So many rows that did not fail are shown at most."""


class Answers:
    """The heat maps of a page, and the texts at hand of rows that did not fail."""

    def __init__(self, analysis: Analysis, maps: Sequence[TurnMap], points: Iterable[Datapoint]) -> None:
        """Take the texts of rows that did not fail: first on the datapoints' turns, then on the hardest."""
        self.maps = maps
        wanted = list(dict.fromkeys(self._wanted(points)))
        kept = analysis.kept_texts
        chosen = wanted[:_MOST] if kept is not None else []
        self.others: dict[int, dict[str, Any]] = {}
        """Texts by a row's position among all rows."""
        if kept is not None and chosen:
            self.others = dict(zip(chosen, kept.take(pa.array(chosen, pa.int64())).to_pylist(), strict=True))
        self.left = len(wanted) - len(chosen)
        """How many such rows of the heat maps have no text here."""

    def _wanted(self, points: Iterable[Datapoint]) -> Iterator[int]:
        """Give the positions of the rows that did not fail and stand for a cell, the most wanted first."""
        turns: dict[str, set[int]] = {}
        for point in points:
            turns.setdefault(point.benchmark, set()).add(point.turn)
        for first in (True, False):
            for turn_map in self.maps:
                of_points = turns.get(turn_map.benchmark, set())
                for column in turn_map.hardness.tolist():
                    if (int(turn_map.turns[column]) in of_points) is first:
                        refs = turn_map.rows[:, column].tolist()
                        yield from (other_row(ref) for ref in refs if ref < NO_ROW)
