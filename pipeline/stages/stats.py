"""Count: rows and failures per model, dimension, error mode and bucket, each with its denominator."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import where_equal
from pipeline.ledger.gate import major_buckets

if TYPE_CHECKING:
    from pipeline.ledger.buckets import Buckets
    from pipeline.units import Units


def model_counts(turns: pa.Table, units: Units) -> pa.Table:
    """Count the top line: one row per benchmark x model in input order, also for one whose runs have no rows."""
    unit = units.of_rows(turns)
    judged, failed = np.asarray(turns[c.JUDGED]), np.asarray(turns[c.FAILED])
    kinds = {kind: where_equal(turns[c.RESPONSE_KIND], kind) for kind in (c.ENDED, c.ENDED_EARLY, c.EMPTY_RESPONSE)}
    masks = {
        c.ROWS_JUDGED: judged,
        c.INCOMPLETE_ROWS: ~judged,
        c.FAILED_ROWS: failed,
        c.EARLY_FAILED_ROWS: failed & kinds[c.ENDED_EARLY],
        **kinds,
    }
    everyone = np.arange(len(units.names))
    return pa.table(
        {
            **units.columns(everyone),
            c.RUNS: [len(runs) for runs in units.runs],
            **{name: np.bincount(unit[mask], minlength=len(everyone)) for name, mask in masks.items()},
        }
    )


def dimension_counts(scores: pa.Table, units: Units) -> pa.Table:
    """Count scores per benchmark x model x dimension; `fail_rate` is null where nothing was scored."""
    passed = scores[c.PASSED]
    scored = np.asarray(pc.is_valid(passed))
    failed = where_equal(passed, value=False)  # null is not false
    everything = np.ones(len(scored), dtype=bool)
    unit, dimension, counts = _crossed(scores, units, c.DIMENSION, {"": everything, c.SCORED: scored, c.FAILED: failed})
    n = counts[c.SCORED]
    return pa.table(
        {
            **units.columns(unit),
            c.DIMENSION: dimension,
            c.SCORED: n,
            c.FAILED: counts[c.FAILED],
            c.FAIL_RATE: pa.array(counts[c.FAILED] / np.maximum(n, 1), mask=n == 0),
        }
    )


def error_mode_counts(failures: pa.Table, units: Units) -> pa.Table:
    """Count failed rows per benchmark x model x error mode; `share` is of the model's failed rows."""
    everything = np.ones(len(failures), dtype=bool)
    unit, mode, counts = _crossed(failures, units, c.ERROR_MODE, {"": everything})
    totals = np.bincount(unit, weights=counts[""], minlength=len(units.names))
    return pa.table(
        {
            **units.columns(unit),
            c.ERROR_MODE: mode,
            c.FAILED_ROWS: counts[""],
            c.SHARE: counts[""] / totals[unit],
        }
    )


def bucket_counts(failures: pa.Table, units: Units, buckets: Buckets) -> pa.Table:
    """Count failed rows per benchmark x model x bucket, reviewed and provisional apart, largest bucket first.

    `own_rows` leaves out the rows that were filled in after the session had ended. By these a bucket is
    *major*: one of the model's three largest, ties included, or at least 10% of its failed rows; finer buckets
    count for their parents (`design/definitions.md`).
    """
    masks = {
        c.FAILED_ROWS: np.ones(len(failures), dtype=bool),
        c.REVIEWED: where_equal(failures[c.BUCKET_SOURCE], c.REVIEW),
        c.PROVISIONAL: where_equal(failures[c.BUCKET_SOURCE], c.RULE),
        c.OWN_ROWS: ~where_equal(failures[c.RESPONSE_KIND], c.ENDED_EARLY),
    }
    unit, bucket, counts = _crossed(failures, units, c.BUCKET, masks)
    own = counts[c.OWN_ROWS]
    order = np.lexsort((np.array(bucket, dtype=object).astype(str), -own, unit))
    parents = [buckets.parent(name) for name in bucket]
    sizes: dict[int, Counter[str]] = defaultdict(Counter)
    for position, parent, size in zip(unit.tolist(), parents, own.tolist(), strict=True):
        sizes[position][parent] += size
    majors = {position: major_buckets(of_unit) for position, of_unit in sizes.items()}
    major = [parent in majors[position] for position, parent in zip(unit.tolist(), parents, strict=True)]
    return pa.table({**units.columns(unit), c.BUCKET: bucket, **counts, c.MAJOR: major}).take(pa.array(order))


def _crossed(
    table: pa.Table, units: Units, column: str, masks: dict[str, np.ndarray]
) -> tuple[np.ndarray, list[str], dict[str, np.ndarray]]:
    """Count rows per unit x value of a dictionary-encoded column, once per mask, where the first mask has any."""
    values = table[column].combine_chunks()
    if not len(values):
        return np.zeros(0, dtype=np.int64), [], {name: np.zeros(0, dtype=np.int64) for name in masks}
    width = len(values.dictionary)
    cell = units.of_rows(table) * width + np.asarray(values.indices)
    counts = {name: np.bincount(cell[mask], minlength=len(units.names) * width) for name, mask in masks.items()}
    there = np.flatnonzero(next(iter(counts.values())))
    names = values.dictionary.take(pa.array(there % width)).to_pylist()
    return there // width, names, {name: count[there] for name, count in counts.items()}
