"""Check the artifacts: each run against its own files, then the runs of a benchmark against one another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pipeline import schema
from pipeline.load.records import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from pipeline.load.artifacts import Artifacts, Transcript
    from pipeline.load.records import Run
    from pipeline.load.rows import JudgedRun

_SHOWN_TURNS: Final = 12
_SHOWN_NAMES: Final = 20


def check_run(judged: JudgedRun, turns: pd.DataFrame, artifacts: Artifacts) -> list[Note]:
    """Return the notes on one run: what its file needed, then its rows against its transcript and summary.

    `turns` has one row per turn of the run, with its texts.
    """
    return [*_file_notes(judged), *_artifact_notes(judged, turns, artifacts)]


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
                what = f"user_text differs between runs at {_turns(differing)}, {len(differing)}/{len(shared)} shared"
                if most:
                    what += "; these are not the same benchmark, so turn sets mean nothing"
                yield Note("error" if most else "warning", benchmark, what)


def check_rows(turns: pd.DataFrame, silent: pd.DataFrame) -> list[Note]:
    """Return the notes on rows without a score, and on failed rows without reasoning (`silent`), run by run."""
    return [
        *_turn_notes(turns[~turns["judged"]], "incomplete, no dimension was scored"),
        *_turn_notes(silent, "failed without reasoning"),
    ]


def check_comparison(scores: pd.DataFrame, runs: Sequence[Run]) -> list[Note]:
    """Return the notes on the runs of each benchmark whose dimensions or judges differ."""
    return [*_dimension_notes(scores, runs), *_judge_notes(runs)]


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
        what = f"no judged row of {model} for {_turns(cells['turn'].tolist())} of {benchmark}: not comparable"
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


def _artifact_notes(judged: JudgedRun, turns: pd.DataFrame, artifacts: Artifacts) -> Iterator[Note]:
    run_id = judged.run.run_id
    for name, what in artifacts.problems:
        yield Note("warning", f"{run_id}/{name}", f"not used for checks: {what}")
    if artifacts.transcript is not None:
        yield from _transcript_notes(judged, turns, artifacts.transcript)
    if artifacts.summary is not None:
        for what in _summary_differences(judged, artifacts.summary):
            yield Note("warning", f"{run_id}/{judged.run.judge}_summary.json", what)


def _transcript_notes(judged: JudgedRun, turns: pd.DataFrame, transcript: Transcript) -> Iterator[Note]:
    where = f"{judged.run.run_id}/transcript.jsonl"
    if transcript.unreadable:
        yield Note("warning", where, f"unreadable lines: {_numbers(transcript.unreadable)}")
    rows = dict(zip(turns["turn"], zip(turns["user_text"], turns["assistant_text"], strict=True), strict=True))
    filled_in = {
        turn for turn, (_, text) in rows.items() if text.startswith(schema.SENTINELS["model_ended_session_early"])
    }
    said = transcript.said
    if unjudged := sorted(said.keys() - rows.keys()):
        yield Note("warning", where, f"{_turns(unjudged)} in the transcript but not judged")
    if unheard := sorted(rows.keys() - said.keys() - filled_in):
        yield Note("warning", where, f"{_turns(unheard)} judged but not in the transcript")
    both = sorted(rows.keys() & said.keys() - filled_in)
    for side, name in enumerate(("user_text", "assistant_text")):
        if differing := [turn for turn in both if _differ(rows[turn][side], said[turn][side])]:
            yield Note("warning", where, f"{name} differs from the judged row at {_turns(differing)}")


def _differ(one: str, other: str) -> bool:
    """Whether two texts differ in more than white space."""
    return one != other and one.split() != other.split()


def _summary_differences(judged: JudgedRun, summary: Mapping[str, Any]) -> Iterator[str]:
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
            if isinstance(claim, int) and claim != count:
                yield f"{what} of {name} is {claim}; the judged rows give {count}"
    turns = summary.get("turns_scored")
    if isinstance(turns, int) and turns != len(judged.turns):
        yield f"turns_scored is {turns}; there are {len(judged.turns)} judged rows"


# --- The runs of a benchmark ---------------------------------------------------------------------------------


def _turn_notes(rows: pd.DataFrame, what: str) -> Iterator[Note]:
    for run_id, turns in rows.groupby("run_id", sort=False, observed=True)["turn"]:
        yield Note("warning", str(run_id), f"{what}: {_turns(turns.tolist())}")


def _dimension_notes(scores: pd.DataFrame, runs: Sequence[Run]) -> Iterator[Note]:
    """Yield a note for each run without a dimension that others of its benchmark have."""
    pairs = scores.groupby(["run_id", "dimension"], observed=True).size().reset_index()
    found = {run_id: set(names) for run_id, names in pairs.groupby("run_id", observed=True)["dimension"]}
    for benchmark in dict.fromkeys(run.benchmark_name for run in runs):
        own = [run.run_id for run in runs if run.benchmark_name == benchmark and run.run_id in found]
        every = set[str]().union(*(found[run_id] for run_id in own))
        for run_id in own:
            if lacking := sorted(every - found[run_id]):
                what = f"without the dimension {_some(lacking)}, which other runs of {benchmark} have"
                yield Note("warning", run_id, what)


def _judge_notes(runs: Iterable[Run]) -> Iterator[Note]:
    judges: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        judges.setdefault(run.benchmark_name, {}).setdefault(run.judge, []).append(run.run_id)
    for benchmark, by_judge in judges.items():
        if len(by_judge) > 1:
            parts = "; ".join(f"{judge}: {_some(run_ids)}" for judge, run_ids in by_judge.items())
            yield Note("warning", benchmark, f"judged by different judges: {parts}")


# --- Words ---------------------------------------------------------------------------------------------------


def _turns(turns: Sequence[int]) -> str:
    return f"turn{'s' * (len(turns) > 1)} {_numbers(turns)}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    rest = len(names) - _SHOWN_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_SHOWN_TURNS]))
    rest = len(numbers) - _SHOWN_TURNS
    return f"{shown} and {rest} more" if rest > 0 else shown
