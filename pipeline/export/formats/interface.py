"""What an output format is: the file it makes, and how its bytes come from a report and an analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    import pandas as pd

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Report


@dataclass(frozen=True, slots=True)
class Output:
    """One file of the analysis folder. `{stem}` in its path stands for the report's stem."""

    path: str
    write: Callable[[Report, Analysis, BinaryIO], None]
    wanted: Callable[[Analysis], bool] = lambda _: True
    order: int = 0
    """Outputs are written in this order; `analysis.json` comes last."""


@dataclass(frozen=True, slots=True)
class PacketFormat:
    """One form of the review packet, which is written batch by batch."""

    path: str
    header: bytes
    encode: Callable[[pd.DataFrame, Sequence[int]], list[bytes]]
    """Turns packet rows into pieces of the file, each of so many rows as the sizes given say."""
