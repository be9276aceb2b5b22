"""The bucket that counts for a failed row: the reviewers' decision, else the provisional error mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline import schema
from pipeline.ledger.review import ReviewedRow, settle_rows
from pipeline.stages.error_modes import as_category

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ledger.replay import Ledger
    from pipeline.ledger.review import Review


def reviewed_rows(turns: pd.DataFrame, ledger: Ledger) -> list[ReviewedRow]:
    """Return the review state of every row of `turns` that the ledger names; `turns` has texts and `scores`."""
    if not ledger.rows():
        return []
    named = turns[turns["row_id"].isin(list(ledger.rows()))]
    rows = named.astype("object").where(named.notna(), None).to_dict("records")
    return settle_rows(rows, ledger)


def assign_buckets(turns: pd.DataFrame, reviewed: Sequence[ReviewedRow] = ()) -> pd.DataFrame:
    """Add `bucket` and `bucket_source`, missing on rows that did not fail: one row per run x turn.

    The bucket of a failed row is what its reviewers settled (source `review`), else its error mode (`rule`).
    """
    settled = {row.row_id: row.settled.decision.bucket for row in reviewed if row.decided and row.settled.decision}
    bucket = turns["error_mode"]
    source = pd.Series("rule", turns.index, dtype="str").where(turns["failed"])
    if settled:
        decided = turns["row_id"].map(settled).astype("str")
        bucket = as_category(decided.fillna(bucket.astype("str")))
        source = source.mask(decided.notna(), "review")
    return turns.assign(bucket=bucket, bucket_source=as_category(source))


def reviews_table(failures: pd.DataFrame, review: Review) -> pd.DataFrame:
    """Return one row per failed row with what its reviewers decided (`schema.REVIEWS`)."""
    known = {row.row_id: row for row in review.rows}
    found = [known.get(row_id) for row_id in failures["row_id"]]
    decisions = [row.settled.decision if row else None for row in found]
    text = {
        "attribution": [decision.attribution if decision else None for decision in decisions],
        "review_state": [row.settled.state if row else "unopened" for row in found],
    }
    return schema.conform(
        pd.DataFrame(
            {
                "row_id": failures["row_id"],
                "provisional_mode": failures["error_mode"],
                "bucket": failures["bucket"],
                **{name: as_category(pd.Series(values, failures.index, dtype="str")) for name, values in text.items()},
                "reviewers": pd.Series(
                    [row.settled.reviewers if row else [] for row in found], failures.index, dtype="object"
                ),
            }
        ).reset_index(drop=True),
        schema.REVIEWS,
    )
