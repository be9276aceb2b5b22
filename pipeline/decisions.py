"""Settle which bucket counts for a failed row: the reviewers' decision, else the provisional error mode."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline import schema as c


def assign_buckets(turns: pd.DataFrame) -> pd.DataFrame:
    """Add `bucket` and `bucket_source`; missing on rows that did not fail.

    Before any review the bucket of every failed row is its error mode, and its source is `rule`.
    """
    by_rule = pd.Series(c.RULE, index=turns.index).where(turns[c.FAILED])
    columns: dict[str, Any] = {
        c.BUCKET: turns[c.ERROR_MODE],
        c.BUCKET_SOURCE: pd.Categorical(by_rule, categories=pd.Index(c.BUCKET_SOURCES)),
    }
    return turns.assign(**columns)
