"""The provisional error mode of every failed row: the bucket column before anybody has reviewed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from pipeline.rules.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pipeline.rules.ruleset import RuleSet


def assign_error_modes(turns: pd.DataFrame, rules: RuleSet, excluded: Collection[str] = ()) -> pd.DataFrame:
    """Add `error_mode` and its rule, evidence, runner-up and confidence: one row per run x turn.

    `turns` has texts and `scores` (JSON text). All of them are missing on rows that did not fail; the runner-up also
    where no other mode had anything for it. `excluded` dimensions take no part.
    """
    failed = turns[turns["failed"]]
    # The rules read texts by RE2 expressions over whole columns, which Arrow has and pandas has not.
    verdicts = Scorer(pa.Table.from_pandas(failed, preserve_index=False, nthreads=1), rules, excluded).verdicts()

    def spread(values: Sequence[str | None]) -> pd.Series:
        return pd.Series(list(values), failed.index, dtype="str").reindex(turns.index)

    return turns.assign(
        error_mode=as_category(spread(verdicts.modes)),
        error_mode_rule=as_category(spread(verdicts.rules)),
        error_mode_evidence=spread(verdicts.evidence),
        error_mode_runner_up=as_category(spread(verdicts.runners_up)),
        error_mode_confidence=as_category(spread(verdicts.confidence)),
    )


def as_category(values: pd.Series) -> pd.Series:
    """Return strings as a categorical whose categories stand in the order of their first appearance."""
    return values.astype(pd.CategoricalDtype(list(values.dropna().unique())))
