"""The ledger's file: read without a lock, append under one, lose nothing, believe nothing half written."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipeline.errors import InputError, OutputError, Problem
from pipeline.ledger.events import Event, EventError, as_line, read_event
from pipeline.ledger.replay import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEDGER: Final = "reviews.jsonl"
TORN: Final = "reviews.torn"
"""Where a writer puts an unterminated last line that it finds: what a killed writer left."""
DAMAGED: Final = "reviews.damaged"
"""Where `review repair` puts lines that are no events."""
_BOM: Final = b"\xef\xbb\xbf"
_REPAIR: Final = "set such lines aside with `error-analysis review repair`, or use the newer version"


class Lines(NamedTuple):
    """The whole lines of a ledger, read."""

    events: list[Event]
    raw: list[bytes]
    """Each event's line as it stands, without its end."""
    bad: list[tuple[int, bytes, str]]
    """(number, line, fault) of each that is no event."""


def read_ledger(folder: Path) -> Ledger:
    """Replay the ledger of an analysis folder; an empty one where there is none.

    Raises `InputError` naming every line that is no event.
    """
    return _read(folder / LEDGER).ledger


def read_events(path: Path) -> Lines:
    """Read the events of a ledger file; raises `InputError` naming every line that is none."""
    return _read(path).lines


def _read(path: Path) -> _Known:
    try:
        known = _replayed(path, _snapshot(path))
    except (FileNotFoundError, NotADirectoryError):
        return _Known(b"", Lines([], [], []), Ledger())
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be read: {error.strerror or error}", "see its rights")) from None
    _refuse_bad(path, known.lines)
    return known


class _Known(NamedTuple):
    """A ledger's bytes up to the end of the last whole line, and what they say."""

    data: bytes
    lines: Lines
    ledger: Ledger


_known: Final[dict[Path, _Known]] = {}
"""The ledgers that this process has read: mostly they only grow, and then only what is new is read again."""


def _replayed(path: Path, data: bytes) -> _Known:
    """Replay a ledger's bytes."""
    data = data[: data.rfind(b"\n") + 1]
    before = _known.get(path)
    if before is not None and data.startswith(before.data):
        more = parse(data[len(before.data) :], before.data.count(b"\n") + 1)
        lines = Lines(before.lines.events + more.events, before.lines.raw + more.raw, before.lines.bad + more.bad)
        known = _Known(data, lines, before.ledger.followed_by(more.events))
    else:
        lines = parse(data)
        known = _Known(data, lines, Ledger(lines.events))
    _known[path] = known
    return known


def parse(data: bytes, first: int = 1) -> Lines:
    """Read the lines of a ledger, of which `first` is the first; an unterminated last one is not there yet."""
    lines = Lines([], [], [])
    for number, line in enumerate((data.removeprefix(_BOM) if first == 1 else data).split(b"\n")[:-1], first):
        if not line.strip():
            continue
        try:
            lines.events.append(read_event(line))
            lines.raw.append(line)
        except EventError as error:
            lines.bad.append((number, line, str(error)))
    return lines


class Writer:
    """A ledger that this process holds: nobody else appends while it does."""

    def __init__(self, folder: Path, handle: int) -> None:
        self._folder = folder
        self._handle = handle
        data = _whole_lines(folder, handle)
        self._end = len(data)
        self.path = folder / LEDGER
        self._known = _replayed(self.path, data)
        self.lines = self._known.lines

    @property
    def ledger(self) -> Ledger:
        """What stands now. Raises `InputError` naming every line that is no event."""
        _refuse_bad(self.path, self.lines)
        return self._known.ledger

    def append(self, events: list[dict[str, Any]]) -> None:
        """Append whole events and flush them to disk; on return they are safe."""
        self.append_lines([as_line(event) for event in events])

    def append_lines(self, lines: list[bytes]) -> None:
        """Append lines, ends included, in one piece; if the file system refuses, none is there."""
        data = b"".join(lines)
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._handle, data[written:], self._end + written)
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, self._end)
            raise
        self._end += len(data)

    def set_aside(self) -> list[tuple[int, str]]:
        """Move the lines that are no events into a file beside the ledger; give their numbers and faults."""
        bad = self.lines.bad
        if bad:
            _append_to(self._folder / DAMAGED, b"".join(line + b"\n" for _, line, _ in bad))
            place = self.path.resolve()  # of a link the ledger itself
            fresh = place.with_name(f".{LEDGER}.repaired")
            with fresh.open("wb") as stream:
                stream.write(b"".join(line + b"\n" for line in self.lines.raw))
                stream.flush()
                os.fsync(stream.fileno())
            fresh.replace(place)  # who waits for the lock sees that the file is another, and opens it anew
            _flush_folder(place.parent)
        return [(number, fault) for number, _, fault in bad]


@contextmanager
def writing(folder: Path) -> Iterator[Writer]:
    """Hold the ledger of an analysis folder, made if need be. Raises `OutputError` when the file system refuses."""
    path = folder / LEDGER
    try:
        handle = _locked(path)
        try:
            yield Writer(folder, handle)
        finally:
            os.close(handle)
    except OSError as error:
        what = f"cannot be written: {error.strerror or error}"
        raise OutputError(Problem(str(error.filename or path), what, "free space there, or see its rights")) from None


def _locked(path: Path) -> int:
    """Open the ledger and lock it; one that was replaced while waiting is opened anew."""
    while True:
        fresh = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _lock(handle, path)
            if os.path.samestat(os.fstat(handle), path.stat()):
                if fresh:
                    _flush_folder(path.parent)
                return handle
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def wait_at_most(seconds: float) -> None:
    """Let writers of this process wait no longer for others: a page has somebody who wants to know."""
    _patience.append(seconds)


_patience: Final[list[float]] = []
_PAUSE: Final = 0.02


def _lock(handle: int, path: Path) -> None:
    if not _patience:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return
    end = time.monotonic() + _patience[-1]
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds it", str(path)) from None
            time.sleep(_PAUSE)
        else:
            return


def _whole_lines(folder: Path, handle: int) -> bytes:
    """Read the ledger; an unterminated last line is moved out of it."""
    data = _read_all(handle, os.fstat(handle).st_size)
    end = data.rfind(b"\n") + 1
    if end < len(data):
        _append_to(folder / TORN, data[end:] + b"\n")
        os.ftruncate(handle, end)
    return data[:end]


def _snapshot(path: Path) -> bytes:
    """Read a ledger that others may be writing into.

    A writer may take a torn line away and put whole ones in its place while one reads; what was read would then be
    half of either. So it is read once more, until it is the same twice.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            data = _read_all(handle, os.fstat(handle).st_size)
            if _read_all(handle, len(data)) == data:
                return data
    finally:
        os.close(handle)


def _read_all(handle: int, size: int) -> bytes:
    parts = []
    place = 0
    while place < size and (part := os.pread(handle, size - place, place)):
        parts.append(part)
        place += len(part)
    return b"".join(parts)


def _append_to(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_bad(path: Path, lines: Lines) -> None:
    if lines.bad:
        raise InputError(*(Problem(f"{path}:{number}", fault, _REPAIR) for number, _, fault in lines.bad))
