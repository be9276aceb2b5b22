"""The sheets of the workbook that `export --format xlsx` writes: what stands in each cell. Needs no openpyxl."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd
import pyarrow as pa

from pipeline import schema
from pipeline.export.formats.packet_csv import VISIBLE, guard
from pipeline.report.text import escaped_json, visible, visible_name
from pipeline.stages.packet import in_review_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.analysis import Analysis

Cell = str | int | float | bool | None

# https://support.microsoft.com/en-us/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3
CELL_LIMIT: Final = 32_767
"""The longest text of a cell, in UTF-16 code units."""
MOST_ROWS: Final = 1_048_575
"""The rows of a sheet below its header."""
RATES: Final = ("fail_rate", "share")
"""Columns that are shown as percentages."""

_NARROW, _WIDE, _HEAD = 8, 60, 200
_FAILED_ROWS: Final = (
    *("row_id", "benchmark_name", "model_name", "run_id", "run_index", "turn", "failed_dimensions"),
    *("error_mode", "error_mode_confidence", "bucket", "bucket_source", "response_kind"),
    *("user_text", "assistant_text", "judge_reasoning", "tool_calls", "tool_results", *schema.OF_REFERENCE),
    *("error_mode_rule", "error_mode_evidence", "latency_ms", "ttfb_ms", "source"),
)
_JSON: Final = ("tool_calls", "tool_results", "expected_calls", "call_check")
_NO_XML: Final = re.compile("[\ufffe\uffff]")  # https://www.w3.org/TR/xml/#charsets
# Excel reads `_x0041_` in a text as `A`: the underscore is written as `_x005F_` (ECMA-376, part 1, 22.9.2.19).
_ESCAPED: Final = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its columns in order, each a list of cells of equal length, and what did not fit in."""

    name: str
    columns: dict[str, list[Cell]]
    rows_left_out: int = 0

    @property
    def widths(self) -> list[int]:
        """The width of each column in characters, from its header and first cells."""
        return [
            min(max(_NARROW, len(name), *(_longest_line(cell) for cell in cells[:_HEAD]), 0) + 2, _WIDE)
            for name, cells in self.columns.items()
        ]

    @property
    def cut_texts(self) -> int:
        """The number of texts that are too long for a cell."""
        return sum(isinstance(cell, _Cut) for cells in self.columns.values() for cell in cells)


class _Cut(str):
    """A text that was cut to the size of a cell."""

    __slots__ = ()


def sheets(analysis: Analysis) -> list[Sheet]:
    """Return the sheets of the workbook, in order; the first one says what does not fit into the others."""
    failed = analysis.failures.drop(columns="source_file").assign(
        source=analysis.failures["source_file"].astype("str") + ":" + analysis.failures["source_line"].astype("str")
    )
    texts = analysis.evidence_of(failed["row_id"])[list(schema.TEXTS)].set_axis(failed.index)
    failed = in_review_order(failed.join(texts, validate="one_to_one"))[list(_FAILED_ROWS)]
    shares = analysis.bucket_counts.merge(
        analysis.model_counts[["benchmark_name", "model_name", "failed_rows"]],
        on=["benchmark_name", "model_name"],
        suffixes=("", "_of_model"),
        validate="many_to_one",
    )
    causes = shares.assign(share=shares["failed_rows"] / shares["failed_rows_of_model"])
    tables = [
        _sheet("Models", analysis.model_counts),
        _sheet("Causes", causes.drop(columns="failed_rows_of_model")),
        _sheet("Error modes", analysis.error_mode_counts),
        _sheet("Failed rows", failed),
        _sheet("Turn outcomes", analysis.turn_outcomes),
        _sheet("Reviews", analysis.reviews),
    ]
    return [_summary(analysis, tables), *tables]


def _summary(analysis: Analysis, tables: Iterable[Sheet]) -> Sheet:
    judged = int(analysis.model_counts["rows_judged"].sum())
    facts: dict[str, Cell] = {
        "Analysis": analysis.name,
        "Status": analysis.stamp,
        "Benchmarks": ", ".join(analysis.benchmarks),
        "Runs": len(analysis.inputs),
        "Judged rows": judged,
        "Failed rows": analysis.failed_rows,
        "Dimensions": ", ".join(analysis.included_dimensions),
        "Warnings": sum(note.severity != "info" for note in analysis.notes),
    }
    for sheet in tables:
        if sheet.cut_texts:
            facts[f"{sheet.name}: texts cut"] = f"{sheet.cut_texts}; they are whole in {schema.PACKET_JSONL}"
        if sheet.rows_left_out:
            facts[f"{sheet.name}: rows left out"] = f"{sheet.rows_left_out}; a sheet holds no more"
    frame = pd.DataFrame({"what": list(facts), "value": pd.Series(list(facts.values()), dtype="object")})
    return _sheet("Summary", frame)


def _sheet(name: str, frame: pd.DataFrame) -> Sheet:
    shown = frame.head(MOST_ROWS)
    return Sheet(name, {str(column): _cells(shown[column]) for column in shown}, len(frame) - len(shown))


def _cells(column: pd.Series) -> list[Cell]:
    """Return the cells of a column: numbers and booleans as they are, texts safe for a spreadsheet, lists joined.

    An empty text or list is an empty cell.
    """
    missing = column.isna()
    if pd.api.types.is_numeric_dtype(column):  # booleans, too
        return [None if gone else value for value, gone in zip(column.tolist(), missing, strict=True)]
    values = [None if gone else value for value, gone in zip(column.tolist(), missing, strict=True)]
    texts = [_shown(value, str(column.name)) if isinstance(value, str | list) and value else None for value in values]
    guarded = guard(pa.chunked_array([pa.array(texts, pa.large_string())])).to_pylist()
    others = [None if isinstance(value, str | list) else value for value in values]
    return [other if text is None else fitted(text) for text, other in zip(guarded, others, strict=True)]


def _shown(value: str | list[str], name: str) -> str:
    """Return a text, or a list of names, with its hidden characters written out."""
    if isinstance(value, list):
        return ", ".join(map(visible_name, value))
    if name in _JSON:
        value = escaped_json(value)
    return visible_name(value) if name in VISIBLE else visible(value)


def fitted(text: str) -> str:
    """Return a text as Excel can hold it: XML's characters only, and cut, saying so, where it is too long."""
    safe = _ESCAPED.sub("_x005F_", _NO_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", text))
    if len(safe) <= CELL_LIMIT // 2 or len(safe.encode("utf-16-le")) // 2 <= CELL_LIMIT:
        return safe
    note = f"… (cut, {len(text)} characters in all)"
    return _Cut(safe.encode("utf-16-le")[: 2 * (CELL_LIMIT - len(note))].decode("utf-16-le", errors="ignore") + note)


def _longest_line(cell: Cell) -> int:
    return max(map(len, cell.splitlines()), default=0) if isinstance(cell, str) else len(str(cell or ""))
