"""Lay out the review packet: every failed row with all the evidence a reviewer needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c

if TYPE_CHECKING:
    import pandas as pd


def review_rows(turns: pd.DataFrame) -> pd.DataFrame:
    """Choose and order the packet's columns: one row per failed row, by benchmark, model, run, turn.

    `scores`, `tool_calls` and `tool_results` are JSON text; `source` is the row's `file:line`.
    """
    keys = [c.BENCHMARK, c.MODEL, c.RUN_ID]
    failures = turns[turns[c.FAILED]]
    source = failures[c.SOURCE_FILE].astype("str") + ":" + failures[c.SOURCE_LINE].astype("str")
    return (
        failures.astype(dict.fromkeys(keys, "str"))
        .assign(**{c.ERROR_MODE_CANDIDATE: failures[c.ERROR_MODE], c.SOURCE: source})
        .sort_values([*keys, c.TURN], kind="stable", ignore_index=True)[list(c.PACKET_COLUMNS)]
    )
