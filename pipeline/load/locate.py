"""Find run folders: as written, or where they went when the comparison came from another machine."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pipeline.errors import InputError, Problem
from pipeline.load.files import absolute, file_name, folders_in, is_file, is_folder, plain, real, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_JUDGED = "_judged.jsonl"
JUDGED_PATTERN = f"*{_JUDGED}"
TRANSCRIPT = "transcript.jsonl"
_ITERATIONS = "iterations"
"""The folder in a run's folder that holds its repeats, `run_01` and on."""


def default_roots(comparison: Path) -> list[Path]:
    """Return the folders whose children and grandchildren may be the runs of a comparison."""
    return [comparison, *(ancestor / "runs" for ancestor in comparison.parents)]


def nearby(roots: Sequence[Path], pattern: str) -> dict[str, list[Path]]:
    """Return the run folders among the children and grandchildren of `roots`, each once, by name.

    A run folder holds a file of this `pattern`. Repeats below `iterations/` of such a folder are run folders too, by
    the last three parts of their path.
    """
    found: dict[str, dict[Path, Path]] = {}
    for root in roots:
        for child in folders_in(root):
            for folder in (child, *folders_in(child)):
                for run in (folder, *folders_in(folder / _ITERATIONS)):
                    if any(run.glob(pattern)):
                        found.setdefault(_last_parts(run.parts), {}).setdefault(real(run), run)
    return {name: list(folders.values()) for name, folders in found.items()}


def benchmark_folder(run: Path) -> Path:
    """Return the folder whose name is the benchmark's: the parent of the run's folder, which may hold `iterations/`."""
    return run.parents[2] if run.parent.name == _ITERATIONS and len(run.parents) > 2 else run.parent  # noqa: PLR2004


def _last_parts(parts: Sequence[str]) -> str:
    """Return the name of a run folder, with the run that it is a repeat of."""
    return "/".join(parts[-3:] if len(parts) > 2 and parts[-2] == _ITERATIONS else parts[-1:])  # noqa: PLR2004


def locate(written: str, comparison: Path, index: Callable[[], Mapping[str, list[Path]]]) -> Path | None:
    """Find the run folder that `run_results.csv` wrote as `written`; `None` when there is none.

    Looked for as written, relative to the comparison folder, to the working directory, then by its last
    part in the `index` of run folders nearby. Raises `InputError` when two folders match; of folders in several
    benchmarks the one in the benchmark's folder as written counts.
    """
    for candidate in _as_written(written, comparison):
        if is_folder(candidate):
            return candidate
    parts = [file_name(part) for part in re.split(r"[/\\]+", written.rstrip("/\\"))]
    name = _last_parts(parts)
    matches = index().get(name, [])
    above = len(name.split("/")) + 1
    if len(matches) > 1 and len(parts) >= above:
        matches = [folder for folder in matches if folder.parts[-above] == parts[-above]] or matches
    if len(matches) > 1:
        fix = "name the folder that holds the right one with --runs-root"
        found = " and ".join(map(str, matches))
        raise InputError(Problem(written, f"several folders named {name}: {found}", fix))
    return matches[0] if matches else None


def was_moved(found: Path, written: str, comparison: Path) -> str | None:
    """Return where a run was found when that is not where the comparison names it, else `None`."""
    return None if found in _as_written(written, comparison) else relative(found, comparison)


def _as_written(written: str, comparison: Path) -> tuple[Path, Path]:
    """Read a written path from the comparison folder, then from the working directory."""
    path = os.path.expanduser(file_name(written))  # noqa: PTH111 - Path.expanduser() raises for an unknown user
    return absolute(comparison / path), absolute(path)


def judged_files(folder: Path, judge: str | None) -> list[Path]:
    """Return the judged files of a run folder: all of them, or the one of the judge that is asked for.

    Raises `InputError` when there is none.
    """
    found = {path.name.removesuffix(_JUDGED): path for path in sorted(folder.glob(f"*{_JUDGED}"))}
    if judge is not None:
        if judge not in found:
            fix = f"choose one of: {', '.join(found)}" if found else "judge the run first"
            raise InputError(Problem(str(folder), f"no {judge}{_JUDGED} here", fix))
        return [found[judge]]
    if not found:
        raise InputError(Problem(str(folder), f"no *{_JUDGED} here", "judge the run first, or name another folder"))
    return list(found.values())


def transcript_of(folder: Path) -> Path:
    """Return the transcript of a run folder. Raises `InputError` when there is none."""
    if not is_file(folder / TRANSCRIPT):
        raise InputError(Problem(str(folder), f"no {TRANSCRIPT} here", "give a run's folder"))
    return folder / TRANSCRIPT


def judge_name(file: Path) -> str:
    """Return the judge whose rows a judged file holds."""
    return plain(file.name.removesuffix(_JUDGED))
