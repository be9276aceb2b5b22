"""Move a staged analysis into its folder; whoever opens the folder next finishes a move that was interrupted.

A staged analysis with a journal is renamed to `.moving-in` inside the folder. From then on the move is certain: its
files are renamed one by one, and every command does what is left of that before it reads anything.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.errors import InputError, Problem
from pipeline.ledger.files import LOCKS_MISSING
from pipeline.load.edited import is_unedited

if TYPE_CHECKING:
    from collections.abc import Iterator

MOVING: Final = ".moving-in"
"""The staged analysis that is being moved in, inside the analysis folder."""
OWN_NAMES: Final = frozenset(
    {c.PACKET_JSONL, c.PACKET_CSV, c.ANALYSIS_JSON, c.REJECTED_ROWS, c.LOCAL_JSON, c.DEPENDENCIES}
)
"""The files of an analysis folder that have fixed names, apart from the tables."""
_JOURNAL: Final = "moves.json"
_STUCK: Final = "see its rights, or remove {} and analyse again: error-analysis analyze --output"


@dataclass(frozen=True, slots=True)
class Moves:
    """What moving in does, by names relative to the folder."""

    files: list[str]
    """The staged files, in the order in which they are moved."""
    remove: list[str]
    """What an earlier analysis wrote and this one does not; removed before the first file is moved."""
    report: str
    """The one of the files that never replaces a file that was edited by hand."""

    def write(self, staged: Path) -> None:
        """Write the journal of a staged analysis."""
        (staged / _JOURNAL).write_text(json.dumps(asdict(self)), encoding="utf-8")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, so that one process at a time works on it; where there are no locks, nothing is held.

    An analysis can be made anew, so that it need not be refused there, as a decision of a reviewer is.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in LOCKS_MISSING:
                raise
        yield
    finally:
        os.close(handle)


def finish_move(folder: Path) -> None:
    """Finish a move that a killed process has left, and wait for one that is going on.

    Raises `InputError` if the file system refuses, or if the journal cannot be read.
    """
    if not (folder / MOVING).is_dir():
        return
    try:
        with locked(folder):
            move_files(folder)
    except (OSError, ValueError, LookupError, TypeError) as error:
        what = f"holds an analysis that was not moved in completely, and the rest cannot be moved: {error}"
        raise InputError(Problem(str(folder), what, _STUCK.format(folder / MOVING))) from None


def move_files(folder: Path) -> None:
    """Do what is left to do of a move, under the folder's lock: any part may have been done before."""
    staged = folder / MOVING
    if (staged / _JOURNAL).is_file():
        moves = Moves(**json.loads((staged / _JOURNAL).read_bytes()))
        sources = {name: staged / name for name in moves.files if is_own(name)}
        if all(source.exists() for source in sources.values()):
            for name in filter(is_own, moves.remove):
                _remove(folder / name)
        for name, source in sources.items():
            if source.exists():
                goal = free_report(folder / name) if name == moves.report else folder / name
                goal.parent.mkdir(exist_ok=True)
                _move(source, goal)
        (staged / _JOURNAL).unlink()
    shutil.rmtree(staged, ignore_errors=True)


def free_report(report: Path) -> Path:
    """Return where a report goes: its own place, or the first beside it without a file that was edited by hand."""
    place, number = report, 1
    while place.exists() and not is_unedited(place.read_bytes()):
        place = report.with_name(f"{report.stem}.new{'' if number == 1 else number}.md")
        number += 1
    return place


def is_own(name: str) -> bool:
    """Whether a listed name is one of ours: no list may make us replace or remove anything else."""
    path = Path(name)
    plain = len(path.parts) == 1 and (name in OWN_NAMES or path.suffix in (".md", ".html"))
    return plain or (path.parts[:-1] == ("tables",) and path.suffix == ".parquet")


def _move(source: Path, goal: Path) -> None:
    """Rename a file; where `tables` is on another file system, it is copied beside the goal first."""
    try:
        source.replace(goal)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = goal.with_name(f".{goal.name}.part")
        shutil.copy2(source, copy)
        copy.replace(goal)
        source.unlink()


def _remove(path: Path) -> None:
    if path.is_file() and (path.suffix != ".md" or is_unedited(path.read_bytes())):
        path.unlink()
