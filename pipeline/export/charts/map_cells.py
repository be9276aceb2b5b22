"""The cells of the heat map: the outcome of a turn, or of several turns in a row, as filled boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.export.charts import style

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.export.charts.slide import Box
    from pipeline.export.charts.style import FillStyle

FILLS: Final = (style.PASSED, style.FLAKY, style.FAILED, style.COUNTED, style.NOT_JUDGED)
"""The fills of cells, from the lowest layer to the highest."""
_FAILED, _PASSED, _NOT_JUDGED = "failed", "passed", "not judged"
_FLAKY_FAILED, _FLAKY_PASSED = "flaky, counts as failed", "flaky, counts as passed"
_FOOT: Final = 0.16
_TOLERANCE: Final = 1e-6


@dataclass(frozen=True)
class MapCell:
    """A cell: its outcome in the words of the legend, and the share of its height that is filled."""

    kind: str
    share: float = 0

    def patches(self, box: Box) -> list[tuple[Box, FillStyle]]:
        """Return the filled boxes that draw the cell; a flaky turn that counts as failed has a red foot."""
        left, top, wide, high = box
        if self.kind == _NOT_JUDGED:
            return [((left + wide / 4, top + 0.46 * high, wide / 2, 0.08 * high), style.NOT_JUDGED)]
        flaky = self.kind in {_FLAKY_FAILED, _FLAKY_PASSED}
        filled = (left, top + (1 - self.share) * high, wide, self.share * high)
        foot = (left, top + (1 - _FOOT) * high, wide, _FOOT * high)
        return [
            *([(box, style.PASSED)] if self.share < 1 else []),
            *([(filled, style.FLAKY if flaky else style.FAILED)] if self.share else []),
            *([(foot, style.COUNTED)] if self.kind == _FLAKY_FAILED else []),
        ]


_LEGEND: Final = (
    MapCell(_FAILED, 1),
    MapCell(_FLAKY_FAILED, 0.5),
    MapCell(_FLAKY_PASSED, 0.5),
    MapCell(_PASSED),
    MapCell(_NOT_JUDGED),
)


def legend_of(cells: Iterable[MapCell]) -> list[MapCell]:
    """Return a cell of each kind for the legend: failed, passed, and the other kinds that occur."""
    kinds = {_FAILED, _PASSED} | {cell.kind for cell in cells}
    return [cell for cell in _LEGEND if cell.kind in kinds]


def cell_of(outcomes: Sequence[Any]) -> MapCell:
    """Return the cell of one or several turns, each a row of `turn_outcomes`, or `None` if the model lacks it.

    A flaky turn is filled by the share of its judged runs that failed, several turns by the share that count as
    failed of those judged.
    """
    judged = [each for each in outcomes if each and each.runs_judged]
    if not judged:
        return MapCell(_NOT_JUDGED)
    counted = sum(each.outcome == "failed" for each in judged)
    if len(outcomes) == 1 and judged[0].flaky:
        kind = _FLAKY_FAILED if counted else _FLAKY_PASSED
        return MapCell(kind, judged[0].runs_failed / judged[0].runs_judged)
    return MapCell(_FAILED if counted else _PASSED, counted / len(judged))


def joined(boxes: Iterable[Box]) -> list[Box]:
    """Return the boxes with those merged that are equally high and touch: it looks the same in a smaller file."""
    made: list[Box] = []
    for left, top, wide, high in boxes:
        if made and made[-1][1::2] == (top, high) and abs(made[-1][0] + made[-1][2] - left) < _TOLERANCE:
            made[-1] = (made[-1][0], top, left + wide - made[-1][0], high)
        else:
            made.append((left, top, wide, high))
    return made
