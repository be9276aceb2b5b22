"""What an output format is: the file it makes, and how the bytes come from a report and an analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from pipeline.analysis import Analysis
    from pipeline.document import Report

    Write = Callable[[Report, Analysis, BinaryIO], None]


class Output(NamedTuple):
    """One file of the analysis folder. `{stem}` in its path stands for the report's stem."""

    path: str
    write: Write
    wanted: Callable[[Analysis], bool] = lambda _: True
    start: Callable[[Report, Analysis], Write] | None = None
    """Where another process gets on with it meanwhile: starts that, and gives what to do in the place of `write`."""
    beside: bool = False
    """Whether Arrow does all the work, so that Python writes other outputs at the same time."""
    order: int = 0
    """Outputs are written in this order; `analysis.json` comes last."""
