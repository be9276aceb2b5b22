"""Failures by category: what is known of each turn, and how many judged rows of each category failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from pipeline import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.load.reference import Reference
    from pipeline.load.turn_metadata import TurnMetadata

CATEGORY: Final = "category"
"""The name of what the reference's categories are."""


def turn_metadata_table(
    references: Mapping[str, Reference], metadata: TurnMetadata | None, benchmarks: Iterable[str]
) -> pd.DataFrame:
    """Return one row per benchmark x turn x column x value (`schema.TURN_METADATA`).

    The reference's categories are the column `category`; a line of the metadata without a benchmark is for every one.
    """
    known = [
        (benchmark, turn.turn, CATEGORY, value)
        for benchmark, reference in references.items()
        for turn in reference.turns.values()
        for value in turn.categories
    ]
    known += [
        (benchmark, turn, column, value)
        for benchmark in benchmarks
        for of_benchmark, turn, values in (metadata.rows if metadata else ())
        if of_benchmark in (None, benchmark)
        for column, texts in values.items()
        for value in texts
    ]
    frame = pd.DataFrame(list(dict.fromkeys(known)), columns=list(schema.TURN_METADATA)).astype({"turn": "int64"})
    repeated = [name for name, kind in schema.TURN_METADATA.items() if kind == "category"]
    categories = {name: pd.CategoricalDtype(pd.Index(frame[name].unique(), dtype="str")) for name in repeated}
    return schema.conform(frame.astype(categories), schema.TURN_METADATA)


def category_counts(turns: pd.DataFrame, metadata: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Return one row per benchmark x model x column x value (`schema.CATEGORY_COUNTS`), in input order.

    `turns` has `benchmark_name`, `model_name` (what is compared), `turn`, `judged` and `failed`. Counted are the rows
    judged on the turns of that value, and those of them that failed; a model without a judged row has no rate.
    """
    keys = ["benchmark_name", "turn"]
    judged = turns.loc[turns["judged"], [*keys, "model_name", "failed"]].astype(
        {"benchmark_name": "str", "model_name": "str"}
    )
    values = metadata.astype(dict.fromkeys(("benchmark_name", "column", "value"), "str"))
    by = ["benchmark_name", "model_name", "column", "value"]
    counted = (
        judged.merge(values, on=keys, validate="many_to_many")
        .groupby(by, sort=False)["failed"]
        .agg(rows_judged="size", failed_rows="sum")
    )
    every = (
        units[["benchmark_name", "model_name"]]
        .astype("str")
        .merge(values[["benchmark_name", "column", "value"]].drop_duplicates(), validate="many_to_many")
    )
    counts = every.join(counted, on=by, validate="one_to_one").fillna({"rows_judged": 0, "failed_rows": 0})
    counts = counts.astype({"rows_judged": "int64", "failed_rows": "int64"})
    rates = counts.assign(fail_rate=(counts["failed_rows"] / counts["rows_judged"]).where(counts["rows_judged"].gt(0)))
    kinds = {name: pd.CategoricalDtype(pd.Index(rates[name].unique(), dtype="str")) for name in by}
    return schema.conform(rates.astype(kinds | {"fail_rate": "float64"}), schema.CATEGORY_COUNTS)
