"""The ledger's file: read without a lock, appended to under one; half-written lines are ignored."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import InputError, OutputError, Problem, UsageError
from pipeline.ledger.events import Event, EventError, as_line, is_last, read_event
from pipeline.ledger.files import (
    NoLocksError,
    NotRegularError,
    append_to,
    open_locked,
    read_all,
    replace,
    snapshot,
)
from pipeline.ledger.lines import BLANK, BOM
from pipeline.ledger.replay import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

LEDGER: Final = "reviews.jsonl"
TORN: Final = "reviews.torn"
"""Where a writer moves an unterminated last line, which a killed writer left."""
DAMAGED: Final = "reviews.damaged"
"""Where `review repair` moves lines that are not valid events."""
_REPAIR: Final = "set such lines aside with `error-analysis review repair`, or use the newer version"


@dataclass(frozen=True, slots=True)
class Lines:
    """The whole lines of a ledger, decoded."""

    events: list[Event]
    raw: list[bytes]
    """Each event's line as it is in the file, without its newline."""
    numbers: list[int]
    """Each event's line number."""
    bad: list[tuple[int, bytes, str]]
    """(number, line, reason) of each line that is not a valid event."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A ledger's bytes up to the end of its last whole line, decoded and replayed."""

    data: bytes
    lines: Lines
    ledger: Ledger


_MOVE: Final = "move it away: the ledger is a file"
_EMPTY: Final = Contents(b"", Lines([], [], [], []), Ledger())


