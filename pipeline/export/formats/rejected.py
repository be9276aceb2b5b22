"""The lines that were left out under `--skip-bad-rows`, as JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from pipeline import schema as c
from pipeline.export.formats.interface import Output
from pipeline.report.text import escaped_json

if TYPE_CHECKING:
    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Report


def _write(_: Report, analysis: Analysis, stream: BinaryIO) -> None:
    for line in analysis.rejected:
        row = {"file": line.file, "line": line.line, "reason": line.reason, "raw": line.raw}
        text = escaped_json(msgspec.json.encode(row).decode())
        stream.write(f"{text}\n".encode())


OUTPUTS: Final = (Output(c.REJECTED_ROWS, _write, wanted=lambda analysis: bool(analysis.rejected)),)
