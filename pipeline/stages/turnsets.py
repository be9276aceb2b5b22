"""Compare turns across models: outcomes, comparable turns, and the sets of shared and unique failures.

"Model" is what is compared: where runs are compared, `model_name` holds the run id (`stages/compared.py`).
Categoricals have their categories in input order, so that sorting by them restores the order of the input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from pipeline import schema
from pipeline.stages.stats import UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator

TURN = ["benchmark_name", "turn"]
_HARDEST: Final = 10
_OUTCOMES: Final = pd.CategoricalDtype(["not_judged", "failed", "passed"])
_SETS: Final = pd.CategoricalDtype(list(schema.TURN_SET_NAMES))


def turn_outcomes(turns: pd.DataFrame, units: pd.DataFrame, policy: schema.RepeatPolicy) -> pd.DataFrame:
    """Return one row per benchmark x model x turn of the benchmark, also where the model has no judged run.

    A model's runs are pooled as repeats. By `majority` it fails a turn when at least half of its judged runs failed
    it (a tie fails), by `any` when one did, by `all` when every one did; without a judged run it is `not_judged`.
    A turn is *flaky* for a model when some but not all of its judged runs failed.
    """
    asked = turns[TURN].drop_duplicates().sort_values("turn")
    counts = (
        turns.rename(columns={"judged": "runs_judged", "failed": "runs_failed"})
        .groupby([*UNIT, "turn"], observed=True)[["runs_judged", "runs_failed"]]
        .sum()
    )
    cells = (
        units[UNIT]
        .sort_values("benchmark_name", kind="stable")
        .merge(asked, on="benchmark_name", validate="many_to_many")
        .join(counts, on=[*UNIT, "turn"], validate="one_to_one")
        .fillna({"runs_judged": 0, "runs_failed": 0})
        .astype({"runs_judged": "int64", "runs_failed": "int64"})
    )
    judged, failed = cells["runs_judged"], cells["runs_failed"]
    fails = {"majority": 2 * failed >= judged, "any": failed > 0, "all": failed == judged}[policy]
    outcome = pd.Categorical(np.select([judged.eq(0), fails], ["not_judged", "failed"], "passed"), dtype=_OUTCOMES)
    return schema.conform(cells.assign(outcome=outcome, flaky=failed.gt(0) & failed.lt(judged)), schema.TURN_OUTCOMES)


def turn_difficulty(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per benchmark x turn: how many models and runs judged and failed it.

    A turn is *comparable* when every model of the benchmark has a judged row for it.
    """
    counts = (
        outcomes[[*TURN, "runs_judged", "runs_failed"]]
        .assign(models=1, models_judged=outcomes["runs_judged"].gt(0), models_failed=outcomes["outcome"].eq("failed"))
        .groupby(TURN, observed=True)
        .sum()
        .reset_index()
    )
    return schema.conform(
        counts.assign(comparable=counts["models_judged"].eq(counts["models"])), schema.TURN_DIFFICULTY
    )


def turn_sets(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per benchmark x set x model x turn: comparable turns failed by all, by one alone, by all but one.

    The shared set has an empty model. A benchmark with fewer than two models has no sets.
    """
    sets = [
        (benchmark, name, model, turn)
        for benchmark, cells in outcomes.groupby("benchmark_name", sort=False, observed=True)
        for name, model, turn in _sets_of_benchmark(cells)
    ]
    found = pd.DataFrame(sets, columns=list(schema.TURN_SETS))
    models = list(dict.fromkeys(["", *outcomes["model_name"].cat.categories]))
    return schema.conform(
        found.astype(
            {
                "benchmark_name": outcomes["benchmark_name"].dtype,
                "set": _SETS,
                "model_name": pd.CategoricalDtype(models),
                "turn": "int64",
            }
        ),
        schema.TURN_SETS,
    )


def _sets_of_benchmark(cells: pd.DataFrame) -> Iterator[tuple[str, str, int]]:
    """Yield (set, model, turn) of one benchmark, from its outcomes pivoted to turn x model.

    With two models, the turns that only one fails are those that only the other passes. A model without judged rows
    leaves no turn comparable, hence no sets.
    """
    models = list(cells["model_name"].unique())
    if len(models) < 2:  # noqa: PLR2004 - a comparison needs two
        return
    wide = cells.pivot(index="turn", columns="model_name", values="outcome")
    comparable = (wide != "not_judged").all(axis="columns")
    fails = wide[comparable] == "failed"
    models_failing = fails.sum(axis="columns")
    only_failing = fails[models_failing.eq(1)]
    only_passing = ~fails[models_failing.eq(len(models) - 1)]
    for turn in fails.index[models_failing.eq(len(models))]:
        yield "failed_by_all", "", turn
    for name, alone in (("unique_fail", only_failing), ("unique_pass", only_passing)):
        for model in models:
            for turn in alone.index[alone[model]]:
                yield name, model, turn


def hardest_turns(difficulty: pd.DataFrame) -> pd.DataFrame:
    """Return the first ten comparable turns of each benchmark: by models failing, share of runs failing, then turn.

    *Shared hard turns* are those of them that at least two models fail.
    """
    return schema.conform(
        difficulty[difficulty["comparable"]]
        .assign(
            of_models=lambda turns: turns["models_failed"] / turns["models"],
            of_runs=lambda turns: turns["runs_failed"] / turns["runs_judged"],
        )
        .sort_values(["of_models", "of_runs", "turn"], ascending=[False, False, True])
        .sort_values("benchmark_name", kind="stable")
        .groupby("benchmark_name", sort=False, observed=True)
        .head(_HARDEST)
        .drop(columns=["of_models", "of_runs"])
        .reset_index(drop=True),
        schema.TURN_DIFFICULTY,
    )