class LedgerFile:
    """The ledger of one analysis folder.

    A ledger mostly only grows. An object of this class keeps what it read last and then decodes and replays only what
    was appended since; a command needs that once, the page at every request.
    """

    def __init__(self, folder: Path, patience: float | None = None) -> None:
        """Take the analysis folder and for how many seconds a writer waits for others; `None` is for ever."""
        self.folder = folder
        self.path = folder / LEDGER
        self.patience = patience
        self._last: tuple[tuple[int, ...], Contents] = ((), _EMPTY)
        """What was read last: the file's size, time and inode at that moment (or nothing), and the contents."""

    def read(self) -> Ledger:
        """Return the ledger as it is now; an empty one where there is no file.

        Raises `InputError` with every line that is not a valid event.
        """
        try:
            stat = self.path.stat()
            stamp = stat.st_size, stat.st_mtime_ns, stat.st_ino
            known, contents = self._last
            if stamp != known:
                contents = self._replayed(snapshot(self.path))
                self._last = stamp, contents
        except (FileNotFoundError, NotADirectoryError):
            return Ledger()
        except OSError as error:
            raise _unreadable(self.path, error) from None
        _refuse_bad(self.path, contents.lines)
        return contents.ledger

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Hold the ledger's lock; the file is made if need be. Raises `OutputError` if the file system refuses."""
        try:
            handle = open_locked(self.path, self.patience)
            try:
                yield Writer(self, handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise OutputError(_unwritable(self.path, error)) from None

    def replay(self, data: bytes) -> Contents:
        """Decode and replay the ledger's bytes."""
        contents = self._replayed(data)
        self._last = (), contents
        return contents

    def _replayed(self, data: bytes) -> Contents:
        data = data[: data.rfind(b"\n") + 1]
        _, before = self._last
        if not data.startswith(before.data):
            before = _EMPTY
        more = parse(data[len(before.data) :], before.data.count(b"\n") + 1)
        known = before.lines
        lines = Lines(
            known.events + more.events, known.raw + more.raw, known.numbers + more.numbers, known.bad + more.bad
        )
        return Contents(data, lines, before.ledger.followed_by(more.events))


def read_ledger(folder: Path) -> Ledger:
    """Return the ledger of an analysis folder; an empty one where there is none.

    Raises `InputError` with every line that is not a valid event.
    """
    return LedgerFile(folder).read()


def writing(folder: Path) -> AbstractContextManager[Writer]:
    """Hold the ledger of an analysis folder, as `LedgerFile.writing` does."""
    return LedgerFile(folder).writing()


def read_events(path: Path) -> Lines:
    """Return the lines of any ledger file. Raises `InputError` with every line that is not a valid event."""
    try:
        lines = parse(snapshot(path))
    except OSError as error:
        raise _unreadable(path, error) from None
    _refuse_bad(path, lines)
    return lines


def _unwritable(path: Path, error: OSError) -> Problem:
    place = str(error.filename or path)
    match error:
        case NotRegularError():
            return Problem(place, str(error.strerror), _MOVE)
        case NoLocksError():
            fix = "move the analysis folder to a local disk, or mount the share with locks; reading needs none"
            return Problem(place, str(error.strerror), fix)
        case _:
            return Problem(
                place, f"cannot be written: {error.strerror or error}", "free space there, or see its rights"
            )


def _unreadable(path: Path, error: OSError) -> InputError:
    if isinstance(error, NotRegularError):
        return InputError(Problem(str(path), str(error.strerror), _MOVE))
    return InputError(Problem(str(path), f"cannot be read: {error.strerror or error}", "see its rights"))


def parse(data: bytes, first: int = 1) -> Lines:
    """Decode the whole lines of a ledger; the first of them has the number `first`."""
    lines = Lines([], [], [], [])
    for number, line in enumerate((data.removeprefix(BOM) if first == 1 else data).split(b"\n")[:-1], first):
        if line in BLANK:
            continue
        try:
            lines.events.append(read_event(line))
            lines.raw.append(line)
            lines.numbers.append(number)
        except EventError as error:
            lines.bad.append((number, line, str(error)))
    return lines


class Writer:
    """A ledger whose lock this process holds: nobody else appends meanwhile."""

    def __init__(self, file: LedgerFile, handle: int) -> None:
        self.path = file.path
        self._folder = file.folder
        self._handle = handle
        data = _whole_lines(file.folder, handle)
        self._end = len(data)
        contents = file.replay(data)
        self._data = data
        self.lines = contents.lines
        self._ledger = contents.ledger

    @property
    def ledger(self) -> Ledger:
        """The ledger before anything is appended. Raises `InputError` with every line that is not a valid event."""
        _refuse_bad(self.path, self.lines)
        return self._ledger

    def append(self, events: list[dict[str, Any]]) -> None:
        """Append whole events and flush them to disk; on return they are safe.

        Raises `UsageError`, and appends nothing, for an event that no reader would take.
        """
        lines = [as_line(event) for event in events]
        for line in lines:
            try:
                read_event(line.removesuffix(b"\n"))
            except EventError as error:
                raise UsageError(Problem("", f"this cannot be recorded: {error}", "shorten or correct it")) from None
        self.append_lines(lines)

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
        """Move invalid lines, and those that leave no time for later events, into a file beside the ledger.

        Return their numbers and what is wrong with them. Every other line stays as it is.
        """
        lines = self.lines
        last = [
            (number, line, f"at leaves no time for later events: {event.at.isoformat()}")
            for event, line, number in zip(lines.events, lines.raw, lines.numbers, strict=True)
            if is_last(event)
        ]
        bad = sorted(lines.bad + last)
        if bad:
            append_to(self._folder / DAMAGED, b"".join(line + b"\n" for _, line, _ in bad))
            numbers = {number for number, *_ in bad}
            kept = (
                line + b"\n" for number, line in enumerate(self._data.split(b"\n")[:-1], 1) if number not in numbers
            )
            # of a link the ledger itself; who waits for the lock sees that the file is another, and opens it anew
            replace(self.path.resolve(), b"".join(kept))
        return [(number, fault) for number, _, fault in bad]


def _whole_lines(folder: Path, handle: int) -> bytes:
    """Return the ledger's whole lines; an unterminated last line is moved out of the file."""
    data = read_all(handle, os.fstat(handle).st_size)
    end = data.rfind(b"\n") + 1
    if end < len(data):
        append_to(folder / TORN, data[end:] + b"\n")
        os.ftruncate(handle, end)
    return data[:end]


def _refuse_bad(path: Path, lines: Lines) -> None:
    if lines.bad:
        raise InputError(*(Problem(f"{path}:{number}", fault, _REPAIR) for number, _, fault in lines.bad))
