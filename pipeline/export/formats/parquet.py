"""The tables as Parquet, for dashboards and notebooks: plain types, zstd, the schema version in the metadata."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, Self

import pyarrow as pa
from pyarrow import parquet

from pipeline import schema
from pipeline.analysis import score_rows
from pipeline.export.formats.interface import Output

if TYPE_CHECKING:
    from types import TracebackType

    import pandas as pd

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Report

_ROW_GROUP: Final = 16_384
_TABLES: Final = {
    "dimension_counts": schema.DIMENSION_COUNTS,
    "error_mode_counts": schema.ERROR_MODE_COUNTS,
    "turn_outcomes": schema.TURN_OUTCOMES,
    "turn_sets": schema.TURN_SETS,
    "reviews": schema.REVIEWS,
}
_OPTIONAL: Final = {
    "turn_metadata": schema.TURN_METADATA,
    "category_counts": schema.CATEGORY_COUNTS,
    "verdict_candidates": schema.VERDICT_CANDIDATES,
    "recurring": schema.RECURRING,
}
"""Tables that are written when they have rows."""
_TYPES: Final = {
    "str": pa.large_string(),
    "category": pa.large_string(),
    "list": pa.list_(pa.string()),
    "bool": pa.bool_(),
    "boolean": pa.bool_(),
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "float64": pa.float64(),
}
"""What stands in the file for a dtype of `schema`: repeated strings are written out as plain ones."""


class TableWriter:
    """Write a table part by part; a part has at least the columns of the table."""

    def __init__(self, stream: BinaryIO, columns: schema.Columns) -> None:
        self._schema = pa.schema({name: _TYPES[kind] for name, kind in columns.items()})
        self._writer = parquet.ParquetWriter(
            stream,
            self._schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name in columns if name not in (*schema.TEXTS, "row_id")],
            store_schema=False,
        )

    def write(self, rows: pd.DataFrame) -> None:
        """Append rows."""
        table = pa.Table.from_pandas(rows[self._schema.names], self._schema, preserve_index=False, nthreads=1)
        self._writer.write_table(table.replace_schema_metadata(None), row_group_size=_ROW_GROUP)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._writer.add_key_value_metadata({"schema_version": str(schema.SCHEMA_VERSION)})
        self._writer.close()


def _write(_: Report, analysis: Analysis, stream: BinaryIO, *, name: str) -> None:
    with TableWriter(stream, (_TABLES | _OPTIONAL)[name]) as writer:
        writer.write(getattr(analysis, name))


def _has_rows(analysis: Analysis, *, name: str) -> bool:
    return len(getattr(analysis, name)) > 0


def _write_scores(_: Report, analysis: Analysis, stream: BinaryIO) -> None:
    scores = analysis.long_scores
    with TableWriter(stream, schema.SCORE_ROWS) as writer:
        for first in range(0, max(len(scores), 1), _ROW_GROUP):  # the row ids of all rows at once take much room
            writer.write(score_rows(scores.iloc[first : first + _ROW_GROUP], analysis.name))


def _write_signs(_: Report, analysis: Analysis, stream: BinaryIO) -> None:
    with TableWriter(stream, schema.SIGNS) as writer:
        writer.write(analysis.signs)


def _write_losses(_: Report, analysis: Analysis, stream: BinaryIO) -> None:
    with TableWriter(stream, schema.PIPELINE_LOSSES) as writer:
        writer.write(analysis.pipeline_losses)


OUTPUTS: Final = (
    *(Output(f"tables/{name}.parquet", partial(_write, name=name)) for name in _TABLES),
    *(
        Output(f"tables/{name}.parquet", partial(_write, name=name), wanted=partial(_has_rows, name=name))
        for name in _OPTIONAL
    ),
    Output(schema.SIGNS_PARQUET, _write_signs, wanted=lambda analysis: bool(analysis.signs["rows"].any())),
    Output(schema.SCORES_PARQUET, _write_scores),
    Output(schema.LOSSES_PARQUET, _write_losses, wanted=lambda analysis: bool(len(analysis.pipeline_losses))),
)
