"""The review packet as CSV, for spreadsheets: written by Arrow, safe against formulas."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline import schema
from pipeline.export.formats.interface import PacketFormat
from pipeline.report.text import escaped_json, visible_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

_JSON: Final = ("scores", "tool_calls", "tool_results", "expected_calls", "call_check")
_NAMES: Final = {name: f"{name}_json" for name in _JSON}
_LISTS: Final = ("failed_dimensions", "categories")
VISIBLE: Final = ("row_id", "run_id", "benchmark_name", "model_name", "source")
"""Columns of names, whose hidden characters are written out."""
_TYPES: Final = {"run_index": pa.int64(), "turn": pa.int64(), "latency_ms": pa.float64(), "ttfb_ms": pa.float64()}
_SCHEMA: Final = pa.schema([(_NAMES.get(name, name), _TYPES.get(name, pa.large_string())) for name in schema.PACKET])
# A spreadsheet takes a cell that starts so for a formula; a leading ' is doubled so that one can be taken away.
# https://owasp.org/www-community/attacks/CSV_Injection
# The signs count in their full-width and small forms too, and after whatever is skipped or cannot be seen before them:
# spaces, controls, zero-width characters, marks, and fillers.
_SIGNS: Final = r"=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}\x{fe62}\x{fe63}\x{fe66}\x{fe6b}"
_UNSEEN: Final = r"\p{Z}\p{Cc}\p{Cf}\p{Mn}\x{115f}\x{1160}\x{2800}\x{3164}\x{ffa0}"
_FORMULA: Final = rf"^(?:[\t\r\n']|[{_UNSEEN}]*[{_SIGNS}])"


def encode(rows: pd.DataFrame, sizes: Sequence[int]) -> list[bytes]:
    """Return the lines of packet rows, as many rows to a piece as `sizes` says."""
    lists = {
        name: rows[name].map(lambda names: ",".join(map(visible_name, names)), na_action="ignore").astype("str")
        for name in _LISTS
    }
    flat = rows.assign(
        **lists,
        **{name: rows[name].astype("object").map(visible_name, na_action="ignore") for name in VISIBLE},
        **{name: rows[name].astype("object").map(escaped_json, na_action="ignore") for name in _NAMES},
    )
    table = pa.Table.from_arrays([_cells(flat[name], name) for name in schema.PACKET], schema=_SCHEMA)
    stream = BytesIO()
    ends = []
    with csv.CSVWriter(stream, _SCHEMA, write_options=csv.WriteOptions(include_header=False)) as writer:
        first = 0
        for size in sizes:
            writer.write_table(table.slice(first, size))
            first += size
            ends.append(stream.tell())
    written = stream.getvalue()
    return [written[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _cells(column: pd.Series, name: str) -> pa.ChunkedArray:
    if name in _TYPES:
        return pa.chunked_array([pa.array(column, _TYPES[name], from_pandas=True)])
    return guard(pa.chunked_array([pa.array(column.astype("str"), pa.large_string(), from_pandas=True)]))


def guard(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts with one `'` before each that a spreadsheet would take for a formula."""
    guarded = pc.binary_join_element_wise(pa.scalar("'", pa.large_string()), texts, pa.scalar("", pa.large_string()))
    return pc.if_else(pc.match_substring_regex(texts, _FORMULA), guarded, texts)


def _header() -> bytes:
    stream = BytesIO()
    csv.write_csv(_SCHEMA.empty_table(), stream)
    return stream.getvalue()


PACKET: Final = PacketFormat(schema.PACKET_CSV, _header(), encode)
