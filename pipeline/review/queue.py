"""Which rows a reviewer should read next: what the gate needs first, varied, with controls in between."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.columns import as_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.events import Identity
    from pipeline.review.folder import FailedRow, Folder
    from pipeline.review.progress import Progress

CONTROL_EVERY: Final = 5
"""Without filters every fifth row is a control."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are asked for; `None` asks for all."""

    model: str | None = None
    bucket: str | None = None
    dimension: str | None = None
    turn: int | None = None
    state: str | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.model, self.bucket, self.dimension, self.turn, self.state))


@dataclass(frozen=True, slots=True)
class Next:
    """A row to read, and why it comes now."""

    row_id: str
    why: str
    control: bool = False


def queue(progress: Progress, who: Identity, wanted: Wanted, limit: int) -> list[Next]:
    """Give the next rows worth reading for a reviewer."""
    rows = ordered(progress, who, wanted)
    if wanted:
        return [_as_next(progress, row) for row in rows[:limit]]
    chosen: dict[str, Next] = {}
    plain = (_as_next(progress, row) for row in rows)
    controls = _controls(progress, who, rows)
    first = _decided_by(progress, who)
    for place in range(first, first + limit):
        is_control = place % CONTROL_EVERY == CONTROL_EVERY - 1
        source = chain(controls[place // CONTROL_EVERY % 2], plain) if is_control else plain
        found = next((each for each in source if each.row_id not in chosen), None)
        if found is not None:
            chosen[found.row_id] = found
    return list(chosen.values())


def remaining(progress: Progress, who: Identity, wanted: Wanted) -> int:
    """Count the rows that wait for a reviewer."""
    return len(_waiting(progress, who, wanted))


def ordered(progress: Progress, who: Identity, wanted: Wanted) -> list[FailedRow]:
    """Order the waiting rows: major buckets short of reviews first, hard turns early, turns varied, `_early` last."""
    rows = _waiting(progress, who, wanted)
    short = {
        (standing.unit, standing.bucket): max(standing.rows_needed - standing.decided, 1)
        for standing in progress.standings
        if standing.state == "missing"
    }
    failing = _failing_models(progress.folder)
    later = progress.ledger.deferred_by(who)
    groups: dict[tuple[tuple[str, str], str], list[FailedRow]] = defaultdict(list)
    for row in rows:
        groups[progress.folder.unit(row), progress.parent(row)].append(row)
    placed = []
    for group, members in groups.items():
        seen: Counter[int] = Counter()
        members.sort(key=lambda row: (row.early, -failing[row.benchmark_name, row.turn], row.turn, row.row_id))
        varied: list[tuple[bool, int, int, FailedRow]] = []
        for row in members:
            varied.append((row.early, seen[row.turn], len(varied), row))
            seen[row.turn] += 1
        varied.sort(key=lambda entry: entry[:3])
        for rank, (early, *_, row) in enumerate(varied):
            urgent = not early and rank < short.get(group, 0)
            hard = -failing[row.benchmark_name, row.turn]
            placed.append((row.row_id in later, early, not urgent, rank, hard, row.row_id, row))
    placed.sort(key=lambda entry: entry[:-1])
    return [entry[-1] for entry in placed]


def _waiting(progress: Progress, who: Identity, wanted: Wanted) -> list[FailedRow]:
    """Give the failed rows that are asked for; without a state those that are not settled and not decided by `who`."""
    return [
        row for row in progress.folder.rows if _is_wanted(progress, row, wanted) and waits(progress, row, who, wanted)
    ]


def _is_wanted(progress: Progress, row: FailedRow, wanted: Wanted) -> bool:
    return (
        (wanted.model is None or progress.folder.unit(row)[1] == wanted.model)
        and (wanted.bucket is None or wanted.bucket in (progress.bucket(row), progress.parent(row)))
        and (wanted.dimension is None or wanted.dimension in row.failed_dimensions)
        and (wanted.turn is None or row.turn == wanted.turn)
    )


def waits(progress: Progress, row: FailedRow, who: Identity, wanted: Wanted) -> bool:
    """Tell whether a failed row is in the state asked for, or else neither settled nor decided by the reviewer."""
    settled = progress.settled(row)
    if wanted.state is not None:
        return settled.state == wanted.state
    return settled.state != "decided" and all(decision.who != who for decision in settled.fitting)


def _as_next(progress: Progress, row: FailedRow) -> Next:
    settled = progress.settled(row)
    if settled.state in ("disputed", "stale"):
        return Next(row.row_id, settled.state)
    key = progress.folder.unit(row), progress.parent(row)
    for standing in progress.standings:
        if (standing.unit, standing.bucket) == key and standing.state == "missing":
            return Next(
                row.row_id,
                f"{standing.bucket} of {standing.unit[1]}: {standing.decided} of {standing.rows_needed} decided",
            )
    return Next(row.row_id, "further row")


def _failing_models(folder: Folder) -> dict[tuple[str, int], int]:
    """Count per turn the models with a failed row."""
    models: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in folder.rows:
        models[row.benchmark_name, row.turn].add(folder.unit(row)[1])
    return {turn: len(names) for turn, names in models.items()}


def _decided_by(progress: Progress, who: Identity) -> int:
    """Count the rows that a reviewer decided, controls too."""
    return len({row_id for row_id, events in progress.ledger.decisions.items() if any(e.who == who for e in events)})


def _controls(progress: Progress, who: Identity, rows: list[FailedRow]) -> tuple[Iterator[Next], Iterator[Next]]:
    """Give controls of both kinds: random failed rows, and passing rows of failing turns, in an order of their own."""
    later = progress.ledger.deferred_by(who)
    failed = sorted((row for row in rows if row.row_id not in later), key=lambda row: _shuffled(who, row.row_id))
    return (
        (Next(row.row_id, "control: a failed row at random", control=True) for row in failed if not row.early),
        (Next(row_id, "control: a passing row of a failing turn", control=True) for row_id in _passing(progress, who)),
    )


def _passing(progress: Progress, who: Identity) -> Iterator[str]:
    from pipeline.review.context import all_rows  # noqa: PLC0415 - reads tables, which takes longer

    turns = {(row.benchmark_name, row.turn) for row in progress.folder.rows}
    done = {row_id for row_id, events in progress.ledger.decisions.items() if any(e.who == who for e in events)}
    done |= progress.ledger.deferred_by(who)
    table = all_rows(progress.folder.path)
    columns = (as_list(table[name]) for name in (c.ROW_ID, c.BENCHMARK, c.TURN, c.JUDGED, c.FAILED))
    found = [
        row_id
        for row_id, benchmark, turn, judged, failed in zip(*columns, strict=True)
        if judged and not failed and (benchmark, turn) in turns and row_id not in done
    ]
    yield from sorted(found, key=lambda row_id: _shuffled(who, row_id))


def _shuffled(who: Identity, row_id: str) -> bytes:
    """Give a key that puts rows in an order that looks random and is the same each time."""
    return hashlib.sha256("\n".join((*who, row_id)).encode()).digest()
