"""Put a provisional error mode on every failed row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pipeline import schema as c
from pipeline.rules.engine import apply_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.rules.ruleset import RuleSet


def assign_error_modes(turns: pa.Table, rules: RuleSet) -> pa.Table:
    """Add `error_mode`, `error_mode_rule` and `error_mode_evidence`; null on rows that did not fail.

    `turns` is the turns table with texts, one row per run x turn.
    """
    verdicts = apply_rules(turns.filter(turns[c.FAILED]), rules)
    failed = np.asarray(turns[c.FAILED])
    return (
        turns.append_column(c.ERROR_MODE, _spread(verdicts.modes, failed).dictionary_encode())
        .append_column(c.ERROR_MODE_RULE, _spread(verdicts.rules, failed).dictionary_encode())
        .append_column(c.ERROR_MODE_EVIDENCE, _spread(verdicts.evidence, failed))
    )


def _spread(values: Sequence[str], failed: np.ndarray) -> pa.Array:
    """Put values of the failed rows at their places among all rows."""
    spread = np.full(len(failed), None, dtype=object)
    spread[failed] = values
    return pa.array(spread, pa.large_string())
