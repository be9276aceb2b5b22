"""Put a provisional error mode on every failed row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pipeline import schema as c
from pipeline.rules.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pipeline.rules.ruleset import RuleSet


def assign_error_modes(turns: pa.Table, rules: RuleSet, excluded: Collection[str] = ()) -> pa.Table:
    """Add `error_mode`, `error_mode_rule`, `error_mode_evidence` and `error_mode_runner_up`.

    `turns` is the turns table with texts and `scores`, one row per run x turn, every run whole. All four are
    null on rows that did not fail; the runner-up also where no other mode had anything for it. `excluded`
    dimensions take no part.
    """
    failed = np.asarray(turns[c.FAILED])
    verdicts = Scorer(turns, failed, rules, excluded).verdicts()
    return (
        turns.append_column(c.ERROR_MODE, _spread(verdicts.modes, failed).dictionary_encode())
        .append_column(c.ERROR_MODE_RULE, _spread(verdicts.rules, failed).dictionary_encode())
        .append_column(c.ERROR_MODE_EVIDENCE, _spread(verdicts.evidence, failed))
        .append_column(c.ERROR_MODE_RUNNER_UP, _spread(verdicts.runners_up, failed).dictionary_encode())
    )


def _spread(values: Sequence[str | None], failed: np.ndarray) -> pa.Array:
    """Put values of the failed rows at their places among all rows."""
    spread = np.full(len(failed), None, dtype=object)
    spread[failed] = values
    return pa.array(spread, pa.large_string())
