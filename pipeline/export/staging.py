"""Write the analysis folder: everything is staged beside it and then moved in as one; `load.moving` moves."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from contextlib import ExitStack, contextmanager, suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any, BinaryIO

from pipeline import schema as c
from pipeline.errors import OutputError
from pipeline.export.batches import written_in_batches
from pipeline.export.formats import all_outputs
from pipeline.export.formats.analysis_json import to_bytes
from pipeline.export.guards import refusals, uninterrupted
from pipeline.export.make_rule import dependencies
from pipeline.export.sharing import share_like
from pipeline.export.target import Target, cut_name, is_analysis_folder, listed_outputs
from pipeline.ledger.files import LOCKS_MISSING
from pipeline.load.files import irregular, irregular_folders
from pipeline.load.moving import MOVING, OWN_NAMES, Moves, free_report, is_own, locked, move_files
from pipeline.load.whole import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pandas as pd

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Report


class Staging:
    """A folder beside the target that collects its files until they are moved in."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target = target
        self._folder = folder
        self._names: list[str] = []
        self.digests: dict[str, str] = {}
        """The SHA-256 of every output but `analysis.json`, once all are written."""

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
        """Write every output that the analysis calls for, and `analysis.json` with the digests of the others."""
        for output in all_outputs():
            if output.wanted(analysis):
                with self.file(output.path.format(stem=self.target.stem)) as stream:
                    output.write(report, analysis, stream)
        self.digests = {name: digest_of(self._folder / name) for name in sorted(set(self._names))}
        with self.file(c.ANALYSIS_JSON) as stream:
            stream.write(to_bytes(analysis, self.digests))

    def write_local(self, inputs: Sequence[Path], local: dict[str, Any]) -> None:
        """Write the two files that hold on this machine only: the dependencies for make, and where things lie."""
        goal = self.target.folder / c.ANALYSIS_JSON
        outputs = sorted({*self._names, c.DEPENDENCIES, c.LOCAL_JSON})
        with self.file(c.DEPENDENCIES) as stream:
            places = [self.target.folder / name for name in outputs]
            stream.write(dependencies(goal, inputs, places).encode(errors="surrogateescape"))
        with self.file(c.LOCAL_JSON) as stream:
            stream.write(json.dumps(local | {"outputs": outputs}, indent=2).encode() + b"\n")

    def move_in(self) -> Path:
        """Move all files in, and remove what an earlier analysis left; return where the report is.

        A report that was edited by hand is kept, and the new one is put beside it. A new folder is there at once;
        in one that is there the files are replaced one by one, and who is killed meanwhile leaves a journal by
        which the next command goes on.
        """
        target = self.target
        with refusals(target.folder), uninterrupted():
            if not target.folder.exists():
                with suppress(OSError):  # another process has just made it
                    self._folder.rename(target.folder)
                    return target.report
            target.folder.mkdir(exist_ok=True)
            with locked(target.folder):
                move_files(target.folder)
                place = free_report(target.report)
                self._refuse_irregular(place)
                self._replace(place)
        return place

    def _refuse_irregular(self, report: Path) -> None:
        """Refuse what no file can replace, before anything is replaced."""
        places = [report, *(self.target.folder / name for name in self._names)]
        problems = irregular(places)
        if problems := problems or irregular_folders({place.parent for place in places}):
            raise OutputError(*problems)

    def _replace(self, report: Path) -> None:
        """Replace the files of the folder by the staged ones, under the folder's lock."""
        folder, names = self.target.folder, sorted(set(self._names), key=lambda name: (name == c.ANALYSIS_JSON, name))
        moves = Moves(names, sorted(self._stale() - set(names)), self.target.report.name)
        copy = folder / self._folder.name
        try:
            self._share(self._folder, report)
            moves.write(self._folder)
            try:
                self._folder.rename(folder / MOVING)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.copytree(self._folder, copy)
                self._share(copy, report)
                copy.rename(folder / MOVING)
            move_files(folder)
        except OSError:
            shutil.rmtree(copy, ignore_errors=True)
            if all((folder / MOVING / name).exists() for name in names):  # nothing was replaced, and nothing will be
                shutil.rmtree(folder / MOVING, ignore_errors=True)
            raise

    def _share(self, staged: Path, report: Path) -> None:
        for name in set(self._names):
            share_like(staged / name, report if name == self.target.report.name else self.target.folder / name)

    def _stale(self) -> set[str]:
        """Return what an earlier analysis may have written here: by its own list, and by name."""
        folder = self.target.folder
        names = {name for name in listed_outputs(folder) or () if is_own(name)}
        return names | (OWN_NAMES if is_analysis_folder(folder) else set()) | {self.target.new_report.name}


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
            home = folder if _is_apart(folder) else parent
            with locked(home):
                for place in {home, folder} if folder.is_dir() else {home}:
                    _sweep(place, _prefix(target))
                folder = home / f"{_prefix(target)}{token_hex(4)}"
                folder.mkdir()
                cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
                cleanup.enter_context(locked(folder))
        yield Staging(target, folder)


def _is_apart(folder: Path) -> bool:
    """Whether files beside a folder cannot be moved into it, or none can be made there: it is staged in itself."""
    parent = folder.parent
    return folder.is_dir() and (
        folder.stat().st_dev != parent.stat().st_dev or not os.access(parent, os.W_OK | os.X_OK)
    )


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
        except OSError as error:  # without locks nobody knows whether its process lives
            if error.errno not in LOCKS_MISSING:
                raise
        finally:
            os.close(handle)


def _prefix(target: Target) -> str:
    return f".{cut_name(target.folder.name, 100)}.staging-"
