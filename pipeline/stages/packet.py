"""Lay out the review packet: every failed row with all the evidence a reviewer needs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c


def review_order(failures: pa.Table) -> np.ndarray:
    """Give the positions of the failed rows in the packet's order: by benchmark, model, run, turn."""
    keys = [_ranks(failures[name].combine_chunks()) for name in (c.RUN_ID, c.MODEL, c.BENCHMARK)]
    return np.lexsort((np.asarray(failures[c.TURN]), *keys))


def review_rows(failures: pa.Table) -> pa.Table:
    """Lay out failed rows (columns of the turns table, and `scores`) as the packet has them, in their order.

    `scores`, `tool_calls` and `tool_results` are JSON text; `source` is the row's `file:line`.
    """
    colon = pa.scalar(":", pa.large_string())
    file, line = (failures[name].cast(pa.large_string()) for name in (c.SOURCE_FILE, c.SOURCE_LINE))
    columns = {
        **{name: failures[name] for name in failures.column_names},
        c.ERROR_MODE_CANDIDATE: failures[c.ERROR_MODE],
        c.SOURCE: pc.binary_join_element_wise(file, line, colon),
    }
    return pa.table({name: columns[name] for name in c.PACKET_COLUMNS})


def _ranks(column: pa.DictionaryArray) -> np.ndarray:
    """Rank each row by its value in alphabetical order."""
    names = column.dictionary.to_pylist()
    rank = {name: position for position, name in enumerate(sorted(names))}
    return np.array([rank[name] for name in names], dtype=np.int64).take(np.asarray(column.indices))
