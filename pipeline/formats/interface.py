"""What an output format is: the file it makes, and how the bytes come from a report and an analysis."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from pipeline.analysis import Analysis
    from pipeline.document import Report

    Write = Callable[[BinaryIO], None]
    Begin = Callable[[Report, Analysis], Write]


class Output(NamedTuple):
    """One file of the analysis folder. `{stem}` in its path stands for the report's stem."""

    path: str
    begin: Begin
    """Begins to make the file, and gives what writes it. All begin before the first is written."""
    wanted: Callable[[Analysis], bool] = lambda _: True
    beside: bool = False
    """Whether Arrow does all the work, so that Python writes other outputs at the same time."""
    order: int = 0
    """Outputs are written in this order; `analysis.json` comes last."""


def at_once(write: Callable[[Report, Analysis, BinaryIO], None]) -> Begin:
    """Make an output in one go, when it is written."""
    return lambda report, analysis: partial(write, report, analysis)
