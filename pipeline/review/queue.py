"""Which rows a reviewer should read next: what the gate needs first, tentative first, with controls in between."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.events import Identity
    from pipeline.load.folder import PacketRow
    from pipeline.review.folder import Folder
    from pipeline.review.state import FolderReview

CONTROL_EVERY: Final = 5
"""Without filters every fifth row is a control."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows are asked for; `None` does not filter."""

    model: str | None = None
    bucket: str | None = None
    dimension: str | None = None
    turn: int | None = None
    state: str | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.model, self.bucket, self.dimension, self.turn, self.state))


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A row to read, and why it comes now."""

    row_id: str
    why: str
    control: bool = False


def queue(state: FolderReview, who: Identity, filters: Filters, limit: int) -> list[QueueItem]:
    """Return the next rows worth reading for a reviewer, at most `limit`."""
    rows = ordered(state, who, filters)
    if filters:
        return [_item(state, row) for row in rows[:limit]]
    chosen: dict[str, QueueItem] = {}
    plain = (_item(state, row) for row in rows)
    controls = _controls(state, who, rows)
    first = _decided_by(state, who)
    for place in range(first, first + limit):
        is_control = place % CONTROL_EVERY == CONTROL_EVERY - 1
        source = chain(controls[place // CONTROL_EVERY % 2], plain) if is_control else plain
        found = next((each for each in source if each.row_id not in chosen), None)
        if found is not None:
            chosen[found.row_id] = found
    return list(chosen.values())


def remaining(state: FolderReview, who: Identity, filters: Filters) -> int:
    """Return the number of rows that wait for a reviewer."""
    return len(_waiting(state, who, filters))


def ordered(state: FolderReview, who: Identity, filters: Filters) -> list[PacketRow]:
    """Order the waiting rows: major buckets short of reviews first, then tentative before firm labels.

    Among these hard turns come early and turns vary; `_early` rows come last.
    """
    rows = _waiting(state, who, filters)
    short = {
        (status.unit, status.bucket): max(status.rows_needed - status.decided, 1)
        for status in state.review.standings
        if status.state == "missing"
    }
    failing = _failing_models(state.folder)
    later = state.ledger.deferred_by(who)
    groups: dict[tuple[tuple[str, str], str], list[PacketRow]] = defaultdict(list)
    for row in rows:
        groups[state.folder.unit(row), state.parent(row)].append(row)
    placed = []
    for group, members in groups.items():
        seen: Counter[int] = Counter()
        members.sort(key=lambda row: (-failing[row.benchmark_name, row.turn], row.turn, row.row_id))
        members.sort(key=lambda row: (row.early, not row.tentative))  # keeps that order
        varied: list[tuple[bool, bool, int, int, PacketRow]] = []
        for row in members:
            varied.append((row.early, not row.tentative, seen[row.turn], len(varied), row))
            seen[row.turn] += 1
        varied.sort(key=lambda entry: entry[:-1])
        for rank, (early, *_, row) in enumerate(varied):
            urgent = not early and rank < short.get(group, 0)
            hard = -failing[row.benchmark_name, row.turn]
            placed.append((row.row_id in later, early, not urgent, not row.tentative, rank, hard, row.row_id, row))
    placed.sort(key=lambda entry: entry[:-1])
    return [entry[-1] for entry in placed]


def _waiting(state: FolderReview, who: Identity, filters: Filters) -> list[PacketRow]:
    """Return the failed rows asked for; without a state those that are not settled and not decided by `who`."""
    return [row for row in state.folder.rows if _is_wanted(state, row, filters) and waits(state, row, who, filters)]


def _is_wanted(state: FolderReview, row: PacketRow, filters: Filters) -> bool:
    return (
        (filters.model is None or state.folder.unit(row)[1] == filters.model)
        and (filters.bucket is None or filters.bucket in (state.bucket(row), state.parent(row)))
        and (filters.dimension is None or filters.dimension in row.failed_dimensions)
        and (filters.turn is None or row.turn == filters.turn)
    )


def waits(state: FolderReview, row: PacketRow, who: Identity, filters: Filters) -> bool:
    """Whether a failed row is in the state asked for, or without one is neither settled nor decided by `who`."""
    settled = state.settled(row)
    if filters.state is not None:
        return settled.state == filters.state
    return settled.state != "decided" and all(decision.who != who for decision in settled.fitting)


def _item(state: FolderReview, row: PacketRow) -> QueueItem:
    settled = state.settled(row)
    if settled.state in ("disputed", "stale"):
        return QueueItem(row.row_id, settled.state)
    key = state.folder.unit(row), state.parent(row)
    for status in state.review.standings:
        if (status.unit, status.bucket) == key and status.state == "missing":
            return QueueItem(
                row.row_id,
                f"{status.bucket} of {status.unit[1]}: {status.decided} of {status.rows_needed} decided",
            )
    return QueueItem(row.row_id, "further row")


def _failing_models(folder: Folder) -> dict[tuple[str, int], int]:
    """Return the number of models with a failed row, by benchmark and turn."""
    models: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in folder.rows:
        models[row.benchmark_name, row.turn].add(folder.unit(row)[1])
    return {turn: len(names) for turn, names in models.items()}


def _decided_by(state: FolderReview, who: Identity) -> int:
    """Return the number of rows that a reviewer decided, controls too."""
    return len({row_id for row_id, events in state.ledger.decisions.items() if any(e.who == who for e in events)})


def _controls(
    state: FolderReview, who: Identity, rows: list[PacketRow]
) -> tuple[Iterator[QueueItem], Iterator[QueueItem]]:
    """Return both kinds of controls in pseudo-random order: failed rows, and passing rows of failing turns."""
    later = state.ledger.deferred_by(who)
    failed = sorted((row for row in rows if row.row_id not in later), key=lambda row: _shuffled(who, row.row_id))
    return (
        (QueueItem(row.row_id, "control: a failed row at random", control=True) for row in failed if not row.early),
        (
            QueueItem(row_id, "control: a passing row of a failing turn", control=True)
            for row_id in _passing(state, who)
        ),
    )


def _passing(state: FolderReview, who: Identity) -> Iterator[str]:
    """Yield the passing rows of turns that some row failed, those decided or deferred by the reviewer left out."""
    turns = {(row.benchmark_name, row.turn) for row in state.folder.rows}
    done = {row_id for row_id, events in state.ledger.decisions.items() if any(e.who == who for e in events)}
    done |= state.ledger.deferred_by(who)
    rows = state.folder.all_rows
    columns = zip(rows.row_ids, rows.benchmarks, rows.turns, rows.judged, rows.failed, strict=True)
    found = [
        row_id
        for row_id, benchmark, turn, judged, failed in columns
        if judged and not failed and (benchmark, turn) in turns and row_id not in done
    ]
    yield from sorted(found, key=lambda row_id: _shuffled(who, row_id))


def _shuffled(who: Identity, row_id: str) -> bytes:
    """Return a sort key for a pseudo-random order that is the same each time."""
    return hashlib.sha256("\n".join((*who, row_id)).encode()).digest()
