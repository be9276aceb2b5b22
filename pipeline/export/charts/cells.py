"""The cells of the heat map: what each shows of its turn, or of several turns in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pipeline import schema as c
from pipeline.export.charts import look

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.analysis import Record
    from pipeline.export.charts.look import Fill
    from pipeline.export.charts.sheet import Box

FILLS: Final = (look.PASSED, look.FLAKY, look.FAILED, look.COUNTED, look.NOT_JUDGED)
"""What cells are filled with, the lowest first."""
_FAILED, _PASSED, _NOT_JUDGED = "failed", "passed", "not judged"
_FLAKY_FAILED, _FLAKY_PASSED = "flaky, counts as failed", "flaky, counts as passed"
_FOOT: Final = 0.16
_SAME: Final = 1e-6


class Cell(NamedTuple):
    """What a cell shows, in the words of the key, and how high it is filled."""

    kind: str
    share: float = 0

    def marks(self, box: Box) -> list[tuple[Box, Fill]]:
        """Draw the cell into a box: filled as high as its share, or with a dash; one that counts has a red foot."""
        left, top, wide, high = box
        if self.kind == _NOT_JUDGED:
            return [((left + wide / 4, top + 0.46 * high, wide / 2, 0.08 * high), look.NOT_JUDGED)]
        flaky = self.kind in {_FLAKY_FAILED, _FLAKY_PASSED}
        filled = (left, top + (1 - self.share) * high, wide, self.share * high)
        foot = (left, top + (1 - _FOOT) * high, wide, _FOOT * high)
        return [
            *([(box, look.PASSED)] if self.share < 1 else []),
            *([(filled, look.FLAKY if flaky else look.FAILED)] if self.share else []),
            *([(foot, look.COUNTED)] if self.kind == _FLAKY_FAILED else []),
        ]


_KEY: Final = (Cell(_FAILED, 1), Cell(_FLAKY_FAILED, 0.5), Cell(_FLAKY_PASSED, 0.5), Cell(_PASSED), Cell(_NOT_JUDGED))


def key_of(cells: Iterable[Cell]) -> list[Cell]:
    """Give a cell of each kind that a map's key explains: failed and passed, and what else there is."""
    kinds = {_FAILED, _PASSED} | {cell.kind for cell in cells}
    return [cell for cell in _KEY if cell.kind in kinds]


def cell_of(records: Sequence[Record | None]) -> Cell:
    """Show a turn by the share of its judged runs that failed it, several turns by the share that count as failed."""
    judged = [record for record in records if record and record[c.RUNS_JUDGED]]
    if not judged:
        return Cell(_NOT_JUDGED)
    counted = sum(record[c.OUTCOME] == c.TURN_FAILED for record in judged)
    if len(records) == 1 and judged[0][c.FLAKY]:
        kind = _FLAKY_FAILED if counted else _FLAKY_PASSED
        return Cell(kind, float(judged[0][c.RUNS_FAILED] / judged[0][c.RUNS_JUDGED]))
    return Cell(_FAILED if counted else _PASSED, counted / len(judged))


def joined(boxes: Iterable[Box]) -> list[Box]:
    """Make one box of neighbours that are as high and touch: it looks the same, and takes less room in a file."""
    made: list[Box] = []
    for left, top, wide, high in boxes:
        if made and made[-1][1::2] == (top, high) and abs(made[-1][0] + made[-1][2] - left) < _SAME:
            made[-1] = (made[-1][0], top, left + wide - made[-1][0], high)
        else:
            made.append((left, top, wide, high))
    return made
