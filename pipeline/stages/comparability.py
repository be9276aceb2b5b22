"""Check whether the runs of a benchmark are comparable: judged alike, played alike, against the same reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline import schema
from pipeline.load.records import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from pipeline.load.facts import RunFacts
    from pipeline.load.records import Run

_SHOWN: Final = 6
_ADVICE: Final = "compare only runs of one group, or make the others alike"


def check_alike(
    scores: pd.DataFrame, runs: Sequence[Run], facts: Mapping[str, RunFacts], references: Mapping[str, str]
) -> Iterator[Note]:
    """Yield one note per benchmark whose runs differ, with the groups of runs for everything that they differ in.

    `facts` is what the harness says about each run, and `references` names the reference of each run where those of
    one benchmark differ, both by run id. What is not known of a run makes no difference.
    """
    pairs = scores[["run_id", "dimension"]].drop_duplicates()
    grouped = pairs.groupby("run_id", observed=True)["dimension"]
    dimensions = {str(run_id): set(map(str, names)) for run_id, names in grouped}
    for benchmark in dict.fromkeys(run.benchmark_name for run in runs):
        own = [run for run in runs if run.benchmark_name == benchmark]
        differences = [
            f"{aspect} ({_listed(groups)})"
            for aspect, values in _aspects(own, facts, dimensions, references).items()
            if len(groups := _groups(values)) > 1
        ]
        if differences:
            yield Note("warning", benchmark, f"{schema.UNLIKE} {', '.join(differences)}; {_ADVICE}")


def _aspects(
    runs: Sequence[Run],
    facts: Mapping[str, RunFacts],
    dimensions: Mapping[str, set[str]],
    references: Mapping[str, str],
) -> dict[str, dict[str, str]]:
    """Return what runs may differ in, by run id each; an empty text is not known."""
    every = set[str]().union(*(dimensions.get(run.run_id, set()) for run in runs))
    timed = schema.TURN_TAKING in every
    every.discard(schema.TURN_TAKING)
    of_run = {run.run_id: facts[run.run_id] for run in runs}
    return {
        "judge": {run.run_id: run.judge for run in runs},
        "judge model": {run_id: of.judge_model for run_id, of in of_run.items()},
        "judge version": {run_id: of.judge_version for run_id, of in of_run.items()},
        "mode": {
            run_id: "each turn stands alone" if of.independent else "turns follow one another"
            for run_id, of in of_run.items()
        },
        "dimensions": {
            run_id: f"without {', '.join(sorted(every - own))}" if every - own else "all"
            for run_id, own in dimensions.items()
            if run_id in of_run
        },
        "turn-taking": {
            run_id: ("measured" if of.measures_turn_taking else "not measured") if timed else ""
            for run_id, of in of_run.items()
        },
        "reference": {run_id: references.get(run_id, "") for run_id in of_run},
    }


def _groups(values: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the runs by value, the largest group first."""
    groups: dict[str, list[str]] = {}
    for run_id, value in values.items():
        if value:
            groups.setdefault(value, []).append(run_id)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def _listed(groups: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{value}: {_some(run_ids)}" for value, run_ids in groups.items())


def _some(run_ids: Sequence[str]) -> str:
    more = len(run_ids) - _SHOWN
    return ", ".join(run_ids[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
