"""The review packet as JSON lines, for agents and scripts: payloads as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec
import pandas as pd

from pipeline import schema as c
from pipeline.formats.interface import Output

if TYPE_CHECKING:
    from pipeline.document import Analysis, Report

_RAW: Final = (c.SCORES, c.TOOL_CALLS, c.TOOL_RESULTS)
_NUMBERS: Final = (c.RUN_INDEX, c.LATENCY_MS, c.TTFB_MS)


def _write(_: Report, analysis: Analysis, stream: BinaryIO) -> None:
    packet = analysis.packet
    columns = [_column(packet[name], name) for name in c.PACKET_COLUMNS]
    encode = msgspec.json.Encoder().encode
    for values in zip(*columns, strict=True):
        stream.write(encode(dict(zip(c.PACKET_COLUMNS, values, strict=True))))
        stream.write(b"\n")


def _column(series: pd.Series, name: str) -> list[object]:
    if name in _RAW:
        return [msgspec.Raw(text.encode()) for text in series.tolist()]
    if name in _NUMBERS:
        return [None if pd.isna(number) else plain_number(number) for number in series.tolist()]
    return series.tolist()


def plain_number(number: float) -> float:
    """Write 480.0 as 480, as the harness does."""
    return int(number) if float(number).is_integer() else number


OUTPUTS: Final = (Output(c.PACKET_JSONL, _write),)
