"""Open, lock and replace the files of a ledger: regular files only, with rights that follow the umask."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NOT_REGULAR: Final = "not a regular file"
NO_LOCKS: Final = "the file system has no file locks, so two reviewers could overwrite each other"
LOCKS_MISSING: Final = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""The errors of `flock` on a file system that has no locks."""
_PAUSE: Final = 0.02
"""Seconds between two attempts to get the lock."""


class NotRegularError(OSError):
    """A FIFO, device, socket or folder stands where a file of ours should be."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, NOT_REGULAR, str(path))


class NoLocksError(OSError):
    """The file system does not support `flock`."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.ENOLCK, NO_LOCKS, str(path))


def open_regular(path: Path, flags: int) -> int:
    """Open a file without ever waiting for it; with `O_CREAT` it is made with the rights that the umask leaves.

    An existing file is opened without `O_CREAT`: in a sticky folder Linux refuses it for files of other users, see
    `protected_regular` in https://docs.kernel.org/admin-guide/sysctl/fs.html. Raises `NotRegularError`.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise NotRegularError(path)
        handle = _open(path, flags & ~os.O_CREAT)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        handle = _open(path, flags)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise NotRegularError(path)


def _open(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, 0o666)


def open_locked(path: Path, patience: float | None) -> int:
    """Open a file, made if need be, and lock it; one that was replaced while waiting is opened anew.

    Raises `TimeoutError` after `patience` seconds, `NoLocksError` where the file system has no locks.
    """
    while True:
        fresh = not path.exists()
        handle = open_regular(path, os.O_RDWR | os.O_CREAT)
        try:
            _lock(handle, path, patience)
            if os.path.samestat(os.fstat(handle), path.stat()):
                if fresh:
                    flush_folder(path.parent)
                return handle
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock(handle: int, path: Path, patience: float | None) -> None:
    end = None if patience is None else time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if end is None else fcntl.LOCK_NB))
        except BlockingIOError:
            if end is None or time.monotonic() > end:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds it", str(path)) from None
            time.sleep(_PAUSE)
        except OSError as error:
            if error.errno in LOCKS_MISSING:
                raise NoLocksError(path) from None
            raise
        else:
            return


def append_to(path: Path, data: bytes) -> None:
    """Append to a file, made if need be, and flush it to disk."""
    handle = open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with os.fdopen(handle, "ab") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def replace(path: Path, data: bytes) -> None:
    """Put a file with other contents in the place of one, with the same mode, group and, where allowed, owner."""
    before = path.stat()
    fresh = path.with_name(f".{path.name}.repaired")
    fresh.unlink(missing_ok=True)
    with fresh.open("xb") as stream:
        stream.write(data)
        try:
            os.fchown(stream.fileno(), before.st_uid, before.st_gid)
        except PermissionError:
            os.fchown(stream.fileno(), -1, before.st_gid)
        os.fchmod(stream.fileno(), stat.S_IMODE(before.st_mode))
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Flush a folder's entries to disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def snapshot(path: Path) -> bytes:
    """Return the bytes of a file that others may be writing.

    A writer may replace a torn line by whole ones during the reading, so that what was read is half of either. So it
    is read until two readings are equal.
    """
    handle = open_regular(path, os.O_RDONLY)
    try:
        while True:
            data = read_all(handle, os.fstat(handle).st_size)
            if read_all(handle, len(data)) == data:
                return data
    finally:
        os.close(handle)


def read_all(handle: int, size: int) -> bytes:
    """Return the first bytes of a file, `size` of them or as many as there are."""
    parts = []
    place = 0
    while place < size and (part := os.pread(handle, size - place, place)):
        parts.append(part)
        place += len(part)
    return b"".join(parts)
