"""Check the artifacts: each run against its own files, then what the runs of a benchmark were asked and judged."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pipeline import schema
from pipeline.load.records import Note
from pipeline.stages.check_facts import check_facts, numbers_named, turns_named
from pipeline.stages.check_listed import check_listed

_TOOL_USE: Final = "tool_use_correct"
_SHOWN_NAMES: Final = 20

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from pipeline.load.artifacts import Artifacts, Transcript
    from pipeline.load.facts import RunFacts
    from pipeline.load.records import RunInput
    from pipeline.load.rows import JudgedRun


def check_run(judged: JudgedRun, turns: pd.DataFrame, artifacts: Artifacts, facts: RunFacts) -> list[Note]:
    """Return the notes on one run: what its file needed, then its rows against its transcript and summary.

    `turns` has one row per turn of the run, with its texts; `facts` is what the harness says about the run.
    """
    return [
        *_file_notes(judged),
        *check_facts(judged, turns, artifacts, facts),
        *_artifact_notes(judged, turns, artifacts, facts),
        *check_listed(judged, facts, artifacts.summary or {}),
    ]


class Questions:
    """What was asked at each turn of each benchmark, and where runs differ in it."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[int, tuple[str, int, bool]]] = {}
        """By benchmark and turn: the first text, how many runs asked something, whether any differs from it."""

    def add(self, turns: pd.DataFrame) -> None:
        """Take note of the user texts of a batch of runs; blank ones ask nothing."""
        for benchmark, turn, text in zip(turns["benchmark_name"], turns["turn"], turns["user_text"], strict=True):
            if text and not text.isspace():
                first, runs, differs = self._asked.setdefault(benchmark, {}).get(turn, (text, 0, False))
                self._asked[benchmark][turn] = (first, runs + 1, differs or _differ(text, first))

    def notes(self) -> Iterator[Note]:
        """Yield a note where user texts differ between runs: a warning, an error when most turns do."""
        for benchmark, asked in self._asked.items():
            shared = [turn for turn, (_, runs, _) in asked.items() if runs > 1]
            differing = sorted(turn for turn, (_, _, differs) in asked.items() if differs)
            if differing:
                most = 2 * len(differing) > len(shared)
                what = (
                    f"user_text differs between runs at {turns_named(differing)}, {len(differing)}/{len(shared)} shared"
                )
                if most:
                    what += "; these are not the same benchmark, so turn sets mean nothing"
                yield Note("error" if most else "warning", benchmark, what)


def check_rows(turns: pd.DataFrame, silent: pd.DataFrame, losses: pd.DataFrame) -> list[Note]:
    """Return the notes on rows without a score, and on failed rows without reasoning (`silent`), run by run.

    Turns in `losses` have notes of their own.
    """
    lost = losses["run_id"].astype("str") + ":" + losses["turn"].astype("str")
    return [
        *_turn_notes(turns[~turns["judged"] & ~turns["row_id"].isin(lost)], "incomplete, no dimension was scored"),
        *_turn_notes(silent, "failed without reasoning"),
    ]


def check_turn_taking(inputs: Iterable[RunInput]) -> Iterator[Note]:
    """Yield a note for each benchmark with runs in which turn-taking was not measured."""
    runs: dict[str, list[RunInput]] = {}
    for run in inputs:
        runs.setdefault(run.benchmark_name, []).append(run)
    for benchmark, of_benchmark in runs.items():
        without = [run.run_id for run in of_benchmark if run.turn_taking]
        if without:
            named = "any run" if len(without) == len(of_benchmark) else ", ".join(without)
            what = f"the harness did not measure turn-taking in {named}: neither passed nor failed there"
            yield Note("info", benchmark, what)


def silent_rows(turns: pd.DataFrame) -> pd.DataFrame:
    """Return `run_id` and `turn` of the failed rows for which the judge gives no reason."""
    return turns.loc[turns["failed"] & turns["judge_reasoning"].str.strip().eq(""), ["run_id", "turn"]]


def check_comparable(outcomes: pd.DataFrame, run_ids: Mapping[tuple[str, str], Sequence[str]]) -> list[Note]:
    """Return a note for the runs that keep turns out of the comparison: no judged row where another model has one.

    `run_ids` lists the runs of each (benchmark, model).
    """
    judged = outcomes["runs_judged"].gt(0)
    somewhere = judged.groupby([outcomes["benchmark_name"], outcomes["turn"]], observed=True).transform("any")
    missing = outcomes[somewhere & ~judged]
    notes = []
    for key, cells in missing.groupby(["benchmark_name", "model_name"], sort=False, observed=True):
        benchmark, model = map(str, key)
        what = f"no judged row of {model} for {turns_named(cells['turn'].tolist())} of {benchmark}: not comparable"
        notes.append(Note("warning", _some(run_ids[benchmark, model]), what))
    return notes


# --- One run -----------------------------------------------------------------------------------------------


