"""What the page works on: one reviewer, one analysis folder, and the ledger as it is at every look."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from pipeline import schema as c
from pipeline.ledger.events import Opened
from pipeline.ledger.store import LEDGER
from pipeline.review.folder import Folder, open_folder
from pipeline.review.progress import Progress
from pipeline.review.queue import Wanted, queue, waits
from pipeline.review.serve.archive import Archive

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.ledger.events import Identity

_LONG = 1_000_000
_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A row in the queue."""

    row_id: str
    why: str
    control: bool


class Shelf:
    """An analysis as it was read from its folder, and the queues made of it."""

    def __init__(self, path: Path) -> None:
        self.stamp = stamp_of(path)
        folder = open_folder(path)
        self.folder = Folder(folder.path, folder.facts, Archive(path).around)
        self.queues: dict[Wanted, list[Listed]] = {}
        self.progress: Progress | None = None
        _ = self.folder.by_id

    @cached_property
    def choices(self) -> dict[str, list[Any]]:
        """What the filters offer of the rows."""
        rows = self.folder.rows
        return {
            "model": list(dict.fromkeys(self.folder.unit(row)[1] for row in rows)),
            "dimension": list(dict.fromkeys(name for row in rows for name in row.failed_dimensions)),
            "turn": sorted({row.turn for row in rows}),
        }


def stamp_of(path: Path) -> _Stamp:
    """Tell by sizes, times and numbers of the files whether a folder holds the analysis that was read."""
    try:
        stats = [(path / name).stat() for name in (c.ANALYSIS_JSON, c.PACKET_JSONL, c.TURNS_PARQUET)]
    except OSError:  # just being replaced, or gone: reading it says which
        return ()
    return tuple((stat.st_size, stat.st_mtime_ns, stat.st_ino) for stat in stats)


@dataclass
class Desk:
    """One reviewer at an analysis folder. The queue keeps its order while one goes through it."""

    path: Path
    who: Identity
    blind: bool = False
    _lock: Lock = field(default_factory=Lock)
    _seen: tuple[int, int] | None = None
    _shelf: Shelf | None = None

    def open(self) -> None:
        """Read the folder before the first look."""
        self._shelf = Shelf(self.path)

    @property
    def shelf(self) -> Shelf:
        """The analysis: read anew when another one lies in the folder."""
        if self._shelf is None or self._shelf.stamp != stamp_of(self.path):
            self._shelf = Shelf(self.path)
        return self._shelf

    @property
    def progress(self) -> Progress:
        """How far the review is, with the analysis and the ledger as they are now."""
        with self._lock:
            shelf = self.shelf
            version = self.version
            if shelf.progress is None or version != self._seen:
                shelf.progress = Progress(shelf.folder.with_present_ledger(), before=shelf.progress)
                self._seen = version
            return shelf.progress

    @property
    def version(self) -> tuple[int, int]:
        """What changes whenever somebody writes into the ledger."""
        try:
            stat = (self.path / LEDGER).stat()
        except FileNotFoundError:
            return (0, 0)
        return stat.st_size, stat.st_mtime_ns

    @property
    def writes(self) -> int:
        """Count what was recorded; that a row was merely opened is no news to others."""
        return sum(not isinstance(event, Opened) for event in self.progress.ledger.given)

    def listed(self, wanted: Wanted, *, anew: bool = False) -> list[Listed]:
        """Give the rows of a queue, in an order that stays as it is until it is asked for anew."""
        progress = self.progress
        queues = self.shelf.queues
        if anew or wanted not in queues:
            chosen = queue(progress, self.who, wanted, _LONG if wanted else len(progress.folder.rows))
            queues[wanted] = [Listed(each.row_id, each.why, each.control) for each in chosen]
        return queues[wanted]

    def waits(self) -> bool:
        """Tell whether any failed row waits for this reviewer; controls alone do not make a review go on."""
        progress = self.progress
        return any(waits(progress, row, self.who, Wanted()) for row in progress.folder.rows)

    def is_done(self, progress: Progress, row_id: str) -> bool:
        """Tell whether a row of the queue asks no more of this reviewer."""
        row = progress.folder.by_id.get(row_id)
        if row is not None:
            return not waits(progress, row, self.who, Wanted())
        return any(event.who == self.who for event in progress.ledger.decisions.get(row_id, ()))

    def mark(self, progress: Progress, row_id: str) -> str:
        """Tell in a word where a row of the queue stands for this reviewer."""
        row = progress.folder.by_id.get(row_id)
        mine = any(event.who == self.who for event in progress.ledger.decisions.get(row_id, ()))
        later = row_id in progress.ledger.deferred_by(self.who)
        if self.blind:
            return "decided" if mine else "deferred" if later else "unopened"
        if row is None:
            return "decided" if mine else "control"
        state = progress.settled(row).state
        if state in ("opened", "unopened") and later:
            return "deferred"
        return "decided" if mine and state == "opened" else state

    def choices(self) -> dict[str, list[Any]]:
        """Give what the filters offer; blind, nothing that tells how a row was judged."""
        known = self.shelf.choices
        if self.blind:
            return {name: known[name] for name in ("model", "turn")}
        return {
            "model": known["model"],
            "bucket": list(self.progress.ledger.buckets),
            "dimension": known["dimension"],
            "turn": known["turn"],
            "state": ["unopened", "opened", "decided", "disputed", "stale"],
        }

    def buckets_shown(self) -> list[str]:
        """Give the buckets that the keys 1 to 9 choose: the error modes and `no_model_error`."""
        return [*c.ERROR_MODES, "no_model_error"]
