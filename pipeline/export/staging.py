"""Write the analysis folder: everything is staged beside it and moved in, or nothing is."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pipeline import schema as c
from pipeline.export.dependencies import dependencies
from pipeline.export.guards import locked, refusals, uninterrupted
from pipeline.export.target import Target, cut_name
from pipeline.formats import all_outputs
from pipeline.formats.markdown import is_unedited

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.analysis import Analysis
    from pipeline.document import Report
    from pipeline.formats.interface import Output

_OWN_NAMES: Final = frozenset(
    {c.PACKET_JSONL, c.PACKET_CSV, c.ANALYSIS_JSON, c.REJECTED_ROWS, c.LOCAL_JSON, c.DEPENDENCIES}
)


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

    def write_all(self, report: Report, analysis: Analysis) -> None:
        """Write every output that the analysis calls for."""
        outputs = [output for output in all_outputs() if output.wanted(analysis)]

        def write(output: Output) -> None:
            with self.file(output.path.format(stem=self.target.stem)) as stream:
                output.write(report, analysis, stream)

        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(write, outputs))

    def write_local(self, inputs: Sequence[Path], local: dict[str, Any]) -> None:
        """Write the two files that hold on this machine only: the dependencies for make, and where things lie."""
        goal = self.target.folder / c.ANALYSIS_JSON
        with self.file(c.DEPENDENCIES) as stream:
            stream.write(dependencies(goal, inputs).encode(errors="surrogateescape"))
        outputs = sorted({*self._names, c.LOCAL_JSON})
        with self.file(c.LOCAL_JSON) as stream:
            stream.write(json.dumps(local | {"outputs": outputs}, indent=2).encode() + b"\n")

    def move_in(self) -> Path:
        """Move all files in, `analysis.json` last, and remove what an earlier analysis left; name the report.

        A report that was edited by hand is kept, and the new one is put beside it.
        """
        target = self.target
        names = sorted(set(self._names), key=lambda name: (name == c.ANALYSIS_JSON, name))
        places = {name: target.folder / name for name in names}
        with refusals(target.folder), uninterrupted():
            target.folder.mkdir(exist_ok=True)
            with locked(target.folder):
                for path in places.values():
                    if path.is_dir():
                        raise IsADirectoryError(0, "is a folder where a file should go", str(path))
                if target.report.exists() and not is_unedited(target.report.read_bytes()):
                    places[target.report.name] = target.new_report
                stale = self._stale(set(places.values()))
                (target.folder / c.ANALYSIS_JSON).unlink(missing_ok=True)
                for path in stale:
                    path.unlink(missing_ok=True)
                for name, path in places.items():
                    path.parent.mkdir(exist_ok=True)
                    (self._folder / name).replace(path)
        return places[target.report.name]

    def _stale(self, kept: set[Path]) -> list[Path]:
        """List what an earlier analysis wrote here and this one does not: by its own list, and by name."""
        folder = self.target.folder
        try:
            listed = json.loads((folder / c.LOCAL_JSON).read_bytes())["outputs"]
        except (OSError, ValueError, LookupError, TypeError):
            listed = []
        names = {name for name in listed if isinstance(name, str) and _is_own(name)} | _OWN_NAMES
        paths = {folder / name for name in names} | {self.target.new_report}
        return [
            path
            for path in sorted(paths - kept)
            if path.is_file() and (path.suffix != ".md" or is_unedited(path.read_bytes()))
        ]


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
    """Tell whether a listed name is one of ours: no list may make us remove anything else."""
    path = Path(name)
    plain = len(path.parts) == 1 and (name in _OWN_NAMES or path.suffix in (".md", ".html"))
    return plain or (path.parts[:-1] == ("tables",) and path.suffix == ".parquet")
