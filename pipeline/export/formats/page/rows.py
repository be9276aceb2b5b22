"""Encode the failed rows, and the other rows that the report counts, as columns of numbers into lists of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from pipeline import schema
from pipeline.export.formats.page.turns import exact_numbers
from pipeline.ledger.codebook import MODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from pipeline.analysis import Analysis

_Value = TypeVar("_Value")
_OF_ALL_ROWS: Final = {"benchmark": "benchmark_name", "model": "model_name", "run": "run_id", "kind": "response_kind"}
_OF_FAILED_ROWS: Final = {"mode": "error_mode", "confidence": "error_mode_confidence", "bucket": "bucket"}
_OF_REVIEWS: Final = {"state": "review_state", "attribution": "attribution"}
"""Columns by the names of the page's filters."""


def packet_order(failures: pd.DataFrame) -> list[int]:
    """Return the labels of the failed rows in the packet's order: benchmark, model, run (alphabetically), turn."""
    keys = zip(
        failures["benchmark_name"].tolist(),
        failures["model_name"].tolist(),
        failures["run_id"].tolist(),
        failures["turn"].tolist(),
        failures.index.tolist(),
        strict=True,
    )
    return [label for *_, label in sorted(keys)]


def encode_rows(analysis: Analysis, packet: list[int]) -> dict[str, Any]:
    """Return the failed rows in the packet's order, and after them the others that the report counts.

    `rows` has a list for each column: per row its position in the list of `names` (or `sets`, for the lists of
    dimensions) of that column, or a single position where it is the same for all rows.
    """
    failed = analysis.failures.loc[packet]
    others = _counted_others(analysis)
    row_ids = failed["row_id"].tolist()
    none = [""] * len(others)
    columns = {
        **{name: failed[column].tolist() + others[column].tolist() for name, column in _OF_ALL_ROWS.items()},
        **{name: failed[column].tolist() + none for name, column in _OF_FAILED_ROWS.items()},
        "runner_up": _runners_up(failed) + none,
        **{name: _of_reviews(analysis, row_ids, column) + none for name, column in _OF_REVIEWS.items()},
        "outcome": ["failed"] * len(failed) + ["passed" if judged else "incomplete" for judged in others["judged"]],
    }
    names: dict[str, list[str]] = {}
    turns = failed["turn"].tolist() + others["turn"].tolist()
    rows: dict[str, list[int] | list[str] | int] = {"turn": exact_numbers(turns)}
    for name, column in columns.items():
        names[name], codes = _factorized(value if isinstance(value, str) else "" for value in column)
        rows[name] = 0 if len(names[name]) == 1 else codes
    secondary = {
        row.row_id: tuple(row.settled.decision.secondary_dimensions)
        for row in analysis.review.decided
        if row.settled.decision
    }
    no_sets: list[tuple[str, ...]] = [()] * len(others)
    sets, codes = _factorized(
        [
            *map(tuple, failed["failed_dimensions"].tolist()),
            *no_sets,
            *(secondary.get(row_id, ()) for row_id in row_ids),
            *no_sets,
        ]
    )
    rows["dimensions"], rows["secondary"] = (0, 0) if len(sets) == 1 else (codes[: len(turns)], codes[len(turns) :])
    return {"names": names, "sets": sets, "rows": rows}


def _runners_up(failed: pd.DataFrame) -> list[str]:
    """Return the short names of the modes that come next where the label is tentative."""
    names = {mode: text.short_name for mode, text in MODES.items()}
    tentative = failed["error_mode_confidence"].eq(schema.TENTATIVE)
    return failed["error_mode_runner_up"].astype("object").where(tentative).map(names).fillna("").tolist()


def _of_reviews(analysis: Analysis, row_ids: list[str], column: str) -> list[Any]:
    """Return a column of `analysis.reviews` for these rows."""
    values = dict(zip(analysis.reviews["row_id"].tolist(), analysis.reviews[column].tolist(), strict=True))
    return [values[row_id] for row_id in row_ids]


def parents(analysis: Analysis) -> dict[str, str]:
    """Return each bucket of the failed rows with the one that it counts for."""
    buckets = dict.fromkeys(analysis.failures["bucket"].tolist())
    return {name: analysis.review.buckets.parent(name) for name in buckets}


def _counted_others(analysis: Analysis) -> pd.DataFrame:
    """Return the rows that are counted although they did not fail: incomplete ones, endings, empty responses."""
    turns = analysis.light_turns
    marked = turns["response_kind"].isin([*schema.SENTINELS, schema.EXPECTED_ENDING])
    return turns.loc[(~turns["judged"] | marked) & ~turns["failed"], [*_OF_ALL_ROWS.values(), "turn", "judged"]]


def _factorized(values: Iterable[_Value]) -> tuple[list[_Value], list[int]]:
    """Return the distinct values in order, and each value's position among them."""
    positions: dict[_Value, int] = {}
    codes = [positions.setdefault(value, len(positions)) for value in values]
    return list(positions), codes
