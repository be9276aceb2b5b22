"""Put a provisional error mode on every failed row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline import schema as c
from pipeline.rules.engine import apply_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.rules.ruleset import RuleSet


def assign_error_modes(turns: pd.DataFrame, rules: RuleSet) -> pd.DataFrame:
    """Add `error_mode`, `error_mode_rule` and `error_mode_evidence`; missing on rows that did not fail.

    `turns` is the turns frame with texts, one row per run x turn.
    """
    failed = turns[c.FAILED].to_numpy()
    verdicts = apply_rules(turns[failed], rules)
    columns: dict[str, Any] = {
        c.ERROR_MODE: pd.Categorical(_spread(verdicts.modes, failed), categories=pd.Index(c.ERROR_MODES)),
        c.ERROR_MODE_RULE: pd.array(_spread(verdicts.rules, failed), dtype="str"),
        c.ERROR_MODE_EVIDENCE: pd.array(_spread(verdicts.evidence, failed), dtype="str"),
    }
    return turns.assign(**columns)


def _spread(values: Sequence[str], failed: np.ndarray) -> np.ndarray:
    """Put values of the failed rows at their places among all rows."""
    spread = np.full(len(failed), None, dtype=object)
    spread[failed] = values
    return spread
