"""The review of an analysis folder: each failed row's state, and the status of every bucket at the gate."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.ledger.review import Review, review_of, settle_rows, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.ledger.replay import Ledger
    from pipeline.ledger.review import ReviewedRow
    from pipeline.ledger.settle import Settled
    from pipeline.load.folder import PacketRow, Row
    from pipeline.review.folder import Folder


@dataclass(frozen=True)
class FolderReview:
    """A folder with the ledger at one moment, and what the review of its failed rows amounts to then."""

    folder: Folder
    ledger: Ledger
    review: Review
    """Without controls and orphaned decisions: see `complete`."""

    def settled(self, row: PacketRow) -> Settled:
        """Return the state of a failed row."""
        return self.review.settled(row.row_id)

    def bucket(self, row: PacketRow) -> str:
        """Return the bucket that counts for a failed row: the settled one, else its provisional mode."""
        decision = self.settled(row).decision
        return decision.bucket if decision else row.error_mode_candidate

    def parent(self, row: PacketRow) -> str:
        """Return the parent of a failed row's bucket."""
        return self.ledger.buckets.parent(self.bucket(row))

    @cached_property
    def complete(self) -> Review:
        """The review with decisions on rows that do not fail, which are read from the tables: controls and orphaned."""
        others = sorted(self.ledger.decisions.keys() - self.folder.by_id.keys())
        if not others:
            return self.review
        rows = self.folder.evidence_of(others)
        passed = settle_rows((row | {"error_mode": None} for row in rows.values()), self.ledger)
        return _review(self.folder, self.ledger, [*self.review.rows, *passed])


def review_folder(folder: Folder, before: FolderReview | None = None) -> FolderReview:
    """Return the review by the ledger as it is now.

    With an earlier review of the same folder only those rows are read again whose events differ since.
    """
    ledger = folder.ledger_file.read()
    if before is not None and before.ledger is ledger:
        return before
    named = sorted(row_id for row_id in ledger.rows() if row_id in folder.by_id)
    same = {} if before is None else {row_id: before.review.by_id[row_id] for row_id in _unchanged(before, ledger)}
    changed = [row_id for row_id in named if row_id not in same]
    settled = {row.row_id: row for row in settle_rows(_failed_rows(folder, changed), ledger)}
    reviewed = [same.get(row_id) or settled[row_id] for row_id in named]
    if before is not None and _same_decisions(before.ledger, ledger):
        review = replace(before.review, rows=tuple(reviewed))
    else:
        review = replace(_review(folder, ledger, reviewed), orphaned=())
    return FolderReview(folder, ledger, review)


def _same_decisions(one: Ledger, other: Ledger) -> bool:
    """Whether two ledgers differ at most in openings and deferrals, on which neither sizes nor the gate depend."""
    return (
        one.buckets is other.buckets
        and one.decisions == other.decisions
        and one.undeclared == other.undeclared
        and one.findings == other.findings
    )


def _unchanged(before: FolderReview, ledger: Ledger) -> Iterable[str]:
    """Yield the rows with the same decisions and openings as before: their state is the same."""
    for row_id in before.review.by_id:
        decisions, opened = ledger.decisions.get(row_id), ledger.opened.get(row_id)
        if decisions == before.ledger.decisions.get(row_id) and opened == before.ledger.opened.get(row_id):
            yield row_id


def _failed_rows(folder: Folder, row_ids: Iterable[str]) -> Iterable[Row]:
    for row in folder.packet.evidence_of(row_ids):
        yield row | {"failed": True, "error_mode": row["error_mode_candidate"]}


def _review(folder: Folder, ledger: Ledger, reviewed: list[ReviewedRow]) -> Review:
    """Put the review together; a bucket's size counts its rows as they are settled."""
    compare_by = folder.facts.compare_by
    sizes = {unit: Counter(counts) for unit, counts in folder.provisional_sizes.items()}
    for row in reviewed:
        decision = row.settled.decision
        if decision is not None and row.failed and not row.early and decision.bucket != row.provisional_mode:
            counts = sizes[unit_of(row, compare_by)]
            counts[row.provisional_mode or ""] -= 1
            counts[decision.bucket] += 1
    return review_of(ledger, reviewed, sizes, len(folder.rows), compare_by)
