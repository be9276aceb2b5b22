"""Lay out the review packet: every failed row with all the evidence a reviewer needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def review_order(turns: pd.DataFrame) -> np.ndarray:
    """Give the positions of the failed rows in the packet's order: by benchmark, model, run, turn."""
    keys = [c.BENCHMARK, c.MODEL, c.RUN_ID]
    failed = turns[[*keys, c.TURN]].reset_index(drop=True)[turns[c.FAILED].to_numpy()]
    return failed.astype(dict.fromkeys(keys, "str")).sort_values([*keys, c.TURN], kind="stable").index.to_numpy()


def review_rows(failures: pd.DataFrame, scores: pd.Series) -> pd.DataFrame:
    """Lay out failed rows (columns of the turns frame) as the packet has them, one row each, in their order.

    `scores`, `tool_calls` and `tool_results` are JSON text; `source` is the row's `file:line`.
    """
    keys = [c.BENCHMARK, c.MODEL, c.RUN_ID]
    source = failures[c.SOURCE_FILE].astype("str") + ":" + failures[c.SOURCE_LINE].astype("str")
    rows = failures.astype(dict.fromkeys(keys, "str")).assign(
        **{c.ERROR_MODE_CANDIDATE: failures[c.ERROR_MODE], c.SOURCE: source, c.SCORES: scores}
    )
    return rows[list(c.PACKET_COLUMNS)].reset_index(drop=True)
