"""Choose one judge for the runs of each benchmark: the one that judged most of their turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.errors import InputError
from pipeline.load.artifacts import read_artifacts
from pipeline.load.facts import facts_of
from pipeline.load.files import opened
from pipeline.load.judged import decode
from pipeline.load.records import Note, Options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pipeline.load.records import Run

_PREFERRED: Final = ("openai", "claude")


def choose_judges(candidates: Sequence[Sequence[Run]]) -> tuple[list[Run], list[Note]]:
    """Choose the judged file of each run; `candidates` has per run one record for each of its judged files.

    Per benchmark the judge that covers most turns over all runs is chosen, of equal ones openai, then claude, then
    the first by name; a run without that judge takes its own best. Files are read only where there is a choice.
    """
    of_benchmark: dict[str, list[Sequence[Run]]] = {}
    for runs in candidates:
        of_benchmark.setdefault(runs[0].benchmark_name, []).append(runs)
    chosen: dict[Path, Run] = {}
    notes: list[Note] = []
    for benchmark, group in of_benchmark.items():
        if len({run.judge for runs in group for run in runs}) > 1:
            of_group, of_notes = _choose(benchmark, group)
            notes += of_notes
        else:
            of_group = [runs[0] for runs in group]
        chosen |= {run.directory: run for run in of_group}
    return [chosen[runs[0].directory] for runs in candidates], notes


def _choose(benchmark: str, group: Sequence[Sequence[Run]]) -> tuple[list[Run], list[Note]]:
    """Choose the judge of one benchmark; the notes say what each judge covers, and which runs do without it."""
    covered: dict[Path, int] = {}
    whole = 0
    for runs in group:
        judged = {run.judged_file: judged_turns(run.judged_file) for run in runs}
        expected = _expected_turns(runs, judged.values())
        whole += len(expected)
        covered |= {file: len(turns & expected) for file, turns in judged.items()}
    by_judge: dict[str, int] = {}
    for runs in group:
        for run in runs:
            by_judge[run.judge] = by_judge.get(run.judge, 0) + covered[run.judged_file]
    best, *others = sorted(by_judge, key=lambda judge: _rank(by_judge[judge], judge))
    listed = "; ".join(f"{judge} covers {by_judge[judge]} of {whole}" for judge in others)
    what = f"judged by {best}, which covers {by_judge[best]} of {whole} turns; {listed}; --judge NAME takes another"
    notes = [Note("info", benchmark, what)]
    chosen = []
    for runs in group:
        own = min(runs, key=lambda run: _rank(covered[run.judged_file], run.judge))
        run = next((run for run in runs if run.judge == best and covered[run.judged_file]), own)
        if run.judge != best:
            what = f"not judged by {best} as other runs of {benchmark} are; the judgment of {run.judge} is used: "
            what += f"judge this run with {best} too, or choose one judge with --judge"
            notes.append(Note("warning", run.source, what))
        chosen.append(run)
    return chosen, notes


def _rank(covered: int, judge: str) -> tuple[int, int, str]:
    preferred = _PREFERRED.index(judge) if judge in _PREFERRED else len(_PREFERRED)
    return -covered, preferred, judge


def _expected_turns(runs: Sequence[Run], judged: Iterable[set[int]]) -> set[int]:
    """Return the turns of a run that a judge can judge: those of its transcript, else those that any judge judged."""
    lost: set[int] = set()
    said: set[int] = set()
    for run in runs:
        artifacts = read_artifacts(run)
        lost |= facts_of(run, artifacts, {}, Options()).lost_turns.keys()
        said |= artifacts.transcript.said.keys() if artifacts.transcript else set()
    return (said or set().union(*judged)) - lost


class _Judged(msgspec.Struct, gc=False):
    turn: int
    scores: dict[str, Any]


_decode_judged: Final = msgspec.json.Decoder(_Judged).decode


def judged_turns(file: Path) -> set[int]:
    """Return the turns that a judged file has a row for; lines that cannot be read have none."""
    turns: set[int] = set()
    try:
        with opened(file) as stream:
            for line in stream:
                try:
                    turns.add(_decode_judged(line).turn)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    turns |= {row.turn for row in decode(line).rows}
    except InputError:  # reported when the file is read as the chosen one
        return turns
    return turns
