"""Replay events: order them, drop duplicates and what was retracted, and group the rest by row."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.ledger.buckets import Buckets
from pipeline.ledger.events import (
    Batch,
    BucketDeclared,
    Decision,
    Deferred,
    Finding,
    Identity,
    Opened,
    Retracted,
    Single,
    last_moment,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pipeline.ledger.events import Event

_PLACE: Final = attrgetter("at", "id")
"""The order of all events, whatever file they are in."""


@dataclass(frozen=True, eq=False)
class Ledger:
    """What applies after all events were replayed; made by `replay`. The default is the empty ledger."""

    given: tuple[Event, ...] = ()
    """The events as they came."""
    events: tuple[Single, ...] = ()
    """The single events that were not retracted, in order."""
    ids: frozenset[str] = frozenset()
    """The ids of all events, those inside batches too."""
    taken_back: frozenset[str] = frozenset()
    """The ids that some retraction names, whether such events are there or not yet."""
    last: datetime | None = None
    """The latest moment that any event holds."""
    buckets: Buckets = field(default_factory=Buckets)
    """The buckets of the codebook and those declared."""
    decisions: dict[str, tuple[Decision, ...]] = field(default_factory=dict)
    """Decisions by row, in order, without those into buckets that nobody declared."""
    undeclared: list[Decision] = field(default_factory=list)
    """Decisions into buckets that nobody declared."""
    opened: dict[str, dict[tuple[Identity, str], datetime]] = field(default_factory=dict)
    """By row: when each reviewer first opened it at each digest."""
    findings: list[Finding] = field(default_factory=list)
    """The latest finding per benchmark, model and bucket, sorted by these."""
    put_off: dict[Identity, frozenset[str]] = field(default_factory=dict)
    """By reviewer: the rows deferred and not decided since."""

    def followed_by(self, events: Sequence[Event]) -> Ledger:
        """Return the ledger of these events and further ones.

        Events that are appended are mostly later than all others and change nothing before them; then only they are
        replayed.
        """
        if not events:
            return self
        given = (*self.given, *events)
        if not self._are_additions(events):
            return replay(given)
        return _with(self, given, sorted((single for event in events for single in _singles(event)), key=_PLACE))

    def _are_additions(self, events: Sequence[Event]) -> bool:
        """Whether events are new, later than all here, and change nothing before them."""
        every = [each for event in events for each in (event, *_parts(event))]
        ids = {each.id for each in every}
        return (
            not any(isinstance(each, Retracted | BucketDeclared) for each in every)
            and len(ids) == len(every)
            and self.ids.isdisjoint(ids)
            and self.taken_back.isdisjoint(ids)
            and (self.last is None or min(each.at for each in every) > self.last)
        )

    def deferred_by(self, who: Identity) -> frozenset[str]:
        """Return the rows that a reviewer deferred and did not decide since."""
        return self.put_off.get(who, frozenset())

    def rows(self) -> set[str]:
        """Return the ids of all rows that some event opened or decided."""
        return self.decisions.keys() | self.opened.keys()

    def was_open(self, decision: Decision) -> bool:
        """Whether the reviewer had opened the row, at that evidence, before deciding."""
        at = self.opened.get(decision.row_id, {}).get((decision.who, decision.evidence_digest))
        return at is not None and at <= decision.at


def replay(events: Iterable[Event]) -> Ledger:
    """Return the ledger of events given in any order, with any duplicates."""
    given = tuple(events)
    distinct = _distinct(given)
    applying = _not_retracted(distinct)
    declared = [event for event in applying if isinstance(event, BucketDeclared)]
    return _with(Ledger(buckets=Buckets(declared)), given, applying)


def _with(before: Ledger, given: tuple[Event, ...], added: Sequence[Single]) -> Ledger:
    """Return a ledger with further single events, in order and later than all that apply in it.

    `given` are all events of the new ledger as they came.
    """
    new = given[len(before.given) :]
    decisions: defaultdict[str, list[Decision]] = defaultdict(list)
    opened: dict[str, dict[tuple[Identity, str], datetime]] = {}
    undeclared = list(before.undeclared)
    findings = {_subject(finding): finding for finding in before.findings}
    put_off = {who: set(rows) for who, rows in before.put_off.items()}
    for event in added:
        match event:
            case Decision():
                put_off.get(event.who, set()).discard(event.row_id)
                if event.bucket in before.buckets:
                    decisions[event.row_id].append(event)
                else:
                    undeclared.append(event)
            case Opened():
                if event.row_id not in opened:
                    opened[event.row_id] = dict(before.opened.get(event.row_id, {}))
                opened[event.row_id].setdefault((event.who, event.evidence_digest), event.at)
            case Finding() if event.bucket in before.buckets:
                findings[_subject(event)] = event
            case Deferred():
                put_off.setdefault(event.who, set()).add(event.row_id)
            case _:
                pass  # declared buckets are in `before` already
    every = [each for event in new for each in (event, *_parts(event))]
    moments = [last_moment(event) for event in new]
    return Ledger(
        given=given,
        events=(*before.events, *added),
        ids=before.ids | {each.id for each in every},
        taken_back=before.taken_back | {each.retracts for each in every if isinstance(each, Retracted)},
        last=max(moments if before.last is None else [before.last, *moments], default=None),
        buckets=before.buckets,
        decisions=before.decisions
        | {row_id: (*before.decisions.get(row_id, ()), *further) for row_id, further in decisions.items()},
        undeclared=undeclared,
        opened=before.opened | opened,
        findings=[findings[key] for key in sorted(findings)],
        put_off={who: frozenset(rows) for who, rows in put_off.items()},
    )


def _subject(finding: Finding) -> tuple[str, str, str]:
    return finding.benchmark_name, finding.model_name, finding.bucket


def _distinct(events: Iterable[Event]) -> list[Event]:
    """Keep one event per id, the same one whatever their order."""
    kept: dict[str, Event] = {}
    for event in events:
        other = kept.setdefault(event.id, event)
        if other != event:
            kept[event.id] = min(other, event, key=lambda each: (each.at, msgspec.json.encode(each)))
    return list(kept.values())


def _parts(event: Event) -> tuple[Single, ...]:
    return event.events if isinstance(event, Batch) else ()


def _singles(event: Event) -> tuple[Single, ...]:
    return event.events if isinstance(event, Batch) else (event,)


def _not_retracted(events: Iterable[Event]) -> tuple[Single, ...]:
    """Split batches into their events, order all, and leave out what was retracted.

    Retractions are applied from the last to the first: one that was itself retracted retracts nothing.
    """
    found: dict[str, tuple[Single, str]] = {}
    for event in sorted(events, key=_PLACE):
        for single in _singles(event):
            found.setdefault(single.id, (single, event.id))
    ordered = sorted(found.values(), key=lambda pair: _PLACE(pair[0]))
    retracted: set[str] = set()
    for single, batch in reversed(ordered):
        if isinstance(single, Retracted) and not {single.id, batch} & retracted:
            retracted.add(single.retracts)
    return tuple(
        single
        for single, batch in ordered
        if not isinstance(single, Retracted) and single.id not in retracted and batch not in retracted
    )
