"""What the models answered on the turns that they did not fail, as far as those texts were kept."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.export.formats.page.turns import NO_ROW, other_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.analysis import Analysis
    from pipeline.export.formats.page.turns import TurnMap
    from pipeline.report.blocks import Datapoint


class Cell(NamedTuple):
    """A cell of a heat map whose row did not fail."""

    map: int
    turn: int
    ref: int
    """The row, as `TurnMap.rows` holds it."""


class Answers:
    """The heat maps of a page, and the texts at hand of rows that did not fail."""

    def __init__(self, analysis: Analysis, maps: Sequence[TurnMap], points: Iterable[Datapoint]) -> None:
        """Take the texts of rows that did not fail: first on the datapoints' turns, then on the hardest."""
        self.maps = maps
        found = list(self._wanted(points))
        self.wanted = len(found)
        """How many cells of the heat maps have such a row."""
        kept = analysis.kept_texts
        self.cells = found if kept is not None else []
        """Those whose texts are at hand, the most wanted first."""
        self.texts = kept
        if kept is not None:
            self.texts = kept.take(pa.array([other_row(cell.ref) for cell in self.cells], pa.int64()))

    def lengths(self) -> list[np.ndarray]:
        """Give how long each text is, by column and cell; a turn's user text counts once."""
        if self.texts is None:
            return [np.zeros(0, dtype=np.int64)]
        columns = {name: np.asarray(pc.binary_length(self.texts[name])) for name in c.TEXTS}
        turns = [cell[:2] for cell in self.cells]
        again = np.array(
            [turn == before for turn, before in zip(turns, chain([None], turns), strict=False)], dtype=bool
        )
        return list((columns | {c.USER_TEXT: np.where(again, 0, columns[c.USER_TEXT])}).values())

    def _wanted(self, points: Iterable[Datapoint]) -> Iterator[Cell]:
        """Give the cells that a row stands for which did not fail, the most wanted first, turn by turn."""
        turns: dict[str, set[int]] = {}
        for point in points:
            turns.setdefault(point.benchmark, set()).add(point.turn)
        for first in (True, False):
            for number, turn_map in enumerate(self.maps):
                of_points = turns.get(turn_map.benchmark, set())
                numbers = turn_map.turns.tolist()
                columns = turn_map.rows.T.tolist()
                for column in turn_map.hardness.tolist():
                    if (numbers[column] in of_points) is first:
                        yield from (Cell(number, numbers[column], ref) for ref in columns[column] if ref < NO_ROW)
