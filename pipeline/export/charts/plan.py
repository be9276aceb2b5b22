"""How the heat map is laid out: in how many bands, how wide its cells are, and how many turns each stands for."""

from __future__ import annotations

from itertools import count
from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from pipeline.export.charts import look
from pipeline.export.charts.sheet import MARGIN, ROOM, widest, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.export.charts.look import Type

_MOST_ROWS: Final = 24
_BETWEEN: Final = 2
"""As many rows as find room in what lies between two bands."""
_THINNEST, _NARROW, _WIDE = 0.015, 0.17, 0.42
_HEIGHTS: Final = ((6, 0.46), (16, 0.34))
_CLOSE: Final = 0.26
_GAP: Final = 0.3


class Plan(NamedTuple):
    """The layout of a map; lengths are in inches."""

    left: float
    """Where the cells begin."""
    names_end: float
    numbers_end: float
    """Where the word before the numbers of the turns ends: as far from the first number as needed."""
    columns: tuple[float, ...]
    """How wide the columns of counts behind the cells are."""
    several: int
    """How many turns a cell stands for."""
    each: int
    """How many cells a band has."""
    step: int
    """How many cells lie between two numbers of turns, in every band."""
    pitch: float
    high: float

    @property
    def kind(self) -> Type:
        """How words beside the cells are set."""
        return look.CLOSE if self.high == _CLOSE else look.LABEL


def plan_of(turns: Sequence[int], names: Sequence[str], counts: Mapping[str, Sequence[str]]) -> Plan:
    """Lay a map out in as many bands as leave the cells wide enough to tell apart, as far as a slide has room.

    Where cells would still be too thin to see, each stands for several turns.
    """
    number = width_of(str(max(turns, default=0)), look.NOTE)
    aside = number / 2 + 0.15
    left = MARGIN + max(widest(names, look.LABEL) + 0.15, width_of("turn", look.NOTE) + aside)
    columns = tuple(
        max(width_of(words, look.NOTE), widest(values, look.LABEL)) + _GAP for words, values in counts.items()
    )
    room = MARGIN + ROOM - left - sum(columns)
    bands = max(min(ceil(len(turns) * _NARROW / room), _MOST_ROWS // (len(names) + _BETWEEN)), 1)
    several = _round(len(turns) / bands * _THINNEST / room)
    cells = max(ceil(len(turns) / several), 1)
    each = cells if bands == 1 else ceil(cells / bands / 10) * 10
    pitch = min(room / each, _WIDE)
    high = next((high for most, high in _HEIGHTS if len(names) * bands <= most), _CLOSE)
    step = _round((number + 0.14) / pitch)
    return Plan(left, left - 0.15, left - max(aside - pitch / 2, 0.15), columns, several, each, step, pitch, high)


def _round(least: float) -> int:
    """Give the smallest of 1, 2, 5, 10, 20, 50 and so on that is large enough."""
    steps = (digit * int(10**power) for power in count() for digit in (1, 2, 5))
    return next(step for step in steps if step >= least)
