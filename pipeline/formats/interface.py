"""What an output format is: the file it makes, and how the bytes come from a report and an analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from pipeline.analysis import Analysis
    from pipeline.document import Report


class Output(NamedTuple):
    """One file of the analysis folder. `{stem}` in its path stands for the report's stem."""

    path: str
    write: Callable[[Report, Analysis, BinaryIO], None]
    wanted: Callable[[Analysis], bool] = lambda _: True
    order: int = 0
    """The outputs are written in this order: early those that then wait for others, `analysis.json` last."""
