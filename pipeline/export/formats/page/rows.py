"""Encode the failed rows, and the other rows that the report counts, as columns of numbers into lists of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from pipeline import schema
from pipeline.export.formats.page.turns import exact_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.analysis import Analysis

_COLUMNS: Final = {
    "benchmark": "benchmark_name",
    "model": "model_name",
    "run": "run_id",
    "kind": "response_kind",
    "mode": "error_mode",
    "bucket": "bucket",
    "state": "review_state",
    "attribution": "attribution",
    "outcome": "outcome",
}
"""Columns by the names of the page's filters."""


def packet_order(failures: pd.DataFrame) -> pd.Index:
    """Return the index of the failed rows in the packet's order: benchmark, model, run (alphabetically), turn."""
    keys = ["benchmark_name", "model_name", "run_id"]
    return failures[keys].astype("str").assign(turn=failures["turn"]).sort_values([*keys, "turn"]).index


def encode_rows(analysis: Analysis, packet: pd.Index) -> dict[str, Any]:
    """Return the failed rows in the packet's order, and after them the others that the report counts.

    `rows` has a list for each column: per row its position in the list of `names` (or `sets`, for the lists of
    dimensions) of that column, or a single position where it is the same for all rows.
    """
    reviews = analysis.reviews[["row_id", "review_state", "attribution"]]
    columns = [
        "row_id",
        "failed_dimensions",
        "turn",
        *(name for name in _COLUMNS.values() if name in analysis.failures),
    ]
    failed = analysis.failures.loc[packet, columns].merge(reviews, on="row_id", validate="one_to_one")
    others = _counted_others(analysis)
    shown = pd.concat([failed.assign(outcome="failed"), others], ignore_index=True)
    names: dict[str, list[str]] = {}
    rows: dict[str, list[int] | list[str] | int] = {"turn": exact_numbers(shown["turn"].tolist())}
    for name, column in _COLUMNS.items():
        places, values = pd.factorize(shown[column].astype("str").fillna(""))
        names[name], rows[name] = values.tolist(), 0 if len(values) == 1 else places.tolist()
    secondary = {
        row.row_id: tuple(row.settled.decision.secondary_dimensions)
        for row in analysis.review.decided
        if row.settled.decision
    }
    none: list[tuple[str, ...]] = [()] * len(others)
    sets, codes = _factorized(
        [
            *map(tuple, failed["failed_dimensions"]),
            *none,
            *(secondary.get(row_id, ()) for row_id in failed["row_id"]),
            *none,
        ]
    )
    rows["dimensions"], rows["secondary"] = (0, 0) if len(sets) == 1 else (codes[: len(shown)], codes[len(shown) :])
    return {"names": names, "sets": sets, "rows": rows}


def parents(analysis: Analysis) -> dict[str, str]:
    """Return each bucket of the failed rows with the one that it counts for."""
    return {name: analysis.review.buckets.parent(name) for name in analysis.failures["bucket"].unique()}


def _counted_others(analysis: Analysis) -> pd.DataFrame:
    """Return the rows that are counted although they did not fail: incomplete ones, endings, empty responses."""
    turns = analysis.light_turns
    marked = turns["response_kind"].isin(list(schema.SENTINELS))
    others = turns[(~turns["judged"] | marked) & ~turns["failed"]]
    others = others[["benchmark_name", "model_name", "run_id", "response_kind", "turn", "judged"]]
    return others.assign(outcome=others["judged"].map({True: "passed", False: "incomplete"}))


def _factorized(values: Iterable[tuple[str, ...]]) -> tuple[list[tuple[str, ...]], list[int]]:
    """Return the distinct values in order, and each value's position among them; `pandas.factorize` for tuples."""
    positions: dict[tuple[str, ...], int] = {}
    codes = [positions.setdefault(value, len(positions)) for value in values]
    return list(positions), codes