def _file_notes(judged: JudgedRun) -> Iterator[Note]:
    source = judged.run.source
    if not judged.turns:
        yield Note("warning", source, "no judged row")
    for line, (reason, _) in judged.bad_lines.items():
        yield Note("warning", f"{source}:{line}", f"row left out: {reason}")
    for turn, dropped, counting in judged.duplicates:
        what = f"turn {turn} was judged twice: line {counting} counts, line {dropped} does not"
        yield Note("warning", f"{source}:{dropped}", what)
    for repair in judged.repairs:
        yield Note("info", f"{source}:{repair.line}", repair.what)
    if len(judged.row_models) > 1:
        names = _some(judged.row_models)
        yield Note("warning", source, f"rows of several models: {names}; counted as {judged.model_name}")


def _artifact_notes(judged: JudgedRun, turns: pd.DataFrame, artifacts: Artifacts, facts: RunFacts) -> Iterator[Note]:
    run_id = judged.run.run_id
    for name, what in artifacts.problems:
        yield Note("warning", f"{run_id}/{name}", f"not used for checks: {what}")
    if artifacts.transcript is not None:
        yield from _transcript_notes(judged, turns, artifacts.transcript, facts)
    if artifacts.summary is not None:
        for what in _summary_differences(judged, turns, artifacts.summary):
            yield Note("warning", f"{run_id}/{judged.run.judge}_summary.json", what)


def _transcript_notes(
    judged: JudgedRun, turns: pd.DataFrame, transcript: Transcript, facts: RunFacts
) -> Iterator[Note]:
    where = f"{judged.run.run_id}/transcript.jsonl"
    if transcript.unreadable:
        yield Note("warning", where, f"unreadable lines: {numbers_named(transcript.unreadable)}")
    rows = dict(zip(turns["turn"], zip(turns["user_text"], turns["assistant_text"], strict=True), strict=True))
    filled_in = {turn for turn, (_, text) in rows.items() if text.startswith(schema.SENTINELS[schema.ENDED_EARLY])}
    said, lost = transcript.said, facts.lost_turns.keys()
    if unjudged := sorted(said.keys() - rows.keys() - lost):
        expected = len(said.keys() - lost)
        counts = f"{judged.run.judge} judged {expected - len(unjudged)} of {expected} turns"
        what = f"{counts}; in the transcript but not judged: {turns_named(unjudged)}; judge the run again for all turns"
        yield Note("warning", where, what)
    if unheard := sorted(rows.keys() - said.keys() - filled_in - lost - set(transcript.recoveries)):
        yield Note("warning", where, f"{turns_named(unheard)} judged but not in the transcript")
    unstored = set(turns.loc[~turns["stored"], "turn"])
    both = sorted(rows.keys() & said.keys() - filled_in - unstored)
    for side, name in enumerate(("user_text", "assistant_text")):
        if differing := [turn for turn in both if _differ(rows[turn][side], said[turn][side])]:
            yield Note("warning", where, f"{name} differs from the judged row at {turns_named(differing)}")


def _differ(one: str, other: str) -> bool:
    """Whether two texts differ in more than white space."""
    return one != other and one.split() != other.split()


def _summary_differences(judged: JudgedRun, turns: pd.DataFrame, summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield where a summary agrees with the rows neither by our convention nor by the harness's.

    By ours null is not applicable; the harness counts it as a pass and as scored, so over all turns. For the use of
    tools it also counts a false score as a pass where no call was expected, which a row without calls may be.
    """
    silent = turns["tool_calls"].str.contains(schema.NO_PAYLOAD).tolist()
    excused = sum(
        scores.get(_TOOL_USE) is False and nothing for scores, nothing in zip(judged.scores, silent, strict=True)
    )
    rows = len(judged.scores)
    scores = [score for scores in judged.scores for score in scores.items()]
    scored = Counter(name for name, score in scores if score is not None)
    passed = Counter(name for name, score in scores if score)
    stated = summary.get("passes", summary.get(f"{judged.run.judge}_passes"))
    for what, claims, counts in (
        ("passes", stated, passed),
        ("category_totals", summary.get("category_totals"), scored),
    ):
        for name, claim in claims.items() if isinstance(claims, dict) else ():
            count = counts[name]
            with_null = rows - scored[name] + count
            most = with_null + excused if (what, name) == ("passes", _TOOL_USE) else with_null
            if isinstance(claim, int) and claim != count and not with_null <= claim <= most:
                yield f"{what} of {name} is {claim}; the judged rows give {_either(count, with_null)}"
    stated_turns = summary.get("turns_scored")
    if isinstance(stated_turns, int) and stated_turns != len(judged.turns):
        yield f"turns_scored is {stated_turns}; there are {len(judged.turns)} judged rows"


def _either(count: int, with_null: int) -> str:
    return str(count) if count == with_null else f"{count}, or {with_null} where null counts as a pass"


def _turn_notes(rows: pd.DataFrame, what: str) -> Iterator[Note]:
    for run_id, turns in rows.groupby("run_id", sort=False, observed=True)["turn"]:
        yield Note("warning", str(run_id), f"{what}: {turns_named(turns.tolist())}")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    rest = len(names) - _SHOWN_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown
