"""Write the analysis folder: everything is staged beside it and moved in, or nothing is."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, BinaryIO

from pipeline import schema as c
from pipeline.export.batches import written_in_batches
from pipeline.export.formats import all_outputs
from pipeline.export.formats.markdown import is_unedited
from pipeline.export.guards import locked, refusals, uninterrupted
from pipeline.export.make_rule import dependencies
from pipeline.export.target import OWN_NAMES, Target, cut_name, is_analysis_folder, listed_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import pandas as pd

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Report


class Staging:
    """A folder beside the target that collects its files until they are moved in."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target = target
        self._folder = folder
        self._names: list[str] = []

    @contextmanager
    def file(self, name: str) -> Iterator[BinaryIO]:
        """Open a file of the folder for writing. Raises `OutputError` when the file system refuses."""
        path = self._folder / name
        self._names.append(name)
        with refusals(self.target.folder / name):
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as stream:
                yield stream

    def batches(self) -> AbstractContextManager[Callable[[pd.DataFrame], None]]:
        """Return a context that yields a function to write each batch of finished turns with."""
        return written_in_batches(self.file, self._folder)

    def write_all(self, report: Report, analysis: Analysis) -> None:
        """Write every output that the analysis calls for."""
        for output in all_outputs():
            if output.wanted(analysis):
                with self.file(output.path.format(stem=self.target.stem)) as stream:
                    output.write(report, analysis, stream)

    def write_local(self, inputs: Sequence[Path], local: dict[str, Any]) -> None:
        """Write the two files that hold on this machine only: the dependencies for make, and where things lie."""
        goal = self.target.folder / c.ANALYSIS_JSON
        with self.file(c.DEPENDENCIES) as stream:
            stream.write(dependencies(goal, inputs).encode(errors="surrogateescape"))
        outputs = sorted({*self._names, c.LOCAL_JSON})
        with self.file(c.LOCAL_JSON) as stream:
            stream.write(json.dumps(local | {"outputs": outputs}, indent=2).encode() + b"\n")

    def move_in(self) -> Path:
        """Move all files in, `analysis.json` last, and what an earlier analysis left out; name the report.

        A report that was edited by hand is kept, and the new one is put beside it. When the file system
        refuses half-way, everything is put back as it was.
        """
        target = self.target
        # local.json first: a folder that a killed process left half filled is then known for ours.
        order = {c.LOCAL_JSON: 0, c.ANALYSIS_JSON: 2}
        names = sorted(set(self._names), key=lambda name: (order.get(name, 1), name))
        places = {name: target.folder / name for name in names}
        with refusals(target.folder), uninterrupted():
            target.folder.mkdir(exist_ok=True)
            with locked(target.folder):
                places[target.report.name] = _free_report(target)
                replaced = [path for path in places.values() if path.exists()]
                leaving = sorted({*replaced, *self._stale(set(places.values()))}, key=_is_not_analysis)
                aside = self._folder / "aside"
                aside.mkdir()
                moves = [(path, aside / str(number)) for number, path in enumerate(leaving)]
                moves += [(self._folder / name, path) for name, path in places.items()]
                _move_all(moves)
        return places[target.report.name]

    def _stale(self, kept: set[Path]) -> list[Path]:
        """Return what an earlier analysis wrote here and this one does not: by its own list, and by name."""
        folder = self.target.folder
        names = {name for name in listed_outputs(folder) or () if _is_own(name)}
        names |= OWN_NAMES if is_analysis_folder(folder) else set()
        paths = {folder / name for name in names} | {self.target.new_report}
        return [
            path
            for path in sorted(paths - kept)
            if path.is_file() and (path.suffix != ".md" or is_unedited(path.read_bytes()))
        ]


def _free_report(target: Target) -> Path:
    """Return where the report goes: its own place, or the first beside it without a file that was edited by hand."""
    place, number = target.report, 1
    while place.exists() and not is_unedited(place.read_bytes()):
        place = target.new_report if number == 1 else target.folder / f"{target.stem}.new{number}.md"
        number += 1
    return place


def _is_not_analysis(path: Path) -> tuple[bool, Path]:
    return path.name != c.ANALYSIS_JSON, path


def _move_all(moves: list[tuple[Path, Path]]) -> None:
    """Rename files one by one, or, when one is refused, none."""
    done: list[tuple[Path, Path]] = []
    try:
        for source, goal in moves:
            goal.parent.mkdir(exist_ok=True)
            if goal.is_dir():
                raise IsADirectoryError(0, "there is a folder where a file should go", str(goal))
            source.replace(goal)
            done.append((source, goal))
    except OSError:
        for source, goal in reversed(done):
            goal.replace(source)
        raise


@contextmanager
def staged(target: Target) -> Iterator[Staging]:
    """Stage the files of an analysis folder; without `move_in`, nothing remains of them, whatever happens."""
    parent = target.folder.parent
    folder = target.folder
    missing = [path for path in (parent, *parent.parents) if not path.exists()]
    with ExitStack() as cleanup:
        cleanup.callback(_remove_empty, missing)
        with refusals(target.folder), uninterrupted():
            parent.mkdir(parents=True, exist_ok=True)
            # A mounted folder is staged in itself: nothing can be moved in from another file system.
            home = folder if folder.is_dir() and folder.stat().st_dev != parent.stat().st_dev else parent
            with locked(home):
                _sweep(home, _prefix(target))
                folder = Path(mkdtemp(prefix=_prefix(target), dir=home))
                cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
                cleanup.enter_context(locked(folder))
        yield Staging(target, folder)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove those of the folders, innermost first, that are there and empty."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _sweep(home: Path, prefix: str) -> None:
    """Remove what killed processes left behind: staging folders that no living process holds."""
    for folder in home.iterdir():
        if not folder.name.startswith(prefix):
            continue
        try:
            handle = os.open(folder, os.O_RDONLY)
        except (FileNotFoundError, PermissionError):  # just removed, or another user's
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)


def _prefix(target: Target) -> str:
    return f".{cut_name(target.folder.name, 100)}.staging-"


def _is_own(name: str) -> bool:
    """Whether a listed name is one of ours: no list may make us remove anything else."""
    path = Path(name)
    plain = len(path.parts) == 1 and (name in OWN_NAMES or path.suffix in (".md", ".html"))
    return plain or (path.parts[:-1] == ("tables",) and path.suffix == ".parquet")
