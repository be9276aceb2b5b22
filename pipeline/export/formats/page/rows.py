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


def in_packet_order(failures: pd.DataFrame) -> pd.DataFrame:
    """Return the failed rows as the review packet lists them: by benchmark, model, run (alphabetically) and turn."""
    keys = ["benchmark_name", "model_name", "run_id"]
    order = failures[keys].astype("str").assign(turn=failures["turn"]).sort_values([*keys, "turn"], kind="stable")
    return failures.loc[order.index]


def encode_rows(analysis: Analysis, packet: pd.DataFrame) -> dict[str, Any]:
    """Return the failed rows, in the order of `packet`, and after them the others that the report counts.

    `rows` has a list for each column: per row its position in the list of `names` (or `sets`, for the lists of
    dimensions) of that column, or a single position where it is the same for all rows.
    """
    reviews = analysis.reviews[["row_id", "review_state", "attribution"]]
    failed = packet.merge(reviews, on="row_id", how="left", validate="one_to_one").assign(outcome="failed")
    others = _counted_others(analysis)
    shown = pd.concat([failed, others], ignore_index=True)[["turn", *_COLUMNS.values()]]
    names: dict[str, list[str]] = {}
    rows: dict[str, list[int] | list[str] | int] = {"turn": exact_numbers(shown["turn"].tolist())}
    for name, column in _COLUMNS.items():
        names[name], rows[name] = _encoded(shown[column].astype("str").fillna(""))
    secondary = {
        row.row_id: tuple(row.settled.decision.secondary_dimensions)
        for row in analysis.review.decided
        if row.settled.decision
    }
    none: list[tuple[str, ...]] = [()] * len(others)
    lists = [
        *(tuple(dimensions) for dimensions in failed["failed_dimensions"]),
        *none,
        *(secondary.get(row_id, ()) for row_id in failed["row_id"]),
        *none,
    ]
    sets, positions = _encoded(lists)
    total = len(shown)
    rows["dimensions"], rows["secondary"] = (
        (positions, positions) if isinstance(positions, int) else (positions[:total], positions[total:])
    )
    return {"names": names, "sets": sets, "rows": rows}


def parents(analysis: Analysis) -> dict[str, str]:
    """Return each bucket of the failed rows with the one that it counts for."""
    return {name: analysis.review.buckets.parent(name) for name in analysis.failures["bucket"].unique()}


def _counted_others(analysis: Analysis) -> pd.DataFrame:
    """Return the rows that are counted although they did not fail: incomplete ones, endings, empty responses."""
    turns = analysis.turns
    marked = turns["response_kind"].isin(list(schema.SENTINELS))
    others = turns[(~turns["judged"] | marked) & ~turns["failed"]]
    return others.assign(outcome=others["judged"].map({True: "passed", False: "incomplete"}))


def _encoded(values: Iterable[Any]) -> tuple[list[Any], list[int] | int]:
    """Return the distinct values in order, and each value's position among them; one position if all are alike."""
    positions: dict[Any, int] = {}
    found = [positions.setdefault(value, len(positions)) for value in values]
    return list(positions), 0 if len(positions) == 1 else found
