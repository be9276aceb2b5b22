"""All rows of an analysis at hand: the texts lie in a file that is mapped into memory and vanishes with the process."""

from __future__ import annotations

from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline import schema as c
from pipeline.errors import InputError, Problem
from pipeline.review.context import SHOWN, Conversations, all_rows, as_rows, read_table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from pipeline.review.context import Around, Row


class Archive:
    """Finds a row and what stands around it in a few milliseconds, however many rows there are."""

    def __init__(self, folder: Path) -> None:
        """Read an analysis folder. Raises `InputError` if its tables cannot be read."""
        light = all_rows(folder)
        self._conversations = Conversations(light)
        ids = light[c.ROW_ID]
        self._positions = {row_id: place for place, row_id in enumerate(ids.to_pylist())}
        self._file = TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        self._turns = self._mapped(folder / c.TURNS_PARQUET)
        scores = read_table(folder / c.SCORES_PARQUET, (c.ROW_ID, c.DIMENSION, c.PASSED))
        of_row = np.asarray(pc.index_in(scores[c.ROW_ID].combine_chunks(), ids.combine_chunks()))
        self._scores = scores.combine_chunks()
        self._order = np.argsort(of_row, kind="stable")
        self._first = np.searchsorted(of_row[self._order], np.arange(len(light) + 1))

    def _mapped(self, path: Path) -> pa.Table:
        """Write the shown columns as they lie in memory, and map them."""
        try:
            file = parquet.ParquetFile(path)
            schema = pa.schema([file.schema_arrow.field(name) for name in SHOWN])
            with pa.ipc.new_stream(pa.PythonFile(self._file, mode="w"), schema) as writer:
                for group in range(file.num_row_groups):
                    writer.write_table(file.read_row_group(group, columns=list(SHOWN)).select(SHOWN))
            self._file.flush()
            return pa.ipc.open_stream(pa.memory_map(f"/dev/fd/{self._file.fileno()}")).read_all()
        except (OSError, pa.ArrowException) as error:
            raise InputError(Problem(str(path), f"cannot be read back: {error}", "analyse again")) from None

    def around(self, row_ids: Sequence[str]) -> dict[str, Around]:
        """Give rows with what stands around them."""
        return self._conversations.around(row_ids, self._fetch)

    def _fetch(self, row_ids: Collection[str]) -> dict[str, Row]:
        if not row_ids:
            return {}
        places = sorted(self._positions[row_id] for row_id in row_ids)
        scores = np.concatenate([self._order[self._first[p] : self._first[p + 1]] for p in places])
        return as_rows(self._turns.take(pa.array(places)), self._scores.take(pa.array(scores)))
