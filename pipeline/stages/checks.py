"""Check the artifacts: each run against its own files, then the runs of a benchmark against one another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.load.records import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from pipeline.load.artifacts import Artifacts, Transcript
    from pipeline.load.records import Run
    from pipeline.load.rows import LoadedRun
    from pipeline.stages.turnsets import Grid
    from pipeline.units import Units

_SHOWN_TURNS: Final = 12


def check_run(loaded: LoadedRun, artifacts: Artifacts) -> list[Note]:
    """Check one run: what its file needed, then its rows against its transcript and summary."""
    return [*_file_notes(loaded), *_artifact_notes(loaded, artifacts)]


class Questions:
    """What was asked at each turn of each benchmark, and where runs differ in it."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[int, tuple[str, int, bool]]] = {}
        """By benchmark and turn: the first text, how many runs asked something, whether any differs from it."""

    def add(self, turns: pa.Table) -> None:
        """Take note of the user texts of a batch of runs; blank ones ask nothing."""
        columns = (as_list(turns[name]) for name in (c.BENCHMARK, c.TURN, c.USER_TEXT))
        for benchmark, turn, text in zip(*columns, strict=True):
            if text and not text.isspace():
                first, runs, differs = self._asked.setdefault(benchmark, {}).get(turn, (text, 0, False))
                self._asked[benchmark][turn] = (first, runs + 1, differs or _differ(text, first))

    def notes(self) -> Iterator[Note]:
        """Remark on turns whose user text differs between runs: a warning, an error when most turns do."""
        for benchmark, asked in self._asked.items():
            shared = [turn for turn, (_, runs, _) in asked.items() if runs > 1]
            differing = sorted(turn for turn, (_, _, differs) in asked.items() if differs)
            if differing:
                most = 2 * len(differing) > len(shared)
                what = f"user_text differs between runs at {_turns(differing)}, {len(differing)}/{len(shared)} shared"
                if most:
                    what += "; these are not the same benchmark, so turn sets mean nothing"
                yield Note("error" if most else "warning", benchmark, what)


def check_comparison(turns: pa.Table, failures: pa.Table, scores: pa.Table, runs: Sequence[Run]) -> list[Note]:
    """Check the runs of each benchmark for what their rows lack, and for dimensions and judges that differ."""
    return [
        *_incomplete_notes(turns),
        *_silent_judge_notes(failures),
        *_dimension_notes(scores, runs),
        *_judge_notes(runs),
    ]


def check_comparable(grids: Sequence[Grid], units: Units) -> list[Note]:
    """Name the runs that keep turns out of the comparison, their model having no judged row where another has."""
    notes = []
    run_ids = dict(zip(units.names, units.runs, strict=True))
    for grid in grids:
        somewhere = (grid.judged > 0).any(axis=0)
        for model, runs in zip(grid.models, grid.judged, strict=True):
            if turns := grid.turns[somewhere & (runs == 0)].tolist():
                what = f"no judged row of {model} for {_turns(turns)} of {grid.benchmark}: not comparable"
                notes.append(Note("warning", ", ".join(run_ids[grid.benchmark, model]), what))
    return notes


# --- One run -----------------------------------------------------------------------------------------------


def _file_notes(loaded: LoadedRun) -> Iterator[Note]:
    source = loaded.run.source
    if not loaded.table.num_rows:
        yield Note("warning", source, "no judged row")
    for line, (reason, _) in loaded.bad_lines.items():
        yield Note("warning", f"{source}:{line}", f"row left out: {reason}")
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
    filled_in = {turn for turn, (_, text) in rows.items() if text.startswith(c.SENTINELS[c.ENDED_EARLY])}
    said = transcript.said
    if unjudged := sorted(said.keys() - rows.keys()):
        yield Note("warning", where, f"{_turns(unjudged)} in the transcript but not judged")
    if unheard := sorted(rows.keys() - said.keys() - filled_in):
        yield Note("warning", where, f"{_turns(unheard)} judged but not in the transcript")
    both = sorted(rows.keys() & said.keys() - filled_in)
    for side, name in enumerate((c.USER_TEXT, c.ASSISTANT_TEXT)):
        if differing := [turn for turn in both if _differ(rows[turn][side], said[turn][side])]:
            yield Note("warning", where, f"{name} differs from the judged row at {_turns(differing)}")


