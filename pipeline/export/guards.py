"""Guards for work on the file system: refusals become errors, one process at a time, not cut in two."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import OutputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def refusals(place: Path) -> Iterator[None]:
    """Turn what the file system refuses into an error that names the place."""
    try:
        yield
    except OSError as error:
        what = f"cannot be written: {error.strerror or error}"
        raise OutputError(
            Problem(str(error.filename or place), what, "free space, or choose another --output")
        ) from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, so that one process at a time works on it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and termination back for a moment that must not be cut in two."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
