"""The review packet as CSV, for spreadsheets: written by Arrow, safe against formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline import schema as c
from pipeline.export.formats.interface import Output

if TYPE_CHECKING:
    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Report

_NAMES: Final = {
    c.SCORES: c.SCORES_JSON,
    c.TOOL_CALLS: c.TOOL_CALLS_JSON,
    c.TOOL_RESULTS: c.TOOL_RESULTS_JSON,
}
# A spreadsheet takes a cell that starts so for a formula; a leading ' is doubled so that one can be taken away.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA: Final = r"^[=+\-@\t\r']"


_TYPES: Final = {c.RUN_INDEX: pa.int64(), c.TURN: pa.int64(), c.LATENCY_MS: pa.float64(), c.TTFB_MS: pa.float64()}
_SCHEMA: Final = pa.schema([(_NAMES.get(name, name), _TYPES.get(name, pa.large_string())) for name in c.PACKET_COLUMNS])


def _write(_: Report, analysis: Analysis, stream: BinaryIO) -> None:
    with csv.CSVWriter(stream, _SCHEMA) as writer:
        for part in analysis.packet_parts():
            columns = [_column(part[name], name) for name in c.PACKET_COLUMNS]
            writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))


def _column(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    if name == c.FAILED_DIMENSIONS:
        return guard(pc.binary_join(column, ",").cast(pa.large_string()))
    return column if name in _TYPES else guard(column.cast(pa.large_string()))


def guard(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put one `'` before each text that a spreadsheet would take for a formula."""
    guarded = pc.binary_join_element_wise(pa.scalar("'", pa.large_string()), texts, pa.scalar("", pa.large_string()))
    return pc.if_else(pc.match_substring_regex(texts, _FORMULA), guarded, texts)


OUTPUTS: Final = (Output(c.PACKET_CSV, _write),)
