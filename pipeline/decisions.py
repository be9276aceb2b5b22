"""Settle which bucket counts for a failed row: the reviewers' decision, else the provisional error mode."""

from __future__ import annotations


import numpy as np
import pandas as pd

from pipeline import schema as c


def assign_buckets(turns: pd.DataFrame) -> pd.DataFrame:
    """Add `bucket` and `bucket_source`; missing on rows that did not fail.

    Before any review the bucket of every failed row is its error mode, and its source is `rule`.
    """
    source = np.where(turns[c.FAILED], "rule", None)
    return turns.assign(
        **{
            c.BUCKET: turns[c.ERROR_MODE],
            c.BUCKET_SOURCE: pd.Categorical(source, categories=pd.Index(c.BUCKET_SOURCES)),
        }
    )
