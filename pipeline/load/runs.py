"""List the runs of an analysis: from a comparison folder or from run folders, each with its names."""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.errors import InputError, Problem, UsageError
from pipeline.load.comparison import RUN_RESULTS, ListedRun, read_run_results
from pipeline.load.files import absolute, is_folder, plain, real, relative
from pipeline.load.locate import default_roots, judge_name, judged_file, locate, nearby, was_moved
from pipeline.load.records import Note, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.load.records import Options


_LOG: Final = logging.getLogger(__name__)
_TOLD: Final = 20
"""So many runs are named on stderr one by one."""


@dataclass(frozen=True, slots=True)
class RunList:
    """The runs of one analysis, its name, and the folder that paths in outputs are relative to."""

    runs: tuple[Run, ...]
    name: str
    base: Path
    comparison_dir: Path | None
    notes: tuple[Note, ...]
    missing: tuple[str, ...] = ()
    """The runs left out because their folders are missing, as they were written."""


def find_runs(
    comparison_dir: Path | None,
    run_dirs: Sequence[Path],
    runs_root: Path | None,
    options: Options,
) -> RunList:
    """List the runs to analyse; what the user should know at once is logged as info.

    Raises `UsageError` when neither source is given, and `InputError` naming every run that is missing,
    listed twice, or without a judged file to choose.
    """
    if run_dirs:
        notes = []
        if comparison_dir is not None:
            ignored = plain(absolute(comparison_dir).name)
            what = f"the comparison folder {ignored} is ignored: run folders were given"
            _LOG.info(what)
            notes.append(Note("info", ignored, what))
        folders = [absolute(folder) for folder in run_dirs]
        base = Path(os.path.commonpath([folder.parent for folder in folders]))
        listed = [ListedRun(where=str(folder), run_dir=str(folder)) for folder in folders]
        runs = _runs(listed, folders, base, options)
        return RunList(runs, "+".join(sorted({run.benchmark_name for run in runs})), base, None, tuple(notes))
    if comparison_dir is None:
        raise UsageError(Problem("", "no input", "give --comparison-dir DIR or --run-dir DIR"))
    base = real(absolute(comparison_dir))
    listed = read_run_results(base)
    roots = default_roots(base) if runs_root is None else [absolute(runs_root)]
    if runs_root is not None and not is_folder(roots[0]):
        raise InputError(Problem(str(runs_root), "no such folder", "give the folder that holds the runs"))
    moved: list[Note] = []
    found, missing, problems = _locate_all(listed, base, roots, moved)
    if not options.skip_missing_runs:
        fix = "name the folder that holds it with --runs-root, or go on without with --skip-missing-runs"
        problems += [Problem(run.where, f"run not found: {run.run_dir}", fix) for run in missing]
    if problems:
        raise InputError(*problems)
    if not found:
        raise InputError(Problem(str(base / RUN_RESULTS), "none of its runs was found", "see --runs-root"))
    runs = _runs([run for run, _ in found], [folder for _, folder in found], base, options)
    left_out = [Note("warning", RUN_RESULTS, f"run left out, its folder is missing: {run.run_dir}") for run in missing]
    _tell([note.what for note in left_out], "runs left out")
    return RunList(runs, plain(base.name), base, base, (*moved, *left_out), tuple(run.run_dir for run in missing))


def _locate_all(
    listed: Sequence[ListedRun], base: Path, roots: Sequence[Path], notes: list[Note]
) -> tuple[list[tuple[ListedRun, Path]], list[ListedRun], list[Problem]]:
    found: list[tuple[ListedRun, Path]] = []
    missing: list[ListedRun] = []
    problems: list[Problem] = []
    moved: list[str] = []
    index = cache(lambda: nearby(roots))
    for run in listed:
        try:
            folder = locate(run.run_dir, base, index)
        except InputError as error:
            problems.extend(Problem(run.where, problem.what, problem.fix) for problem in error.problems)
            continue
        if folder is None:
            missing.append(run)
            continue
        found.append((run, folder))
        if elsewhere := was_moved(folder, run.run_dir, base):
            moved.append(f"{run.run_dir} is not there; found as {elsewhere}")
    _tell(moved, "runs found elsewhere, by the names of their folders")
    if moved:
        what = f"{len(moved)} of {len(listed)} runs were found elsewhere than written, by the names of their folders"
        notes.append(Note("info", RUN_RESULTS, what))
    return found, missing, problems


def _tell(messages: Sequence[str], what: str) -> None:
    """Log a message for each run, or where they are many the first one and how many more there are."""
    if len(messages) > _TOLD:
        _LOG.info("%s; and %d more %s", messages[0], len(messages) - 1, what)
        return
    for message in messages:
        _LOG.info("%s", message)


def _runs(listed: Sequence[ListedRun], folders: Sequence[Path], base: Path, options: Options) -> tuple[Run, ...]:
    problems: list[Problem] = []
    seen: dict[Path, ListedRun] = {}
    runs: list[Run] = []
    for line, folder in zip(listed, folders, strict=True):
        if not is_folder(folder):
            problems.append(Problem(str(folder), "no such folder", "give a run's folder"))
            continue
        first = seen.setdefault(real(folder), line)
        if first is not line:
            problems.append(Problem(line.where, f"the same run as {first.where}", "list each run once"))
            continue
        try:
            file = judged_file(folder, options.judge)
        except InputError as error:
            problems.extend(error.problems)
            continue
        runs.append(
            Run(
                run_id=line.run_id or plain(folder.name),
                run_index=line.run_index,
                model_name=line.model_name,
                benchmark_name=line.benchmark_name or plain(folder.parent.name),
                directory=folder,
                judged_file=file,
                judge=judge_name(file),
                source=relative(file, base),
            )
        )
    if problems:
        raise InputError(*problems)
    return tuple(_with_unique_ids(runs))


def _with_unique_ids(runs: Sequence[Run]) -> list[Run]:
    """Where ids collide, let all colliding runs take `parent/folder`, and more parents if need be.

    Folders whose names are not Unicode may look alike to the root; then they are numbered.
    """
    named = list(runs)
    depth = 1
    while collisions := {run_id for run_id, n in Counter(run.run_id for run in named).items() if n > 1}:
        depth += 1
        if depth > max(len(run.directory.parts) for run in named):
            return [replace(run, run_id=f"{run.run_id} ({number})") for number, run in enumerate(named, 1)]
        named = [
            replace(run, run_id=plain("/".join(run.directory.parts[-depth:]))) if run.run_id in collisions else run
            for run in named
        ]
    return named
