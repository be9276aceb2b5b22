"""What the page works on: one reviewer, one analysis folder, and the ledger as it is at every request."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from pipeline import schema as c
from pipeline.ledger.codebook import NO_MODEL_ERROR
from pipeline.ledger.events import Opened
from pipeline.ledger.settle import STATES
from pipeline.load.folder_rows import map_rows
from pipeline.review.folder import open_folder
from pipeline.review.queue import Filters, QueueItem, queue, waits
from pipeline.review.state import FolderReview, review_folder

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.ledger.events import Identity
    from pipeline.review.folder import Folder

_PATIENCE: Final = 8.0
"""For how many seconds a write waits for another process that holds the ledger."""
_ALL: Final = 1_000_000


class OpenAnalysis:
    """The analysis in the folder as it was read, the queues made of it, and its review as of the last request."""

    def __init__(self, path: Path) -> None:
        self.version = version_of(path)
        self.folder = open_folder(path, map_rows, _PATIENCE)
        self.queues: dict[Filters, list[QueueItem]] = {}
        self.review: FolderReview | None = None
        _ = self.folder.packet, self.folder.conversations  # read before the first request, not during it

    @cached_property
    def choices(self) -> dict[str, list[Any]]:
        """What the filters offer of the rows."""
        rows = self.folder.rows
        return {
            "model": list(dict.fromkeys(self.folder.unit(row)[1] for row in rows)),
            "dimension": list(dict.fromkeys(name for row in rows for name in row.failed_dimensions)),
            "turn": sorted({row.turn for row in rows}),
        }


def version_of(path: Path) -> tuple[tuple[int, int, int], ...]:
    """Return size, time and inode of the files that tell whether a folder still holds the analysis that was read."""
    try:
        stats = [(path / name).stat() for name in (c.ANALYSIS_JSON, c.PACKET_JSONL, c.TURNS_PARQUET)]
    except OSError:  # just being replaced, or gone: reading it finds out which
        return ()
    return tuple((stat.st_size, stat.st_mtime_ns, stat.st_ino) for stat in stats)


@dataclass
class Session:
    """One reviewer at an analysis folder. A queue keeps its order while one goes through it."""

    path: Path
    who: Identity
    blind: bool = False
    _lock: Lock = field(default_factory=Lock)
    _open: OpenAnalysis | None = None

    def open(self) -> None:
        """Read the folder and its ledger before the first request."""
        _ = self.state

    @property
    def analysis(self) -> OpenAnalysis:
        """The analysis; read again when another one is in the folder."""
        if self._open is None or self._open.version != version_of(self.path):
            self._open = OpenAnalysis(self.path)
        return self._open

    @property
    def folder(self) -> Folder:
        """The analysis folder as it is now."""
        return self.analysis.folder

    @property
    def state(self) -> FolderReview:
        """The review, with the analysis and the ledger as they are now."""
        with self._lock:
            analysis = self.analysis
            analysis.review = review_folder(analysis.folder, analysis.review)
            return analysis.review

    @property
    def writes(self) -> int:
        """The number of events other than openings, which are no news to other reviewers."""
        return sum(not isinstance(event, Opened) for event in self.folder.ledger_file.read().given)

    def listed(self, filters: Filters, *, anew: bool = False) -> list[QueueItem]:
        """Return the rows of a queue, in an order that stays as it is until `anew` is asked for."""
        state = self.state
        queues = self.analysis.queues
        if anew or filters not in queues:
            queues[filters] = queue(state, self.who, filters, _ALL if filters else len(state.folder.rows))
        return queues[filters]

    def waits(self) -> bool:
        """Whether any failed row waits for this reviewer; controls alone do not make a review go on."""
        state = self.state
        return any(waits(state, row, self.who, Filters()) for row in state.folder.rows)

    def is_done(self, state: FolderReview, row_id: str) -> bool:
        """Whether nothing is left to do on a row of the queue for this reviewer."""
        row = state.folder.by_id.get(row_id)
        if row is not None:
            return not waits(state, row, self.who, Filters())
        return any(event.who == self.who for event in state.ledger.decisions.get(row_id, ()))

    def mark(self, state: FolderReview, row_id: str) -> str:
        """Return the state of a row of the queue for this reviewer, in a word."""
        row = state.folder.by_id.get(row_id)
        mine = any(event.who == self.who for event in state.ledger.decisions.get(row_id, ()))
        later = row_id in state.ledger.deferred_by(self.who)
        if self.blind:
            return "decided" if mine else "deferred" if later else "unopened"
        if row is None:
            return "decided" if mine else "control"
        name = state.settled(row).state
        if name in ("opened", "unopened") and later:
            return "deferred"
        return "decided" if mine and name == "opened" else name

    def choices(self) -> dict[str, list[Any]]:
        """Return what the filters offer; to a blind reviewer nothing that reveals how a row was judged."""
        known = self.analysis.choices
        if self.blind:
            return {name: known[name] for name in ("model", "turn")}
        return {
            "model": known["model"],
            "bucket": list(self.folder.ledger_file.read().buckets),
            "dimension": known["dimension"],
            "turn": known["turn"],
            "state": list(STATES),
        }

    def buckets_shown(self) -> list[str]:
        """Return the buckets that the keys 1 to 9 choose: the error modes and `no_model_error`."""
        return [*c.ERROR_MODES, NO_MODEL_ERROR]
