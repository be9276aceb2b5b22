"""Open and read input files, so that what the file system refuses becomes a clear error."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipeline.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading. Raises `InputError` when the file system refuses, also later on."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(Problem(shown(path), "not a regular file", "give a file"))
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputError(
            Problem(shown(path), error.strerror or str(error), "check that the file can be read")
        ) from None


def read_bytes(path: Path) -> bytes:
    """Read a whole file, as `opened` does."""
    with opened(path) as stream:
        return stream.read()


def folders_in(folder: Path) -> list[Path]:
    """List the folders inside a folder, sorted; one that cannot be listed has none."""
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir())
    except OSError:
        return []


def absolute(path: Path | str) -> Path:
    """Make a path absolute and plain without following links, so that it keeps the names the user gave."""
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - Path.absolute() keeps `..`


def relative(path: Path, base: Path) -> str:
    """Name a file as outputs do: POSIX, relative to `base`."""
    return Path(os.path.relpath(path, base)).as_posix()


def shown(path: Path) -> str:
    """Name a file as messages do: relative to the working directory when it lies inside, else in full."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
