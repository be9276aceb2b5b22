"""Every counted table of an analysis, from its turns, failures and scores."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from pipeline.stages import stats, turnsets
from pipeline.stages.compared import compared_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from pipeline.ledger.buckets import Buckets
    from pipeline.load.records import Options


def count_tables(  # noqa: PLR0913, PLR0917 - four tables, and what they are counted by
    turns: pd.DataFrame,
    failures: pd.DataFrame,
    scores: pd.DataFrame,
    units: pd.DataFrame,
    options: Options,
    buckets: Buckets,
    losses: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Return every counted table by name, over what is compared: models with their runs pooled, or each run."""
    turns, failures, scores, own_losses = (
        compared_by(each, units, options.compare_by) for each in (turns, failures, scores, losses)
    )
    outcomes = turnsets.turn_outcomes(turns, units, options.repeat_policy)
    difficulty = turnsets.turn_difficulty(outcomes)
    return {
        "model_counts": stats.model_counts(turns, failures, units, own_losses),
        "dimension_counts": stats.dimension_counts(scores, units),
        "error_mode_counts": stats.error_mode_counts(failures, units),
        "bucket_counts": stats.bucket_counts(failures, units, buckets),
        "turn_outcomes": outcomes,
        "turn_difficulty": difficulty,
        "turn_sets": turnsets.turn_sets(outcomes),
        "hardest_turns": turnsets.hardest_turns(difficulty),
        "pipeline_losses": losses,
    }


def own_rows_by_bucket(bucket_counts: pd.DataFrame) -> dict[tuple[str, str], Counter[str]]:
    """Return the number of own failed rows per bucket of each (benchmark, model)."""
    sizes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    rows: Iterable[Any] = bucket_counts.itertuples(index=False)
    for row in rows:
        sizes[row.benchmark_name, row.model_name][row.bucket] = int(row.own_rows)
    return sizes
