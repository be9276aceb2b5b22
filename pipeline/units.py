"""What is compared: the models, their runs pooled as repeats, or each run by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline import schema as c

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from pipeline.load.records import RunInput


class Units(NamedTuple):
    """The compared units in input order; a unit is a (benchmark, model) or, by run, a (benchmark, run id)."""

    names: tuple[tuple[str, str], ...]
    runs: tuple[tuple[str, ...], ...]
    """The run ids of each unit."""

    def of_rows(self, table: pa.Table) -> np.ndarray:
        """Give the position of each row's unit; `table` has a `run_id` column, dictionary-encoded."""
        unit_of_run = {run_id: unit for unit, run_ids in enumerate(self.runs) for run_id in run_ids}
        column = table[c.RUN_ID].combine_chunks()
        if not len(column):
            return np.zeros(0, dtype=np.int64)
        units = np.array([unit_of_run[run_id] for run_id in column.dictionary.to_pylist()], dtype=np.int64)
        return units.take(np.asarray(column.indices))

    def columns(self, units: np.ndarray) -> dict[str, list[str]]:
        """Give the benchmark and the name of units by their positions, as columns of a counted table."""
        chosen = [self.names[unit] for unit in units.tolist()]
        return {c.BENCHMARK: [benchmark for benchmark, _ in chosen], c.MODEL: [name for _, name in chosen]}


def find_units(inputs: Sequence[RunInput], compare_by: c.CompareBy) -> Units:
    """Group the runs into what is compared."""
    runs: dict[tuple[str, str], list[str]] = {}
    for run in inputs:
        name = run.model_name if compare_by == "model" else run.run_id
        runs.setdefault((run.benchmark_name, name), []).append(run.run_id)
    return Units(tuple(runs), tuple(map(tuple, runs.values())))
