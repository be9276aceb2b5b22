"""Exact counts per model, dimension, error mode and bucket, each with its denominator.

`units` is what is compared: one row per benchmark x model (or run) in input order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline import schema
from pipeline.ledger.gate import major_buckets
from pipeline.stages.tables import is_false

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.ledger.buckets import Buckets

UNIT = ["benchmark_name", "model_name"]
EARLY = "model_ended_session_early"


def model_counts(
    turns: pd.DataFrame, failures: pd.DataFrame, units: pd.DataFrame, losses: pd.DataFrame
) -> pd.DataFrame:
    """Return one row per benchmark x model in input order; a model whose runs have no rows counts zeros.

    A turn that the harness lost or excluded is a pipeline loss, whether it has a row or not, and never incomplete.
    `tentative` counts the failed rows whose error mode is tentative, reviewed or not.
    """
    kinds = {kind: turns["response_kind"].eq(kind) for kind in ("model_ended_session", EARLY, "empty_response")}
    lost = losses.loc[losses["kind"].isin(schema.LOST_TURNS), [*UNIT, "run_id", "turn"]].drop_duplicates()
    lost_rows = lost["run_id"].astype("str") + ":" + lost["turn"].astype("str")
    flags = {
        "rows_judged": turns["judged"],
        "incomplete_rows": ~turns["judged"] & ~turns["row_id"].isin(lost_rows),
        "failed_rows": turns["failed"],
        "early_failed_rows": turns["failed"] & kinds[EARLY],
        **kinds,
        "expected_endings": turns["response_kind"].eq(schema.EXPECTED_ENDING),
    }
    counts = turns[UNIT].assign(**flags).groupby(UNIT, observed=True)[list(flags)].sum()
    lost_turns = lost.groupby(UNIT, observed=True).size().rename("pipeline_losses")
    tentative = failures[_is_tentative(failures)].groupby(UNIT, observed=True).size().rename("tentative")
    counted = (
        units[UNIT]
        .merge(counts.reset_index(), on=UNIT, how="left", validate="one_to_one")
        .merge(lost_turns.reset_index(), on=UNIT, how="left", validate="one_to_one")
        .merge(tentative.reset_index(), on=UNIT, how="left", validate="one_to_one")
        .drop(columns=UNIT)
        .fillna(0)
        .astype("int64")
    )
    fail_rate = counted["failed_rows"] / counted["rows_judged"].where(counted["rows_judged"] > 0)
    return schema.conform(pd.concat([units, counted], axis="columns").assign(fail_rate=fail_rate), schema.MODEL_COUNTS)


def dimension_counts(scores: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Return one row per benchmark x model x dimension; what was never scored has no `fail_rate`."""
    counts = (
        scores[[*UNIT, "dimension"]]
        .assign(scored=scores["passed"].notna(), failed=is_false(scores["passed"]))
        .groupby([*UNIT, "dimension"], observed=True)[["scored", "failed"]]
        .sum()
        .reset_index()
        .assign(fail_rate=lambda rows: rows["failed"] / rows["scored"].where(rows["scored"] > 0))
    )
    return schema.conform(_in_input_order(counts, units), schema.DIMENSION_COUNTS)


def error_mode_counts(failures: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Return one row per benchmark x model x error mode; `share` is of the model's failed rows.

    `tentative` says how many of the failed rows have the mode as a tentative label.
    """
    names = [*UNIT, "error_mode"]
    counts = (
        failures[names]
        .assign(failed_rows=True, tentative=_is_tentative(failures))
        .groupby(names, observed=True)[["failed_rows", "tentative"]]
        .sum()
        .astype("int64")
    )
    share = counts["failed_rows"] / counts["failed_rows"].groupby(UNIT, observed=True).transform("sum")
    counted = counts.assign(share=share.astype("float64")).reset_index()
    return schema.conform(_in_input_order(counted, units), schema.ERROR_MODE_COUNTS)


def bucket_counts(failures: pd.DataFrame, units: pd.DataFrame, buckets: Buckets) -> pd.DataFrame:
    """Return one row per benchmark x model x bucket, reviewed and provisional apart, largest bucket first.

    `tentative` counts the provisional rows whose label is tentative.
    `own_rows` leaves out the rows that were filled in after the session had ended. By these a bucket is *major*:
    one of the model's three largest, ties included, or at least 10% of its failed rows; finer buckets count for
    their parents (`ledger/gate.py`).
    """
    flags = {
        "failed_rows": failures["bucket"].notna(),
        "reviewed": failures["bucket_source"].eq("review"),
        "provisional": failures["bucket_source"].eq("rule"),
        "tentative": failures["bucket_source"].eq("rule") & _is_tentative(failures),
        "own_rows": failures["response_kind"].ne(EARLY),
    }
    names = [*UNIT, "bucket"]
    counts = failures[names].assign(**flags).groupby(names, observed=True)[list(flags)].sum().reset_index()
    counts = counts.assign(
        major=pd.Series(_is_major(counts, buckets), counts.index, dtype="bool"), name=counts["bucket"].astype("str")
    )
    ordered = counts.sort_values(["own_rows", "name"], ascending=[False, True])
    return schema.conform(_in_input_order(ordered.drop(columns="name"), units), schema.BUCKET_COUNTS)


def _is_tentative(failures: pd.DataFrame) -> pd.Series:
    """Return, per failed row, whether its error mode is tentative."""
    return failures["error_mode_confidence"].eq(schema.TENTATIVE)


def _is_major(counts: pd.DataFrame, buckets: Buckets) -> list[bool]:
    """Return, per row of `counts`, whether its bucket or its parent is a major one of the model."""
    sizes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    found: Iterable[Any] = counts.itertuples()
    rows = [((row.benchmark_name, row.model_name), buckets.parent(row.bucket), row.own_rows) for row in found]
    for unit, parent, own_rows in rows:
        sizes[unit][parent] += own_rows
    major = {unit: major_buckets(of_unit) for unit, of_unit in sizes.items()}
    return [parent in major[unit] for unit, parent, _ in rows]


def _in_input_order(counts: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Return counts model by model in the order of `units`, each model's rows in the order they have."""
    return units[UNIT].merge(counts, on=UNIT, validate="one_to_many")
