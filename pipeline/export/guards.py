"""Guards for work on the file system: refusals become errors, and nothing is cut in two."""

from __future__ import annotations

import errno
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
        fix = "free space there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another --output"
        raise OutputError(Problem(str(error.filename or place), what, fix)) from None


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and termination back for a moment that must not be cut in two; they take effect after it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda number, _: received.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if received:
            signal.raise_signal(received[0])
