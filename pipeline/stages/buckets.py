"""Settle which bucket counts for a failed row: the reviewers' decision, else the provisional error mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.ledger import review as reviews

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ledger.replay import Ledger
    from pipeline.ledger.review import Review, ReviewedRow

_LOOKED_AT = (
    c.ROW_ID,
    c.BENCHMARK,
    c.MODEL,
    c.RUN_ID,
    c.TURN,
    c.FAILED,
    c.FAILED_DIMENSIONS,
    c.RESPONSE_KIND,
    c.ERROR_MODE,
    c.SCORES,
    *c.TEXTS,
)


def settle_rows(turns: pa.Table, ledger: Ledger) -> list[ReviewedRow]:
    """Settle the rows of `turns` that the ledger speaks of; they come with texts and `scores`."""
    wanted = is_among(turns[c.ROW_ID], ledger)
    if not pc.any(wanted).as_py():
        return []
    return reviews.settle_rows(turns.select(list(_LOOKED_AT)).filter(wanted).to_pylist(), ledger)


def is_among(row_ids: pa.ChunkedArray | pa.Array, ledger: Ledger) -> pa.ChunkedArray | pa.Array:
    """Tell which rows the ledger speaks of."""
    return pc.is_in(row_ids, pa.array(sorted(ledger.rows()), row_ids.type))


def review_of(ledger: Ledger, rows: Sequence[ReviewedRow], bucket_counts: pa.Table, compare_by: c.CompareBy) -> Review:
    """Return the review of one analysis; `bucket_counts` has one row per model and bucket."""
    sizes: dict[tuple[str, str], dict[str, int]] = {}
    columns = (as_list(bucket_counts[name]) for name in (c.BENCHMARK, c.MODEL, c.BUCKET, c.OWN_ROWS))
    for benchmark, model, bucket, own in zip(*columns, strict=True):
        sizes.setdefault((benchmark, model), {})[bucket] = own
    return reviews.review_of(ledger, rows, sizes, sum(as_list(bucket_counts[c.FAILED_ROWS])), compare_by)


def reviews_table(failures: pa.Table, review: Review) -> pa.Table:
    """Return one row per failed row: `schema.REVIEWS`."""
    found = [review.by_id.get(row_id) for row_id in as_list(failures[c.ROW_ID])]
    decisions = [row.settled.decision if row else None for row in found]
    text = pa.large_string()
    return pa.table(
        {
            c.ROW_ID: failures[c.ROW_ID],
            c.PROVISIONAL_MODE: failures[c.ERROR_MODE],
            c.BUCKET: failures[c.BUCKET],
            c.ATTRIBUTION: pa.array([decision and decision.attribution for decision in decisions], text),
            c.REVIEW_STATE: pa.array([row.settled.state if row else "unopened" for row in found], text),
            c.REVIEWERS: pa.array([row.settled.reviewers if row else [] for row in found], pa.list_(pa.string())),
        }
    )


def assign_buckets(turns: pa.Table, reviewed: Sequence[ReviewedRow] = ()) -> pa.Table:
    """Add `bucket` and `bucket_source`; null on rows that did not fail.

    The bucket of a failed row is what its reviewers settled (source `review`), else its error mode (`rule`).
    """
    text = pa.large_string()
    bucket = turns[c.ERROR_MODE]
    source = pc.if_else(turns[c.FAILED], pa.scalar(c.RULE, text), pa.scalar(None, text))
    settled = {row.row_id: row.settled.decision.bucket for row in reviewed if row.decided and row.settled.decision}
    if settled:
        place = pc.index_in(turns[c.ROW_ID], pa.array(list(settled), turns[c.ROW_ID].type))
        decided = pc.is_valid(place)
        names = pa.array(list(settled.values()), text).take(place)
        bucket = pc.if_else(decided, names, bucket.cast(text)).combine_chunks().dictionary_encode()
        source = pc.if_else(decided, pa.scalar(c.REVIEW, text), source)
    return turns.append_column(c.BUCKET, bucket).append_column(c.BUCKET_SOURCE, source.dictionary_encode())
