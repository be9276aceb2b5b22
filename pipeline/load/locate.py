"""Find run folders: as written, or where they went when the comparison came from another machine."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pipeline.errors import InputError, Problem
from pipeline.load.files import absolute, file_name, folders_in, is_folder, plain, real, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_JUDGED = "_judged.jsonl"
_PREFERRED = ("openai", "claude")


def default_roots(comparison: Path) -> list[Path]:
    """Return the folders whose children and grandchildren may be the runs of a comparison."""
    return [comparison, comparison.parent / "runs", comparison.parent.parent / "runs"]


def nearby(roots: Sequence[Path]) -> dict[str, list[Path]]:
    """Return by name the run folders among the children and grandchildren of `roots`, each once."""
    found: dict[str, dict[Path, Path]] = {}
    for root in roots:
        for child in folders_in(root):
            for folder in (child, *folders_in(child)):
                if any(folder.glob(f"*{_JUDGED}")):
                    found.setdefault(folder.name, {}).setdefault(real(folder), folder)
    return {name: list(folders.values()) for name, folders in found.items()}


def locate(written: str, comparison: Path, index: Callable[[], Mapping[str, list[Path]]]) -> Path | None:
    """Find the run folder that `run_results.csv` wrote as `written`; `None` when there is none.

    Looked for as written, relative to the comparison folder, to the working directory, then by its last
    part in the `index` of run folders nearby. Raises `InputError` when two folders match.
    """
    for candidate in _as_written(written, comparison):
        if is_folder(candidate):
            return candidate
    name = file_name(re.split(r"[/\\]+", written.rstrip("/\\"))[-1])
    matches = index().get(name, [])
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


def judged_file(folder: Path, judge: str | None) -> Path:
    """Choose the judged file of a run folder, by the judge's name when one is asked for.

    Raises `InputError` when there is none, or several and no rule to choose.
    """
    found = {path.name.removesuffix(_JUDGED): path for path in sorted(folder.glob(f"*{_JUDGED}"))}
    names = ", ".join(path.name for path in found.values())
    if judge is not None:
        if judge not in found:
            fix = f"choose one of: {', '.join(found)}" if found else "judge the run first"
            raise InputError(Problem(str(folder), f"no {judge}{_JUDGED} here", fix))
        return found[judge]
    for name in _PREFERRED:
        if name in found:
            return found[name]
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise InputError(Problem(str(folder), f"several judged files: {names}", "choose one with --judge NAME"))
    raise InputError(Problem(str(folder), f"no *{_JUDGED} here", "judge the run first, or name another folder"))


def judge_name(file: Path) -> str:
    """Return the judge whose rows a judged file holds."""
    return plain(file.name.removesuffix(_JUDGED))
