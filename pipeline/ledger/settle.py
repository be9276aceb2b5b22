"""What the ledger decides about one row, given the row's present evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.ledger.events import Decision
    from pipeline.ledger.replay import Ledger

ReviewState = Literal["unopened", "opened", "decided", "disputed", "stale"]
STATES: Final = ("unopened", "opened", "decided", "disputed", "stale")
OPEN_STATES: Final = ("unopened", "opened", "disputed", "stale")
"""The states of rows that are not settled."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The review state of a row, and the decision that settles it."""

    state: ReviewState
    decision: Decision | None = None
    """What settles a decided row: the latest adjudication, else the latest of the decisions that agree."""
    fitting: tuple[Decision, ...] = ()
    """Each reviewer's last decision on the row as it is now, in order."""

    @property
    def shown(self) -> tuple[Decision, ...]:
        """The decisions that explain the state: each reviewer's last, and what settles the row."""
        extra = () if self.decision is None or self.decision in self.fitting else (self.decision,)
        return (*self.fitting, *extra)

    @property
    def reviewers(self) -> list[str]:
        """The names of those who decided the row as it is now, sorted."""
        return sorted({decision.reviewer for decision in self.shown})


UNOPENED: Final = Settled("unopened")
"""The state of every row that no event names."""


def settle(ledger: Ledger, row_id: str, digests: Collection[str]) -> Settled:
    """Return the state of a row whose evidence has one of these digests.

    Per reviewer the last decision counts. Decisions that differ in bucket or attribution are a dispute until an
    adjudication; a decision on other evidence than the row's is stale; one whose reviewer had not opened the row
    does not count.
    """
    decisions = ledger.decisions.get(row_id, ())
    counting = [event for event in decisions if event.evidence_digest in digests and ledger.was_open(event)]
    if not counting:
        if any(event.evidence_digest not in digests for event in decisions):
            return Settled("stale")
        opened = any(seen in digests for _, seen in ledger.opened.get(row_id, {}))
        return Settled("opened" if opened else "unopened")
    if len(counting) == 1:
        return Settled("decided", counting[0], (counting[0],))
    last = {event.who: event for event in counting}
    fitting = tuple(sorted(last.values(), key=lambda event: event.place))
    adjudications = [event for event in counting if event.adjudication]
    if adjudications:
        return Settled("decided", adjudications[-1], fitting)
    if len({(event.bucket, event.attribution) for event in fitting}) > 1:
        return Settled("disputed", None, fitting)
    return Settled("decided", fitting[-1], fitting)
