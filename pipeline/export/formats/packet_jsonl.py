"""The review packet as JSON lines, for agents and scripts: payloads as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline import schema
from pipeline.export.formats.interface import PacketFormat
from pipeline.report.text import escaped_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

_RAW: Final = ("scores", "tool_calls", "tool_results", "expected_calls", "call_check")
_NUMBERS: Final = ("latency_ms", "ttfb_ms")
_EXACT: Final = 2**53


def encode(rows: pd.DataFrame, sizes: Sequence[int]) -> list[bytes]:
    """Return the lines of packet rows, as many rows to a piece as `sizes` says."""
    encoder = msgspec.json.Encoder()
    columns = [_column(rows[name], name) for name in schema.PACKET]
    lines = [_escaped(encoder.encode(dict(zip(schema.PACKET, row, strict=True)))) for row in zip(*columns, strict=True)]
    found = iter(lines)
    return [b"".join(next(found) for _ in range(size)) for size in sizes]


def _escaped(line: bytes) -> bytes:
    """Return a line of JSON, with hidden characters escaped and its end."""
    return f"{escaped_json(line.decode())}\n".encode()


def _column(column: pd.Series, name: str) -> list[Any]:
    if name in _RAW:
        return [msgspec.Raw(text.encode() if isinstance(text, str) else b"null") for text in column]
    values = column.astype("object").where(column.notna(), None).tolist()
    if name in _NUMBERS:
        return [None if number is None else plain_number(number) for number in values]
    return values


def plain_number(number: float) -> float:
    """Return 480.0 as 480, as the harness writes it."""
    return int(number) if number == int(number) and abs(number) < _EXACT else number


PACKET: Final = PacketFormat(schema.PACKET_JSONL, b"", encode)
