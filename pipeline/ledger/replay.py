"""Replay events: put them in their order, drop what came twice and what was taken back, and sort them by row."""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

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
"""The order of all events, whatever file they stand in."""


class Ledger:
    """What stands after all events were replayed. The order of the events given does not matter."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.given = tuple(events)
        """The events as they came."""
        self._distinct = _distinct(self.given)
        self.events = _standing(self._distinct.values())
        """The single events that were not taken back, in order."""
        self._by_kind: dict[type, list[Any]] = defaultdict(list)
        for event in self.events:
            self._by_kind[type(event)].append(event)
        self._deferred: dict[Identity, frozenset[str]] = {}

    def followed_by(self, events: Sequence[Event]) -> Ledger:
        """Give this ledger with further events.

        What is appended comes after all that is there, so that mostly it can be added to what was replayed.
        """
        if not events:
            return self
        if not self._is_followed_by(events):
            return Ledger([*self.given, *events])
        more = copy(self)
        more._add(events)  # noqa: SLF001 - its own kind
        return more

    def _add(self, events: Sequence[Event]) -> None:
        """Add events that come after all others; what is shared with the ledger this was copied from is replaced."""
        added = sorted((single for event in events for single in _singles(event)), key=_PLACE)
        decisions = self._added_to(self.decisions, [each for each in added if isinstance(each, Decision)])
        openings = _opened([each for each in added if isinstance(each, Opened)], self.opened)
        ids = self.ids | {each.id for event in events for each in (event, *_parts(event))}
        buckets, last = self.buckets, max([*map(last_moment, events), *([self.last] if self.last else [])])
        self.given = (*self.given, *events)
        self._distinct = self._distinct | {event.id: event for event in events}
        self.events = (*self.events, *added)
        self._by_kind = defaultdict(list, {kind: [*found] for kind, found in self._by_kind.items()})
        for event in added:
            self._by_kind[type(event)].append(event)
        self._deferred = {}
        for name in ("undeclared", "findings", "_by_row"):
            self.__dict__.pop(name, None)
        self.__dict__.update(ids=ids, last=last, decisions=decisions, opened=openings, buckets=buckets)

    def _is_followed_by(self, events: Sequence[Event]) -> bool:
        """Tell whether events only add: new ones, later than all that are here, that change nothing before them."""
        every = [each for event in events for each in (event, *_parts(event))]
        ids = [each.id for each in every]
        return (
            not any(isinstance(each, Retracted | BucketDeclared) for each in every)
            and len(set(ids)) == len(ids)
            and self.ids.isdisjoint(ids)
            and (self.last is None or min(each.at for each in every) > self.last)
        )

    def _added_to(self, before: dict[str, list[Decision]], decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
        """Sort decisions by row, in order, behind those before; without those into buckets that nobody declared."""
        found = dict(before)
        for event in decisions:
            if event.bucket in self.buckets:
                found[event.row_id] = [*found.get(event.row_id, ()), event]
        return found

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of all events, those inside batches too."""
        return frozenset(self._distinct) | {inner.id for event in self._distinct.values() for inner in _parts(event)}

    @cached_property
    def last(self) -> datetime | None:
        """The latest moment that an event holds."""
        return max(map(last_moment, self._distinct.values()), default=None)

    def of_row(self, row_id: str, *more: Event) -> Ledger:
        """Give what stands of one row, and of the buckets, with further events."""
        rows = (event for event in self.events if getattr(event, "row_id", row_id) == row_id)
        return Ledger([*rows, *more])

    @cached_property
    def buckets(self) -> Buckets:
        """The buckets of the codebook and those declared."""
        return Buckets(self._by_kind[BucketDeclared])

    @cached_property
    def decisions(self) -> dict[str, list[Decision]]:
        """Decisions by row, in order; those into buckets that nobody declared are left out."""
        return self._added_to({}, self._by_kind[Decision])

    @cached_property
    def undeclared(self) -> list[Decision]:
        """Decisions into buckets that nobody declared."""
        return [event for event in self._by_kind[Decision] if event.bucket not in self.buckets]

    @cached_property
    def opened(self) -> dict[str, dict[tuple[Identity, str], datetime]]:
        """When each reviewer first opened each row at each digest."""
        return _opened(self._by_kind[Opened], {})

    @cached_property
    def findings(self) -> list[Finding]:
        """The latest finding per benchmark, model and bucket, in that order."""
        latest = {
            (event.benchmark_name, event.model_name, event.bucket): event
            for event in self._by_kind[Finding]
            if event.bucket in self.buckets
        }
        return [latest[key] for key in sorted(latest)]

    @property
    def reviewers(self) -> set[Identity]:
        """Everybody who put a row off."""
        return {event.who for event in self._by_kind[Deferred]}

    def deferred_by(self, who: Identity) -> frozenset[str]:
        """Give the rows that a reviewer put off and did not decide since."""
        if who not in self._deferred:
            self._deferred[who] = frozenset(self._put_off(who))
        return self._deferred[who]

    def _put_off(self, who: Identity) -> Iterable[str]:
        latest = {event.row_id: event for event in self._by_kind[Deferred] if event.who == who}
        for row_id, deferral in latest.items():
            decisions = self._by_row.get(row_id, ())
            if not any(event.who == who and _PLACE(event) > _PLACE(deferral) for event in decisions):
                yield row_id

    @cached_property
    def _by_row(self) -> dict[str, list[Decision]]:
        """Every decision by row, those into buckets that nobody declared too."""
        found = defaultdict(list)
        for event in self._by_kind[Decision]:
            found[event.row_id].append(event)
        return found

    def rows(self) -> set[str]:
        """Give every row that some event opened or decided."""
        return set(self.decisions) | set(self.opened)

    def was_open(self, decision: Decision) -> bool:
        """Tell whether the reviewer had opened the row, at that evidence, before deciding."""
        at = self.opened.get(decision.row_id, {}).get((decision.who, decision.evidence_digest))
        return at is not None and at <= decision.at


