"""The rows of a frame as named tuples, and grouped."""

from __future__ import annotations

from collections import defaultdict, namedtuple
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

MODEL: Final = ["benchmark_name", "model_name"]
"""The key of what is compared, in the count tables."""

Record = Any
"""A row of a frame as a named tuple: columns are attributes, texts and numbers are Python's own."""


def records(frame: pd.DataFrame) -> Iterator[Record]:
    """Return the rows of a frame as named tuples."""
    row = namedtuple("row", frame.columns)  # type: ignore[misc]  # noqa: PYI024 - the columns are known only here
    columns = (frame[name].tolist() for name in frame.columns)
    return map(row._make, zip(*columns, strict=True))


def grouped(frame: pd.DataFrame, by: Sequence[str]) -> dict[Any, list[Record]]:
    """Return the rows of a frame by the value of a column, or by the tuple of several, in order of appearance.

    A key that is not there has no rows: the result is a `defaultdict`.
    """
    key = attrgetter(*by)
    groups: dict[Any, list[Record]] = defaultdict(list)
    for row in records(frame):
        groups[key(row)].append(row)
    return groups
<<<<<<< HEAD


def ranked(counts: pd.DataFrame, size: str, name: str) -> pd.DataFrame:
    """Return counts by size, the largest first; equal ones by name, whatever the order of its categories."""
    return counts.astype({name: "str"}).sort_values([size, name], ascending=[False, True])


def pivoted(
    counts: pd.DataFrame, values: str, index: tuple[str, Iterable[str]], columns: tuple[str, Iterable[str]]
) -> pd.DataFrame:
    """Return counts as a matrix of integers, zero where `counts` has no row.

    `index` and `columns` each name a column of `counts` and the labels to show, in this order.
    """
    (by, rows), (across, names) = index, columns
    wide = counts.pivot(index=by, columns=across, values=values)
    return wide.reindex(index=list(rows), columns=list(names)).fillna(0).astype("int64")


def failures_by_model(analysis: Analysis) -> pd.DataFrame:
    """Return the failed rows, one model's after the other's in input order, with what the review made of them.

    One row per failed row: `benchmark_name`, `model_name` (what is compared: the model, or the run), `row_id`, `turn`,
    `response_kind`, `failed_dimensions`, `bucket`; `parent`, the bucket that this one counts for; and `reviewed`,
    whether reviewers settled it.
    """
    failures = analysis.failures
    buckets = failures["bucket"].astype("str")
    rows = failures[["benchmark_name", "row_id", "turn", "response_kind", "failed_dimensions"]].assign(
        model_name=failures[analysis.unit],
        bucket=buckets,
        parent=buckets.map(analysis.review.buckets.parent).astype("str"),
        reviewed=failures["bucket_source"].eq("review"),
    )
    models = pd.MultiIndex.from_frame(analysis.model_counts[MODEL])
    place = models.get_indexer(pd.MultiIndex.from_frame(rows[MODEL]))
    return rows.iloc[place.argsort(kind="stable")]


def parent_counts(analysis: Analysis) -> pd.DataFrame:
    """Count the failed rows of each bucket, finer buckets with their parents.

    One row per benchmark x model x parent, by name: `failed_rows`, and of these `reviewed` and `provisional`.
    """
    counts = analysis.bucket_counts
    parent = counts["bucket"].astype("str").map(analysis.review.buckets.parent).astype("str")
    numbers = ["failed_rows", "reviewed", "provisional"]
    return counts.assign(parent=parent).groupby(BUCKET, observed=True)[numbers].sum().reset_index()


def user_texts(analysis: Analysis, failures: pd.DataFrame) -> dict[tuple[str, int], str]:
    """Return the user text of the hardest turns that some run failed, by benchmark and turn.

    Runs may differ in it: the text is that of the first of `failures`, which are those of `failures_by_model`.
    """
    turns = ["benchmark_name", "turn"]
    first = analysis.hardest_turns[turns].merge(failures.drop_duplicates(turns), on=turns, validate="one_to_one")
    texts = analysis.evidence_of(first["row_id"])["user_text"]
    return dict(zip(zip(first["benchmark_name"], first["turn"], strict=True), texts, strict=True))
=======
>>>>>>> wt-report2
