"""The tables as Parquet, for dashboards and notebooks: plain types, zstd, the schema version in the metadata."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, Self

import pyarrow as pa
from pyarrow import parquet

from pipeline import schema as c
from pipeline.export.formats.interface import Output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Report

_ROW_GROUP: Final = 16_384
_LIST: Final = "list<string>"
_TABLES: Final = {
    "scores": c.SCORE_ROWS,
    "dimension_counts": c.DIMENSION_COUNTS,
    "error_mode_counts": c.ERROR_MODE_COUNTS,
    "turn_outcomes": c.TURN_OUTCOMES,
    "turn_sets": c.TURN_SETS,
    "reviews": c.REVIEWS,
}


class TableWriter:
    """Write a table part by part; a part has at least the columns of the schema."""

    def __init__(self, stream: BinaryIO, columns: Mapping[str, str]) -> None:
        self._schema = pa.schema({name: _type(kind) for name, kind in columns.items()})
        self._writer = parquet.ParquetWriter(
            stream,
            self._schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name in columns if name not in (*c.TEXTS, c.ROW_ID)],
            store_schema=False,
        )

    def write(self, table: pa.Table) -> None:
        """Append the rows of a table, repeated strings written out as plain ones."""
        self._writer.write_table(table.select(self._schema.names).cast(self._schema), row_group_size=_ROW_GROUP)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._writer.add_key_value_metadata({"schema_version": str(c.SCHEMA_VERSION)})
        self._writer.close()


def _type(kind: str) -> pa.DataType:
    if kind == _LIST:
        return pa.list_(pa.string())
    return pa.large_string() if kind == "string" else pa.type_for_alias(kind)


def _write(_: Report, analysis: Analysis, stream: BinaryIO, *, name: str) -> None:
    with TableWriter(stream, _TABLES[name]) as writer:
        writer.write(analysis.tables[name])


OUTPUTS: Final = tuple(Output(f"tables/{name}.parquet", partial(_write, name=name)) for name in _TABLES)
