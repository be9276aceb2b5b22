"""What the page works on: one reviewer, one analysis folder, and the ledger as it is at every look."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from pipeline import schema as c
from pipeline.ledger.store import LEDGER
from pipeline.review.folder import Folder, open_folder
from pipeline.review.progress import Progress
from pipeline.review.queue import Wanted, queue
from pipeline.serve.library import Library

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.ledger.events import Identity

_LONG = 1_000_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A row in the queue."""

    row_id: str
    why: str
    control: bool


@dataclass
class Desk:
    """One reviewer at an analysis folder. The queue keeps its order while one goes through it."""

    path: Path
    who: Identity
    blind: bool = False
    _queues: dict[Wanted, list[Listed]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _seen: tuple[int, int] | None = None
    _progress: Progress | None = None

    @cached_property
    def _first(self) -> Folder:
        folder = open_folder(self.path)
        return Folder(folder.path, folder.facts, Library(self.path).around)

    def open(self) -> None:
        """Read the folder before the first look."""
        _ = self._first.by_id

    @property
    def progress(self) -> Progress:
        """How far the review is, with the ledger as it is now."""
        with self._lock:
            version = self.version
            if self._progress is None or version != self._seen:
                self._progress = Progress(self._first.with_present_ledger())
                self._seen = version
            return self._progress

    @property
    def version(self) -> tuple[int, int]:
        """What changes whenever somebody writes into the ledger."""
        try:
            stat = (self.path / LEDGER).stat()
        except FileNotFoundError:
            return (0, 0)
        return stat.st_size, stat.st_mtime_ns

    def listed(self, wanted: Wanted, *, anew: bool = False) -> list[Listed]:
        """Give the rows of a queue, in an order that stays as it is until it is asked for anew."""
        if anew or wanted not in self._queues:
            chosen = queue(self.progress, self.who, wanted, _LONG if wanted else len(self._first.rows))
            self._queues[wanted] = [Listed(each.row_id, each.why, each.control) for each in chosen]
        return self._queues[wanted]

    def mark(self, row_id: str) -> str:
        """Tell in a word where a row of the queue stands for this reviewer."""
        progress = self.progress
        row = progress.folder.by_id.get(row_id)
        mine = any(event.who == self.who for event in progress.ledger.decisions.get(row_id, ()))
        if row is None:
            return "decided" if mine else "control"
        state = progress.settled(row).state
        if state in ("opened", "unopened") and row_id in progress.ledger.deferred_by(self.who):
            return "deferred"
        return "decided" if mine and state == "opened" else state

    def choices(self) -> dict[str, list[Any]]:
        """Give what the filters offer."""
        rows = self._first.rows
        return {
            "model": list(dict.fromkeys(self._first.unit(row)[1] for row in rows)),
            "bucket": list(self.progress.ledger.buckets),
            "dimension": list(dict.fromkeys(name for row in rows for name in row.failed_dimensions)),
            "turn": sorted({row.turn for row in rows}),
            "state": ["unopened", "opened", "decided", "disputed", "stale"],
        }

    def buckets_shown(self) -> list[str]:
        """Give the buckets that the keys 1 to 9 choose: the error modes and `no_model_error`."""
        return [*c.ERROR_MODES, "no_model_error"]
