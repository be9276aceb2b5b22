"""Lay out the heat map: the number of bands, the size of its cells, and the number of turns that each shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from math import ceil
from typing import TYPE_CHECKING, Final

from pipeline.export.charts import style
from pipeline.export.charts.slide import CONTENT_WIDTH, MARGIN, max_width, text_width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.export.charts.style import TextStyle

_MOST_ROWS: Final = 24
_BETWEEN: Final = 2
"""The space between two bands, in rows."""
_THINNEST, _NARROW, _WIDE = 0.015, 0.17, 0.42
_HEIGHTS: Final = ((6, 0.46), (16, 0.34))
_SMALL_HEIGHT: Final = 0.26
_GAP: Final = 0.3


@dataclass(frozen=True)
class MapLayout:
    """The layout of a heat map; lengths are in inches."""

    left: float
    """Where the cells begin."""
    names_end: float
    numbers_end: float
    """Where the word before the turn numbers ends."""
    columns: tuple[float, ...]
    """The widths of the columns of counts to the right of the cells."""
    turns_per_cell: int
    cells_per_band: int
    tick_step: int
    """Every how many cells a turn number is written below a band."""
    pitch: float
    """The width of a cell with its gaps."""
    height: float
    """The height of a row."""

    @property
    def text_style(self) -> TextStyle:
        """The style of the names and counts beside the cells."""
        return style.SMALL_LABEL if self.height == _SMALL_HEIGHT else style.LABEL


def lay_out_map(turns: Sequence[int], names: Sequence[str], counts: Mapping[str, Sequence[str]]) -> MapLayout:
    """Return a layout with as many bands as keep the cells distinguishable, as far as they fit on a slide.

    Where cells would still be too narrow to see, each shows several turns. `counts` has the columns of counts by
    their headers, with a value per name.
    """
    number = text_width(str(max(turns, default=0)), style.NOTE)
    aside = number / 2 + 0.15
    left = MARGIN + max(max_width(names, style.LABEL) + 0.15, text_width("turn", style.NOTE) + aside)
    columns = tuple(
        max(text_width(header, style.NOTE), max_width(values, style.LABEL)) + _GAP for header, values in counts.items()
    )
    room = MARGIN + CONTENT_WIDTH - left - sum(columns)
    bands = max(min(ceil(len(turns) * _NARROW / room), _MOST_ROWS // (len(names) + _BETWEEN)), 1)
    turns_per_cell = _rounded_up(len(turns) / bands * _THINNEST / room)
    cells = max(ceil(len(turns) / turns_per_cell), 1)
    cells_per_band = cells if bands == 1 else ceil(cells / bands / 10) * 10
    pitch = min(room / cells_per_band, _WIDE)
    height = next((height for most, height in _HEIGHTS if len(names) * bands <= most), _SMALL_HEIGHT)
    tick_step = _rounded_up((number + 0.14) / pitch)
    return MapLayout(
        left=left,
        names_end=left - 0.15,
        numbers_end=left - max(aside - pitch / 2, 0.15),
        columns=columns,
        turns_per_cell=turns_per_cell,
        cells_per_band=cells_per_band,
        tick_step=tick_step,
        pitch=pitch,
        height=height,
    )


def _rounded_up(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50 and so on that is not less than a number."""
    steps = (digit * int(10**power) for power in count() for digit in (1, 2, 5))
    return next(step for step in steps if step >= least)
