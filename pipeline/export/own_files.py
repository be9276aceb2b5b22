"""Write what `export` makes, all files or none; no file that we did not write, or that was edited, is overwritten."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pipeline.errors import OutputError, Problem
from pipeline.export.guards import refusals, uninterrupted
from pipeline.export.sharing import share_like
from pipeline.load.folder import read_local
from pipeline.load.moving import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


def input_folders(source: Path) -> list[Path]:
    """Return the folders that an analysis folder was made from: nothing is written into them."""
    local = read_local(source)
    return [*local.comparison_dirs, *local.run_dirs.values()]


def write_own(folder: Path, contents: Mapping[Path, bytes], is_ours: Callable[[bytes], bool], what: str) -> None:
    """Write the files under temporary names in `folder`, and rename them once all are complete.

    Raises `OutputError` for every file that is there and is not `what` of ours, and if the file system refuses.
    """
    parts = {path.with_name(f".{path.name}.part"): path for path in contents}
    with refusals(folder), _made(folder), locked(folder):
        foreign = [path for path in contents if path.exists()]
        foreign = [path for path in foreign if not (path.is_file() and is_ours(path.read_bytes()))]
        if foreign:
            said, fix = f"is no {what} of ours, or was edited since", "move it away, or choose another --output"
            raise OutputError(*(Problem(str(path), said, fix) for path in foreign))
        try:
            for part, path in parts.items():
                part.write_bytes(contents[path])
                share_like(part, path)
            with uninterrupted():
                for part, path in parts.items():
                    part.replace(path)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Create a folder with its parents; those created are removed again if they stay empty."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for each in new:
            with suppress(OSError):  # it holds files
                each.rmdir()
