"""`review merge` and `review repair`: bring ledgers together, and set aside invalid lines."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import InputError, PipelineError, Problem
from pipeline.ledger.events import Batch, Decision, content, last_moment
from pipeline.ledger.store import DAMAGED, LEDGER, read_events
from pipeline.load.files import is_folder
from pipeline.report.text import visible_name
from pipeline.review.answer import Answer
from pipeline.review.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.ledger.events import Event
    from pipeline.ledger.store import Lines
    from pipeline.review.folder import Folder

_AHEAD: Final = timedelta(minutes=5)
"""How far a clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class _Line:
    """An event with the line that holds it."""

    where: str
    """`file:line`."""
    event: Event
    raw: bytes


@dataclass(frozen=True, slots=True)
class _Conflict:
    """An event that cannot be merged: its id, or that of an event inside, exists with other content."""

    id: str
    found: _Line
    existing: _Line

    @property
    def problem(self) -> Problem:
        """The conflict in words, both lines named."""
        existing = f"{self.existing.where} ({_said(self.existing.event, self.id)})"
        what = f"event {self.id!r} ({_said(self.found.event, self.id)}) exists with other content: {existing}"
        return Problem(self.found.where, what, "compare the two lines; --skip-conflicts merges the others")


def merge(folder: Folder, files: Sequence[Path], *, skip_conflicts: bool = False) -> Answer:
    """Append the events of other ledgers that this one does not have; of all files, or of none.

    Raises `InputError` with every event that is dated more than five minutes ahead of the clock, and with every event
    whose id exists with other content; with `skip_conflicts` the latter are left out and listed.
    """
    sources = [file / LEDGER if is_folder(file) else file for file in files]
    read = _read(sources)
    with folder.ledger_file.writing() as writer:
        known = _Known()
        _ = writer.ledger  # every line must be valid
        for line in _lines(folder.ledger_file.path, writer.lines):
            known.add(line)
        new: list[_Line] = []
        conflicts: list[_Conflict] = []
        there = 0
        for line in read:
            if known.holds(line):
                there += 1
            elif conflict := known.conflict(line):
                conflicts.append(conflict)
            else:
                known.add(line)
                new.append(line)
        problems = list(_from_the_future(new, datetime.now(UTC)))
        if not skip_conflicts:
            problems += [conflict.problem for conflict in conflicts]
        if problems:
            raise InputError(*problems)
        if new:
            writer.append_lines([line.raw + b"\n" for line in new])
    return _answer(sources, new, there, conflicts)


class _Known:
    """The events of the ledger and those to be appended, by id."""

    def __init__(self) -> None:
        self._lines: dict[str, list[_Line]] = defaultdict(list)
        self._parts: dict[str, _Line] = {}

    def add(self, line: _Line) -> None:
        """Add the event of a line, and for a batch each event in it."""
        self._lines[line.event.id].append(line)
        for part in _parts(line.event):
            self._parts.setdefault(part.id, line)

    def holds(self, line: _Line) -> bool:
        """Whether an event is there already, with the same content."""
        there = self._lines.get(line.event.id, ())
        if any(each.raw == line.raw for each in there):
            return True
        said = content(line.event, line.raw) if there else {}
        return any(content(each.event, each.raw) == said for each in there)

    def conflict(self, line: _Line) -> _Conflict | None:
        """Return with what an event that is not there is in conflict; `None` if with nothing."""
        for each in (line.event, *_parts(line.event)):
            for existing in self._lines.get(each.id, ()):
                if each is line.event or existing.event != each:
                    return _Conflict(each.id, line, existing)
            holder = self._parts.get(each.id)
            if holder is not None and each not in _parts(holder.event):
                return _Conflict(each.id, line, holder)
        return None


def _parts(event: Event) -> tuple[Event, ...]:
    return event.events if isinstance(event, Batch) else ()


def _read(sources: Sequence[Path]) -> list[_Line]:
    problems: list[Problem] = []
    read: list[_Line] = []
    for source in sources:
        try:
            if not source.exists():
                raise InputError(Problem(str(source), "no such ledger", f"give a {LEDGER} or the folder that holds it"))
            read += _lines(source, read_events(source))
        except PipelineError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return read


def _lines(path: Path, lines: Lines) -> Iterator[_Line]:
    for event, raw, number in zip(lines.events, lines.raw, lines.numbers, strict=True):
        yield _Line(f"{path}:{number}", event, raw)


def _from_the_future(lines: Sequence[_Line], now: datetime) -> Iterator[Problem]:
    for line in lines:
        at = last_moment(line.event)
        if at > now + _AHEAD:
            what = f"event {line.event.id!r} is dated {at.isoformat()}, more than five minutes ahead of the clock here"
            yield Problem(line.where, what, "set the clock right, or leave the line out of a copy of the file")


def _said(event: Event, name: str) -> str:
    """Return in a few words what an event says, or the event of this id inside a batch."""
    event = next((part for part in _parts(event) if part.id == name), event)
    kind = f"{event.bucket}, {event.attribution}" if isinstance(event, Decision) else type(event).__name__.lower()
    return f"{kind} by {event.reviewer} at {event.at.isoformat()}"


def _answer(sources: Sequence[Path], new: list[_Line], there: int, skipped: list[_Conflict]) -> Answer:
    events = sum(len(_parts(line.event)) if isinstance(line.event, Batch) else 1 for line in new)
    lines = [f"merged {events} events from {len(sources)} ledgers; {there} were there already"]
    if skipped:
        lines.append(f"skipped {len(skipped)} whose id exists with other content:")
        lines += listed([f"  {conflict.problem.where}: {conflict.problem.what}" for conflict in skipped])
    data: dict[str, Any] = {
        "added": events,
        "already_there": there,
        "skipped": [
            {"id": conflict.id, "where": conflict.found.where, "existing": conflict.existing.where}
            for conflict in skipped
        ],
        "ledgers": [str(source) for source in sources],
    }
    return Answer("\n".join(lines), data)


def repair(folder: Folder) -> Answer:
    """Move the invalid lines of the ledger into a file beside it; nothing else changes."""
    with folder.ledger_file.writing() as writer:
        found = writer.set_aside()
    lines = [f"{folder.path / LEDGER}:{number}: {reason}" for number, reason in found]
    said = f"set aside {len(found)} lines into {folder.path / DAMAGED}" if found else "every line is sound"
    data = {"set_aside": [{"line": number, "fault": reason} for number, reason in found], "file": str(Path(DAMAGED))}
    return Answer("\n".join(map(visible_name, [*listed(lines), said])), data)