_Openings = dict[str, dict[tuple[Identity, str], "datetime"]]


def _opened(events: Iterable[Opened], before: _Openings) -> _Openings:
    """Tell when each reviewer first opened each row at each digest, before or by these events."""
    found = dict(before)
    for event in events:
        key = event.who, event.evidence_digest
        seen = found.get(event.row_id, {})
        if key not in seen:
            found[event.row_id] = seen | {key: event.at}
    return found


def _distinct(events: Iterable[Event]) -> dict[str, Event]:
    """Keep one event per id: whatever their order, the same one."""
    kept: dict[str, Event] = {}
    for event in events:
        other = kept.setdefault(event.id, event)
        if other != event:
            kept[event.id] = min(other, event, key=lambda each: (each.at, msgspec.json.encode(each)))
    return kept


def _parts(event: Event) -> tuple[Single, ...]:
    return event.events if isinstance(event, Batch) else ()


def _singles(event: Event) -> tuple[Single, ...]:
    return event.events if isinstance(event, Batch) else (event,)


def _standing(events: Iterable[Event]) -> tuple[Single, ...]:
    """Part batches into their events, order all, and leave out what was taken back.

    Gone through from the last to the first: a retraction that was itself taken back takes nothing back.
    """
    found: dict[str, tuple[Single, str]] = {}
    for event in sorted(events, key=_PLACE):
        for single in _singles(event):
            found.setdefault(single.id, (single, event.id))
    ordered = sorted(found.values(), key=lambda pair: _PLACE(pair[0]))
    taken_back: set[str] = set()
    for retraction, batch in reversed([pair for pair in ordered if isinstance(pair[0], Retracted)]):
        if not {retraction.id, batch} & taken_back:
            taken_back.add(retraction.retracts)  # type: ignore[union-attr] # only retractions are here
    return tuple(
        single
        for single, batch in ordered
        if not isinstance(single, Retracted) and single.id not in taken_back and batch not in taken_back
    )
