"""List the runs of an analysis: from a comparison folder or from run folders, each with its names."""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.errors import InputError, Problem, UsageError
from pipeline.load.comparison import RUN_RESULTS, ListedRun, read_run_results
from pipeline.load.files import absolute, is_folder, plain, real, relative
from pipeline.load.judges import choose_judges
from pipeline.load.locate import (
    JUDGED_PATTERN,
    TRANSCRIPT,
    benchmark_folder,
    default_roots,
    judge_name,
    judged_files,
    locate,
    nearby,
    transcript_of,
    was_moved,
)
from pipeline.load.records import Note, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    comparison_dirs: tuple[Path, ...]
    notes: tuple[Note, ...]
    missing: tuple[str, ...] = ()
    """The runs left out because their folders are missing, as they were written."""


def find_runs(
    comparison_dirs: Sequence[Path],
    run_dirs: Sequence[Path],
    runs_root: Path | None,
    options: Options,
) -> RunList:
    """List the runs to analyse; what the user should know at once is logged as info.

    Raises `UsageError` when neither source is given, and `InputError` naming every run that is missing,
    listed twice in one file, or without a judged file.
    """
    if run_dirs:
        return _of_run_dirs(run_dirs, comparison_dirs, options)
    if not comparison_dirs:
        raise UsageError(Problem("", "no input", "give --comparison-dir DIR or --run-dir DIR"))
    folders = list(dict.fromkeys(real(absolute(folder)) for folder in comparison_dirs))
    base = folders[0] if len(folders) == 1 else Path(os.path.commonpath(folders))
    if runs_root is not None and not is_folder(absolute(runs_root)):
        raise InputError(Problem(str(runs_root), "no such folder", "give the folder that holds the runs"))
    found: list[tuple[ListedRun, Path]] = []
    missing: list[ListedRun] = []
    problems: list[Problem] = []
    notes: list[Note] = []
    for folder in folders:
        roots = default_roots(folder) if runs_root is None else [absolute(runs_root)]
        try:
            listed = read_run_results(folder)
        except InputError as error:
            problems += error.problems
            continue
        where = relative(folder / RUN_RESULTS, base)
        index = cache(partial(nearby, roots, TRANSCRIPT if options.transcripts else JUDGED_PATTERN))
        of_folder, missing_of_folder, of_folder_problems = _locate_all(listed, folder, index, notes, where)
        missing += missing_of_folder
        problems += of_folder_problems
        if not options.skip_missing_runs:
            fix = "name the folder that holds it with --runs-root, or go on without with --skip-missing-runs"
            problems += [Problem(run.where, f"run not found: {run.run_dir}", fix) for run in missing_of_folder]
        found += _not_listed_before(of_folder, found, notes, where)
        left_out = [f"run left out, its folder is missing: {run.run_dir}" for run in missing_of_folder]
        if options.skip_missing_runs:
            notes += [Note("warning", where, what) for what in left_out]
            _tell(left_out, "runs left out")
    if problems:
        raise InputError(*problems)
    if not found:
        raise InputError(Problem(str(folders[0] / RUN_RESULTS), "none of its runs was found", "see --runs-root"))
    runs, of_judges = _runs([run for run, _ in found], [folder for _, folder in found], base, options)
    name = "+".join(sorted({plain(folder.name) for folder in folders}))
    return RunList(
        runs, name, base, tuple(folders), (*notes, *of_judges), tuple(dict.fromkeys(run.run_dir for run in missing))
    )


def _of_run_dirs(run_dirs: Sequence[Path], comparison_dirs: Sequence[Path], options: Options) -> RunList:
    """List the runs in the folders given; comparison folders given as well are ignored."""
    notes = []
    for ignored in (plain(absolute(folder).name) for folder in comparison_dirs):
        what = f"the comparison folder {ignored} is ignored: run folders were given"
        _LOG.info(what)
        notes.append(Note("info", ignored, what))
    folders = [absolute(folder) for folder in run_dirs]
    base = Path(os.path.commonpath([folder.parent for folder in folders]))
    listed = [ListedRun(where=str(folder), run_dir=str(folder)) for folder in folders]
    runs, of_judges = _runs(listed, folders, base, options)
    return RunList(runs, "+".join(sorted({run.benchmark_name for run in runs})), base, (), (*notes, *of_judges))


def _not_listed_before(
    listed: Sequence[tuple[ListedRun, Path]],
    before: Sequence[tuple[ListedRun, Path]],
    notes: list[Note],
    where: str,
) -> list[tuple[ListedRun, Path]]:
    """Return the runs of a comparison folder that none before it lists; `notes` receives how many others there are."""
    known = {real(folder) for _, folder in before}
    new = [(line, folder) for line, folder in listed if real(folder) not in known]
    if again := len(listed) - len(new):
        what = f"{again} of {len(listed)} runs are listed by another comparison folder as well; each counts once"
        notes.append(Note("info", where, what))
    return new


def _locate_all(
    listed: Sequence[ListedRun],
    base: Path,
    index: Callable[[], Mapping[str, list[Path]]],
    notes: list[Note],
    where: str,
) -> tuple[list[tuple[ListedRun, Path]], list[ListedRun], list[Problem]]:
    found: list[tuple[ListedRun, Path]] = []
    missing: list[ListedRun] = []
    problems: list[Problem] = []
    moved: list[str] = []
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
        notes.append(Note("info", where, what))
    return found, missing, problems


def _tell(messages: Sequence[str], what: str) -> None:
    """Log a message for each run, or where they are many the first one and how many more there are."""
    if len(messages) > _TOLD:
        _LOG.info("%s; and %d more %s", messages[0], len(messages) - 1, what)
        return
    for message in messages:
        _LOG.info("%s", message)


def _runs(
    listed: Sequence[ListedRun], folders: Sequence[Path], base: Path, options: Options
) -> tuple[tuple[Run, ...], list[Note]]:
    problems: list[Problem] = []
    seen: dict[Path, ListedRun] = {}
    candidates: list[list[Run]] = []
    for line, folder in zip(listed, folders, strict=True):
        if not is_folder(folder):
            problems.append(Problem(str(folder), "no such folder", "give a run's folder"))
            continue
        first = seen.setdefault(real(folder), line)
        if first is not line:
            problems.append(Problem(line.where, f"the same run as {first.where}", "list each run once"))
            continue
        try:
            files = [transcript_of(folder)] if options.transcripts else judged_files(folder, options.judge)
        except InputError as error:
            problems.extend(error.problems)
            continue
        candidates.append([_run(line, folder, file, base) for file in files])
    if problems:
        raise InputError(*problems)
    runs, notes = choose_judges(candidates)
    return tuple(_with_unique_ids(runs)), notes


def _run(line: ListedRun, folder: Path, file: Path, base: Path) -> Run:
    """Return the record of a run with one of its judged files."""
    return Run(
        run_id=line.run_id or plain(folder.name),
        run_index=line.run_index,
        model_name=line.model_name,
        benchmark_name=line.benchmark_name or plain(benchmark_folder(folder).name),
        directory=folder,
        judged_file=file,
        judge=judge_name(file),
        source=relative(file, base),
        mode=line.runtime_mode or "",
        comparison_dir=line.comparison_dir,
        cells=line.cells,
    )


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
