"""Check the artifacts: each run against its own files, then the runs of a benchmark against one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow.compute as pc

from pipeline import judged
from pipeline import schema as c
from pipeline.records import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.load.artifacts import Artifacts, Transcript
    from pipeline.load.rows import LoadedRun
    from pipeline.records import Run

QUESTION: Final = "question"
"""A number that is the same for the same user text, within one process."""
_SHOWN_TURNS: Final = 12


def check_run(loaded: LoadedRun, artifacts: Artifacts) -> list[Note]:
    """Check one run: what its file needed, then its rows against its transcript and summary."""
    return [*_file_notes(loaded), *_artifact_notes(loaded, artifacts)]


def questions(turns: pd.DataFrame) -> pd.DataFrame:
    """Boil the user texts down to what `check_comparison` needs: one row per run x turn that has one."""
    texts = turns[c.USER_TEXT].tolist()
    frame = turns[[c.BENCHMARK, c.RUN_ID, c.TURN]].astype({c.BENCHMARK: "str", c.RUN_ID: "str"})
    return frame.assign(**{QUESTION: [hash(text) for text in texts]})[[bool(text.strip()) for text in texts]]


def check_comparison(turns: pd.DataFrame, scores: pd.DataFrame, asked: pd.DataFrame, runs: Sequence[Run]) -> list[Note]:
    """Check the runs of each benchmark against one another; `asked` comes from `questions`."""
    return [
        *_incomplete_notes(turns),
        *_silent_judge_notes(turns),
        *_question_notes(asked),
        *_dimension_notes(scores),
        *_judge_notes(runs),
    ]


def check_comparable(outcomes: pd.DataFrame, units: pd.DataFrame) -> list[Note]:
    """Name the runs of each model that keeps turns out of the comparison, by not having them judged.

    `outcomes` is the turn-outcome table; `units` has one row per run: benchmark, model, run id.
    """
    keys = [c.BENCHMARK, c.TURN]
    gap = outcomes[c.OUTCOME] == c.NOT_JUDGED
    elsewhere = ~gap.groupby([outcomes[key] for key in keys]).transform("all")
    notes = []
    for (benchmark, model), turns in outcomes[gap & elsewhere].groupby([c.BENCHMARK, c.MODEL], sort=False)[c.TURN]:
        of_model = units[(units[c.BENCHMARK] == benchmark) & (units[c.MODEL] == model)]
        what = f"no judged row of {model} for {_turns(turns.tolist())} of {benchmark}: not comparable"
        notes.append(Note("warning", ", ".join(of_model[c.RUN_ID]), what))
    return notes


# --- One run -----------------------------------------------------------------------------------------------


def _file_notes(loaded: LoadedRun) -> Iterator[Note]:
    source = loaded.run.source
    if not loaded.table.num_rows:
        yield Note("warning", source, "no judged row")
    for line in sorted({line.line for line in loaded.bad}):
        what = "; ".join(bad.what for bad in loaded.bad if bad.line == line)
        yield Note("warning", f"{source}:{line}", f"row left out: {what}")
    for turn, dropped, counting in loaded.duplicates:
        what = f"turn {turn} was judged twice: line {counting} counts, line {dropped} does not"
        yield Note("warning", f"{source}:{dropped}", what)
    for repair in loaded.repairs:
        yield Note("info", f"{source}:{repair.line}", repair.what)
    if len(loaded.row_models) > 1:
        names = ", ".join(loaded.row_models)
        yield Note("warning", source, f"rows of several models: {names}; counted as {loaded.model_name}")


def _artifact_notes(loaded: LoadedRun, artifacts: Artifacts) -> Iterator[Note]:
    run_id = loaded.run.run_id
    for name, what in artifacts.problems:
        yield Note("warning", f"{run_id}/{name}", f"not used for checks: {what}")
    if artifacts.transcript is not None:
        yield from _transcript_notes(loaded, artifacts.transcript)
    if artifacts.summary is not None:
        for what in _summary_differences(loaded, artifacts.summary):
            yield Note("warning", f"{run_id}/{loaded.run.judge}_summary.json", what)


def _transcript_notes(loaded: LoadedRun, transcript: Transcript) -> Iterator[Note]:
    where = f"{loaded.run.run_id}/transcript.jsonl"
    if transcript.unreadable:
        yield Note("warning", where, f"unreadable lines: {_numbers(transcript.unreadable)}")
    table = loaded.table.select([c.TURN, c.USER_TEXT, c.ASSISTANT_TEXT])
    rows = {turn: (user, assistant) for turn, user, assistant in zip(*map(_values, table.columns), strict=True)}
    filled_in = {turn for turn, (_, text) in rows.items() if text.startswith("[MODEL_ENDED_SESSION_EARLY]")}
    said = transcript.said
    if unjudged := sorted(said.keys() - rows.keys()):
        yield Note("warning", where, f"{_turns(unjudged)} in the transcript but not judged")
    if unheard := sorted(rows.keys() - said.keys() - filled_in):
        yield Note("warning", where, f"{_turns(unheard)} judged but not in the transcript")
    both = sorted(rows.keys() & said.keys() - filled_in)
    for side, name in enumerate((c.USER_TEXT, c.ASSISTANT_TEXT)):
        if differing := [turn for turn in both if rows[turn][side].split() != said[turn][side].split()]:
            yield Note("warning", where, f"{name} differs from the judged row at {_turns(differing)}")


def _summary_differences(loaded: LoadedRun, summary: Mapping[str, Any]) -> Iterator[str]:
    names = pc.list_flatten(loaded.table[judged.DIMENSIONS].combine_chunks()).to_numpy(zero_copy_only=False)
    passes = pc.list_flatten(loaded.table[judged.PASSES].combine_chunks())
    scored = pd.Series(names[pc.is_valid(passes).to_numpy(zero_copy_only=False)]).value_counts()
    passed = pd.Series(names[passes.fill_null(False).to_numpy(zero_copy_only=False)]).value_counts()  # noqa: FBT003
    stated = summary.get("passes", summary.get(f"{loaded.run.judge}_passes"))
    for what, claims, counts in (
        ("passes", stated, passed),
        ("category_totals", summary.get("category_totals"), scored),
    ):
        for name, claim in claims.items() if isinstance(claims, dict) else ():
            count = int(counts.get(name, 0))
            if isinstance(claim, int) and claim != count:
                yield f"{what} of {name} is {claim}; the judged rows give {count}"
    turns = summary.get("turns_scored")
    if isinstance(turns, int) and turns != loaded.table.num_rows:
        yield f"turns_scored is {turns}; there are {loaded.table.num_rows} judged rows"


def _values(column: Any) -> list[Any]:  # noqa: ANN401 - an Arrow column, untyped upstream
    values: list[Any] = column.to_pylist()
    return values


# --- The runs of a benchmark ---------------------------------------------------------------------------------


def _incomplete_notes(turns: pd.DataFrame) -> Iterator[Note]:
    rows = turns[~turns[c.JUDGED]]
    for run_id, of_run in rows.groupby(c.RUN_ID, observed=True, sort=False)[c.TURN]:
        yield Note("warning", str(run_id), f"incomplete, no dimension was scored: {_turns(of_run.tolist())}")


def _silent_judge_notes(turns: pd.DataFrame) -> Iterator[Note]:
    failed = turns[turns[c.FAILED]]
    rows = failed[failed[c.JUDGE_REASONING].str.strip() == ""]
    for run_id, of_run in rows.groupby(c.RUN_ID, observed=True, sort=False)[c.TURN]:
        yield Note("warning", str(run_id), f"failed without reasoning: {_turns(of_run.tolist())}")


def _question_notes(asked: pd.DataFrame) -> Iterator[Note]:
    """Remark on turns whose user text differs between runs: a warning, an error when most turns do."""
    for benchmark, rows in asked.groupby(c.BENCHMARK, sort=False):
        per_turn = rows.groupby(c.TURN)[QUESTION].agg(["nunique", "size"])
        shared = per_turn[per_turn["size"] > 1]
        differing = shared.index[shared["nunique"] > 1].tolist()
        if differing:
            most = 2 * len(differing) > len(shared)
            what = f"user_text differs between runs at {_turns(differing)}, {len(differing)}/{len(shared)} shared turns"
            if most:
                what += "; these are not the same benchmark, so turn sets mean nothing"
            yield Note("error" if most else "warning", str(benchmark), what)


def _dimension_notes(scores: pd.DataFrame) -> Iterator[Note]:
    pairs = scores[[c.BENCHMARK, c.RUN_ID, c.DIMENSION]].drop_duplicates()
    for benchmark, of_benchmark in pairs.groupby(c.BENCHMARK, observed=True, sort=False):
        by_run = of_benchmark.groupby(c.RUN_ID, observed=True, sort=False)[c.DIMENSION].agg(frozenset)
        every = frozenset().union(*by_run)
        for run_id, names in by_run.items():
            if lacking := sorted(every - names):
                what = f"without the dimension {', '.join(lacking)}, which other runs of {benchmark} have"
                yield Note("warning", str(run_id), what)


def _judge_notes(runs: Iterable[Run]) -> Iterator[Note]:
    judges: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        judges.setdefault(run.benchmark_name, {}).setdefault(run.judge, []).append(run.run_id)
    for benchmark, by_judge in judges.items():
        if len(by_judge) > 1:
            parts = "; ".join(f"{judge}: {', '.join(run_ids)}" for judge, run_ids in by_judge.items())
            yield Note("warning", benchmark, f"judged by different judges: {parts}")


# --- Words ---------------------------------------------------------------------------------------------------


def _turns(turns: Sequence[int]) -> str:
    return f"turn{'s' * (len(turns) > 1)} {_numbers(turns)}"


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_SHOWN_TURNS]))
    rest = len(numbers) - _SHOWN_TURNS
    return f"{shown} and {rest} more" if rest > 0 else shown
