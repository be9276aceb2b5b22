"""The review packet: every failed row with all the evidence that a reviewer needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema

if TYPE_CHECKING:
    import pandas as pd

ORDER = ["benchmark_name", "model_name", "run_id", "turn"]


def packet_rows(failures: pd.DataFrame) -> pd.DataFrame:
    """Return failed rows as the packet has them: one row per failed row, ordered by benchmark, model, run and turn.

    `failures` has the columns of the turns table and `scores`; `scores`, `tool_calls` and `tool_results` are JSON
    text; `source` is the row's `file:line`.
    """
    source = failures["source_file"].astype("str") + ":" + failures["source_line"].astype("str")
    rows = failures.rename(columns={"error_mode": "error_mode_candidate"}).assign(source=source)
    return schema.conform(in_review_order(rows)[list(schema.PACKET)], schema.PACKET)


def in_review_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows in the order of the packet: by benchmark, model and run as text, then by turn."""
    return rows.sort_values(ORDER, key=lambda key: key.astype("str") if key.dtype == "category" else key)
