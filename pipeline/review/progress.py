"""How far a review has come: each failed row's state, and where every bucket stands at the gate."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pipeline.ledger import gate
from pipeline.ledger.events import Deferred, Opened
from pipeline.ledger.settle import Settled, settle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.ledger.events import Decision, Single
    from pipeline.ledger.replay import Ledger
    from pipeline.review.folder import FailedRow, Folder

UNOPENED: Final = Settled("unopened")


class Progress:
    """Where every failed row of a folder stands by a ledger."""

    def __init__(self, folder: Folder, ledger: Ledger | None = None, before: Progress | None = None) -> None:
        """Settle every row; those that nothing happened to since `before` stand where they stood."""
        self.folder = folder
        self.ledger = folder.ledger if ledger is None else ledger
        since = None if before is None or before.folder.by_id is not folder.by_id else self._since(before)
        rows = self.ledger.rows() if since is None else {event.row_id for event in since if hasattr(event, "row_id")}
        digests = folder.digests(row_id for row_id in sorted(rows) if row_id in folder.by_id)
        self._settled = {row_id: settle(self.ledger, row_id, digest or "") for row_id, digest in digests.items()}
        if before is not None and since is not None:
            self._settled = before._settled | self._settled  # noqa: SLF001 - its own kind
            if all(isinstance(event, Opened | Deferred) for event in since):
                kept = ("sizes", "standings")
                self.__dict__.update({name: before.__dict__[name] for name in kept if name in before.__dict__})

    def _since(self, before: Progress) -> tuple[Single, ...] | None:
        """Give the events since then, where they only came behind; else `None`."""
        events, old = self.ledger.events, before.ledger.events
        return (
            events[len(old) :] if events[: len(old)] == old and self.ledger.buckets is before.ledger.buckets else None
        )

    def settled(self, row: FailedRow) -> Settled:
        """Tell where a failed row stands."""
        return self._settled.get(row.row_id, UNOPENED)

    def bucket(self, row: FailedRow) -> str:
        """Give the bucket that counts for a failed row: the settled one, else its provisional mode."""
        decision = self.settled(row).decision
        return decision.bucket if decision else row.mode

    def parent(self, row: FailedRow) -> str:
        """Give the parent of a failed row's bucket."""
        return self.ledger.buckets.parent(self.bucket(row))

    @cached_property
    def sizes(self) -> dict[gate.Unit, Counter[str]]:
        """Count failed rows per model and bucket, without those that were filled in after an ending."""
        sizes: dict[gate.Unit, Counter[str]] = defaultdict(Counter)
        for row in self.folder.rows:
            if not row.early:
                sizes[self.folder.unit(row)][self.bucket(row)] += 1
        return dict(sizes)

    @cached_property
    def standings(self) -> list[gate.Standing]:
        """Tell where every major bucket of every model stands at the gate."""
        decided = []
        for row_id, settled in self._settled.items():
            row = self.folder.by_id[row_id]
            if settled.decision is not None and not row.early:
                decided.append(gate.DecidedRow(row_id, self.folder.unit(row), settled.decision.bucket, row.mode))
        return gate.stand(self.sizes, decided, self.ledger.findings, self.ledger.buckets)

    def count(self, rows: Iterable[FailedRow] | None = None) -> Counter[str]:
        """Count failed rows by state."""
        if rows is None:
            counts = Counter(settled.state for settled in self._settled.values())
            return counts + Counter({"unopened": len(self.folder.rows) - len(self._settled)})
        return Counter(self.settled(row).state for row in rows)

    @property
    def status(self) -> str:
        """Tell what a report built now would be: provisional, in_review, or final."""
        if not self.folder.rows:
            return "final"
        if not self.count()["decided"]:
            return "provisional"
        return "in_review" if any(standing.state == "missing" for standing in self.standings) else "final"

    @cached_property
    def others(self) -> tuple[list[Decision], list[Decision]]:
        """Give the decisions on rows that do not fail: those that fit (controls), and those that do not (orphaned)."""
        controls: list[Decision] = []
        orphaned: list[Decision] = []
        rows = sorted(set(self.ledger.decisions) - set(self.folder.by_id))
        for row_id, digest in self.folder.digests(rows).items():
            settled = settle(self.ledger, row_id, digest or "")
            controls += settled.fitting
            orphaned += [] if settled.fitting else self.ledger.decisions[row_id]
        return controls, orphaned