def _differ(one: str, other: str) -> bool:
    """Tell whether two texts differ in more than white space."""
    return one != other and one.split() != other.split()


def _summary_differences(loaded: LoadedRun, summary: Mapping[str, Any]) -> Iterator[str]:
    names = pc.list_flatten(loaded.table[c.DIMENSIONS]).to_pylist()
    passes = pc.list_flatten(loaded.table[c.PASSES]).to_pylist()
    scored = Counter(name for name, score in zip(names, passes, strict=True) if score is not None)
    passed = Counter(name for name, score in zip(names, passes, strict=True) if score)
    stated = summary.get("passes", summary.get(f"{loaded.run.judge}_passes"))
    for what, claims, counts in (
        ("passes", stated, passed),
        ("category_totals", summary.get("category_totals"), scored),
    ):
        for name, claim in claims.items() if isinstance(claims, dict) else ():
            count = counts[name]
            if isinstance(claim, int) and claim != count:
                yield f"{what} of {name} is {claim}; the judged rows give {count}"
    turns = summary.get("turns_scored")
    if isinstance(turns, int) and turns != loaded.table.num_rows:
        yield f"turns_scored is {turns}; there are {loaded.table.num_rows} judged rows"


def _values(column: Any) -> list[Any]:  # noqa: ANN401 - an Arrow column, untyped upstream
    values: list[Any] = column.to_pylist()
    return values


# --- The runs of a benchmark ---------------------------------------------------------------------------------


def _incomplete_notes(turns: pa.Table) -> Iterator[Note]:
    for run_id, numbers in _turns_by_run(turns.filter(pc.invert(turns[c.JUDGED]))).items():
        yield Note("warning", run_id, f"incomplete, no dimension was scored: {_turns(numbers)}")


def _silent_judge_notes(failures: pa.Table) -> Iterator[Note]:
    silent = failures.filter(pc.equal(pc.utf8_trim_whitespace(failures[c.JUDGE_REASONING]), ""))
    for run_id, numbers in _turns_by_run(silent).items():
        yield Note("warning", run_id, f"failed without reasoning: {_turns(numbers)}")


def _turns_by_run(rows: pa.Table) -> dict[str, list[int]]:
    by_run: dict[str, list[int]] = {}
    for run_id, turn in zip(as_list(rows[c.RUN_ID]), as_list(rows[c.TURN]), strict=True):
        by_run.setdefault(run_id, []).append(turn)
    return by_run


def _dimension_notes(scores: pa.Table, runs: Sequence[Run]) -> Iterator[Note]:
    """Remark on runs without a dimension that others of their benchmark have."""
    run, dimension = scores[c.RUN_ID].combine_chunks(), scores[c.DIMENSION].combine_chunks()
    names = dimension.dictionary.to_pylist()
    pairs = np.unique(np.asarray(run.indices) * max(len(names), 1) + np.asarray(dimension.indices))
    found: dict[str, set[str]] = {}
    for pair in pairs.tolist():
        found.setdefault(run.dictionary[pair // len(names)].as_py(), set()).add(names[pair % len(names)])
    for benchmark in dict.fromkeys(run.benchmark_name for run in runs):
        own = [run.run_id for run in runs if run.benchmark_name == benchmark and run.run_id in found]
        every = set().union(*(found[run_id] for run_id in own))
        for run_id in own:
            if lacking := sorted(every - found[run_id]):
                what = f"without the dimension {', '.join(lacking)}, which other runs of {benchmark} have"
                yield Note("warning", run_id, what)


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
