"""Count and compare: every counted table of an analysis, from the three long ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipeline.stages import stats, turnsets
from pipeline.units import Units, find_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from pipeline.ledger.buckets import Buckets
    from pipeline.load.records import Options, RunInput
    from pipeline.stages.turnsets import Grid


class Counted(NamedTuple):
    """The tables of an analysis by name, and what they were counted over."""

    tables: dict[str, pa.Table]
    units: Units
    grids: Sequence[Grid]


class Long(NamedTuple):
    """The long tables: all turns, the failed ones with their texts, and all scores."""

    turns: pa.Table
    failures: pa.Table
    scores: pa.Table


def count_tables(tables: Long, inputs: Sequence[RunInput], options: Options, buckets: Buckets) -> Counted:
    """Count the long tables over what is compared."""
    turns, failures, scores = tables
    units = find_units(inputs, options.compare_by)
    grids = turnsets.turn_grids(turns, units, options.repeat_policy)
    difficulty = turnsets.turn_difficulty(grids)
    counted = {
        "turns": turns,
        "failures": failures,
        "scores": scores,
        "model_counts": stats.model_counts(turns, units),
        "dimension_counts": stats.dimension_counts(scores, units),
        "error_mode_counts": stats.error_mode_counts(failures, units),
        "bucket_counts": stats.bucket_counts(failures, units, buckets),
        "turn_outcomes": turnsets.turn_outcomes(grids),
        "turn_difficulty": difficulty,
        "turn_sets": turnsets.turn_sets(grids),
        "hardest_turns": turnsets.hardest_turns(difficulty),
    }
    return Counted(counted, units, grids)
