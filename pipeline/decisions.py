"""Settle which bucket counts for a failed row: the reviewers' decision, else the provisional error mode."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c


def assign_buckets(turns: pa.Table) -> pa.Table:
    """Add `bucket` and `bucket_source`; null on rows that did not fail.

    Before any review the bucket of every failed row is its error mode, and its source is `rule`.
    """
    by_rule = pc.if_else(turns[c.FAILED], pa.scalar(c.RULE, pa.large_string()), pa.scalar(None, pa.large_string()))
    return turns.append_column(c.BUCKET, turns[c.ERROR_MODE]).append_column(
        c.BUCKET_SOURCE, by_rule.dictionary_encode()
    )
