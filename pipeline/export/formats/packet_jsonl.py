"""The review packet as JSON lines, for agents and scripts: payloads as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.export.formats.interface import Output

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Report

_RAW: Final = (c.SCORES, c.TOOL_CALLS, c.TOOL_RESULTS)
_NUMBERS: Final = (c.LATENCY_MS, c.TTFB_MS)
_EXACT: Final = 2**53
_Row: Final = msgspec.defstruct("_Row", c.PACKET_COLUMNS)


def _write(_: Report, analysis: Analysis, stream: BinaryIO) -> None:
    encoder = msgspec.json.Encoder()
    for part in analysis.packet_parts():
        columns = [_column(part[name], name) for name in c.PACKET_COLUMNS]
        stream.write(encoder.encode_lines(_Row(*values) for values in zip(*columns, strict=True)))


def _column(column: pa.ChunkedArray, name: str) -> list[Any]:
    values = as_list(column)
    if name in _RAW:
        return [msgspec.Raw(text.encode()) for text in values]
    if name in _NUMBERS:
        return [None if number is None else plain_number(number) for number in values]
    return values


def plain_number(number: float) -> float:
    """Write 480.0 as 480, as the harness does."""
    return int(number) if number == int(number) and abs(number) < _EXACT else number


OUTPUTS: Final = (Output(c.PACKET_JSONL, _write),)
