"""Open and read input files, so that what the file system refuses becomes a clear error."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipeline.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; a pipe is not waited for.

    Raises `InputError` when it is no regular file, or when the file system refuses, also later on.
    """
    refuse_nul(path)
    path = Path(file_name(os.fspath(path)))
    try:
        if not _is_regular(path.stat().st_mode):  # to open a device or a socket may already do something
            raise InputError(Problem(shown(path), "not a regular file", "give a file"))
        with open(path, "rb", opener=_without_waiting) as stream:
            if not _is_regular(os.fstat(stream.fileno()).st_mode):  # it was replaced in the meantime
                raise InputError(Problem(shown(path), "not a regular file", "give a file"))
            yield stream
    except OSError as error:
        raise InputError(
            Problem(shown(path), error.strerror or str(error), "check that the file can be read")
        ) from None


def _is_regular(mode: int) -> bool:
    return stat.S_ISREG(mode)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def refuse_nul(path: Path | str) -> None:
    """Raise `InputError` for a path with a NUL character, which no file system can look up."""
    if "\0" in (written := os.fspath(path)):
        raise InputError(Problem(written, "a path with a NUL character", "write the path without it"))


def irregular(paths: Iterable[Path]) -> list[Problem]:
    """Return a problem for each path where something else than a regular file is: reading it could last for ever."""
    return [
        Problem(shown(path), "not a regular file", "give a file, or remove it")
        for path in paths
        if path.exists() and not path.is_file()
    ]


def irregular_folders(paths: Iterable[Path]) -> list[Problem]:
    """Return a problem for each path where something else than a folder is."""
    return [Problem(shown(path), "not a folder", "remove it") for path in paths if path.exists() and not path.is_dir()]


def read_bytes(path: Path) -> bytes:
    """Read a whole file, as `opened` does."""
    with opened(path) as stream:
        return stream.read()


def folders_in(folder: Path) -> list[Path]:
    """Return the folders inside a folder, sorted; one that cannot be listed has none."""
    try:
        return sorted(entry for entry in folder.iterdir() if is_folder(entry))
    except OSError:
        return []


def absolute(path: Path | str) -> Path:
    """Return an absolute path, with the names the user gave; `..` follows links, as opening a file does.

    Raises `InputError` for a path with a NUL character.
    """
    refuse_nul(path)
    path = file_name(os.fspath(path))
    expanded = os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser() raises for an unknown user
    if ".." in Path(path).parts:
        return real(expanded)
    return Path(os.path.abspath(expanded))  # noqa: PTH100 - Path.absolute() keeps `.`


def real(path: Path | str) -> Path:
    """Return a path with all links followed; a loop of links stays as it is."""
    return Path(os.path.realpath(path))


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; a path that the file system cannot look up is none."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir() raises for a name that is too long


def is_file(path: Path) -> bool:
    """Whether a path is a regular file, as `is_folder` does."""
    return os.path.isfile(path)  # noqa: PTH113 - as above


def size_of(path: Path) -> int:
    """Return a file's size in bytes; 0 where it is not known."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def file_name(text: str) -> str:
    """Return a path from a file as this locale writes it; one that it cannot encode is taken as UTF-8."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return os.fsdecode(text.encode(errors="surrogatepass"))
    return text


def unicode_argument(text: str) -> str:
    """Return a name from the command line as its UTF-8 bytes say, where the locale could not decode them."""
    if text.isascii():
        return text
    try:
        return os.fsencode(text).decode()
    except UnicodeError:  # typed in another encoding, or not on a command line
        return text


def plain(name: str) -> str:
    """Return a file name as valid Unicode: names need not be, and every output of ours is."""
    return os.fsencode(name).decode(errors="replace")


def relative(path: Path, base: Path) -> str:
    """Return a file's name for outputs: POSIX, relative to `base`."""
    return plain(Path(os.path.relpath(path, base)).as_posix())


def shown(path: Path) -> str:
    """Return a file's name for messages: relative to the working directory when it lies inside, else in full."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
