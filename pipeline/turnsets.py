"""Compare turns across models: outcomes, comparable turns, and the sets of shared and unique failures."""

from __future__ import annotations

from typing import Final, assert_never

import pandas as pd

from pipeline import schema as c

MODELS: Final = "models"
MODELS_JUDGED: Final = "models_judged"
MODELS_FAILED: Final = "models_failed"
COMPARABLE: Final = "comparable"
_HARDEST: Final = 10


def turn_outcomes(turns: pd.DataFrame, units: pd.DataFrame, policy: c.RepeatPolicy) -> pd.DataFrame:
    """Tell for every model whether it failed each turn of its benchmark, its runs pooled as repeats.

    One row per benchmark x model x turn, also where a model has no judged run (`not_judged`). A model fails
    a turn when twice its failing runs are at least its judged runs (`any`, `all`: one, or every one of them).
    *Flaky*: some but not all judged runs failed. `units` has one row per run: benchmark, model, run id.
    """
    keys = [c.BENCHMARK, c.MODEL, c.TURN]
    counts = (
        turns.loc[turns[c.JUDGED], [*keys, c.FAILED]]
        .astype({c.BENCHMARK: "str", c.MODEL: "str"})
        .groupby(keys)[c.FAILED]
        .agg(["size", "sum"])
        .rename(columns={"size": c.RUNS_JUDGED, "sum": c.RUNS_FAILED})
    )
    asked = turns[[c.BENCHMARK, c.TURN]].drop_duplicates().astype({c.BENCHMARK: "str"}).sort_values(c.TURN)
    grid = (
        units[[c.BENCHMARK, c.MODEL]]
        .drop_duplicates()
        .merge(asked, on=c.BENCHMARK, validate="many_to_many")
        .merge(counts, left_on=keys, right_index=True, how="left", validate="one_to_one")
        .fillna({c.RUNS_JUDGED: 0, c.RUNS_FAILED: 0})
        .astype({c.RUNS_JUDGED: "int64", c.RUNS_FAILED: "int64"})
        .reset_index(drop=True)
    )
    failed, total = grid[c.RUNS_FAILED], grid[c.RUNS_JUDGED]
    outcome = (
        pd.Series(c.TURN_PASSED, index=grid.index, dtype="str")
        .mask(_fails(failed, total, policy), c.TURN_FAILED)
        .mask(total == 0, c.NOT_JUDGED)
    )
    return grid.assign(outcome=outcome, flaky=(failed > 0) & (failed < total))


def turn_difficulty(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Count per turn how many models and runs were judged and failed.

    One row per benchmark x turn. *Comparable*: every model of the benchmark has a judged row for the turn.
    """
    flags = outcomes.assign(
        models=1,
        models_judged=outcomes[c.OUTCOME] != c.NOT_JUDGED,
        models_failed=outcomes[c.OUTCOME] == c.TURN_FAILED,
    )
    columns = [MODELS, MODELS_JUDGED, MODELS_FAILED, c.RUNS_JUDGED, c.RUNS_FAILED]
    totals = flags.groupby([c.BENCHMARK, c.TURN], sort=False)[columns].sum().reset_index()
    return totals.assign(**{COMPARABLE: totals[MODELS_JUDGED] == totals[MODELS]})


def turn_sets(outcomes: pd.DataFrame, difficulty: pd.DataFrame) -> pd.DataFrame:
    """List the comparable turns that all models fail, that one alone fails, that one alone passes.

    One row per benchmark x set x model x turn; `model_name` is empty for `failed_by_all`. A benchmark with
    fewer than two models has no sets.
    """
    keys = [c.BENCHMARK, c.TURN]
    eligible = difficulty.loc[difficulty[COMPARABLE] & (difficulty[MODELS] > 1), [*keys, MODELS, MODELS_FAILED]]
    rows = outcomes.merge(eligible, on=keys, validate="many_to_one")
    fails = rows[c.OUTCOME] == c.TURN_FAILED
    by_all = rows[rows[MODELS_FAILED] == rows[MODELS]].drop_duplicates(keys)
    chosen = {
        c.FAILED_BY_ALL: by_all.assign(**{c.MODEL: ""}),
        c.UNIQUE_FAIL: rows[fails & (rows[MODELS_FAILED] == 1)],
        c.UNIQUE_PASS: rows[~fails & (rows[MODELS_FAILED] == rows[MODELS] - 1)],
    }
    parts = [part.assign(**{c.SET: name})[list(c.TURN_SETS)] for name, part in chosen.items()]
    return pd.concat(parts, ignore_index=True).astype({c.MODEL: "str", c.SET: "str"})


def hardest_turns(difficulty: pd.DataFrame) -> pd.DataFrame:
    """Rank each benchmark's comparable turns: by models failing, runs failing, then turn; the first ten.

    *Shared hard turns* are those of them that at least two models fail.
    """
    comparable = difficulty[difficulty[COMPARABLE]]
    ranked = comparable.assign(
        by_models=-comparable[MODELS_FAILED] / comparable[MODELS],
        by_runs=-comparable[c.RUNS_FAILED] / comparable[c.RUNS_JUDGED],
    ).sort_values(["by_models", "by_runs", c.TURN])
    return ranked[list(difficulty.columns)].groupby(c.BENCHMARK, sort=False).head(_HARDEST)


def _fails(failed: pd.Series, judged: pd.Series, policy: c.RepeatPolicy) -> pd.Series:
    match policy:
        case "majority":
            return 2 * failed >= judged
        case "any":
            return failed > 0
        case "all":
            return failed == judged
        case _:
            assert_never(policy)
