"""The gate: what a report needs before it may be called final.

For every model, each *major* bucket needs two rows (all, if it has fewer) decided into it, and a finding that cites
such rows. Finer buckets count for their parents; rows that were filled in after the session had ended take no part.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.ledger.buckets import Buckets
    from pipeline.ledger.events import Finding

LARGEST: Final = 3
"""This many of a model's largest buckets are major, ties with the last of them included."""
MAJOR_SHARE: Final = 0.1
ROWS_NEEDED: Final = 2
TRIED: Final = 10
"""A provisional bucket is not confirmed once this many of its rows were decided and fewer than two stayed."""

Unit = tuple[str, str]
"""What is compared: benchmark, and model or run."""


@dataclass(frozen=True, slots=True)
class DecidedRow:
    """A settled failed row that was not filled in after the session had ended."""

    row_id: str
    unit: Unit
    bucket: str
    provisional_mode: str


@dataclass(frozen=True, slots=True)
class BucketStatus:
    """What the gate asks of one major bucket of a model, and what is there."""

    unit: Unit
    bucket: str
    rows: int
    """The model's failed rows in it, decided or provisional."""
    decided: int
    rows_needed: int
    tried: int
    """How many rows were decided whose provisional mode is this bucket."""
    stayed: int
    """How many of those were decided into this bucket."""
    finding: Finding | None
    """A finding all of whose rows were decided into the bucket."""
    state: Literal["met", "missing", "not_confirmed"]


def major_buckets(sizes: Mapping[str, int]) -> list[str]:
    """Return the major ones among buckets of these sizes (numbers of failed rows), the largest first."""
    there = {bucket: size for bucket, size in sizes.items() if size}
    if not there:
        return []
    least = sorted(there.values(), reverse=True)[:LARGEST][-1]
    whole = sum(there.values())
    major = [bucket for bucket, size in there.items() if size >= least or size >= MAJOR_SHARE * whole]
    return sorted(major, key=lambda bucket: (-there[bucket], bucket))


def bucket_statuses(
    sizes: Mapping[Unit, Mapping[str, int]],
    decided: Iterable[DecidedRow],
    findings: Iterable[Finding],
    buckets: Buckets,
) -> list[BucketStatus]:
    """Return the status of every major bucket of every model.

    `sizes` counts per model the failed rows by bucket, decided or provisional, finer buckets too.
    """
    into: dict[tuple[Unit, str], set[str]] = defaultdict(set)
    tried: Counter[tuple[Unit, str]] = Counter()
    stayed: Counter[tuple[Unit, str]] = Counter()
    for row in decided:
        bucket = buckets.parent(row.bucket)
        into[row.unit, bucket].add(row.row_id)
        tried[row.unit, row.provisional_mode] += 1
        stayed[row.unit, row.provisional_mode] += bucket == row.provisional_mode
    described: dict[tuple[Unit, str], Finding] = {}
    for finding in sorted(findings, key=lambda event: event.place):
        key = (finding.benchmark_name, finding.model_name), buckets.parent(finding.bucket)
        if finding.row_ids and into[key].issuperset(finding.row_ids):
            described[key] = finding
    statuses = []
    for unit, counts in sizes.items():
        of_parents: Counter[str] = Counter()
        for name, size in counts.items():
            of_parents[buckets.parent(name)] += size
        for bucket in major_buckets(of_parents):
            key = unit, bucket
            rows, done = of_parents[bucket], len(into[key])
            needed, found = min(ROWS_NEEDED, rows), described.get(key)
            met = done >= needed and found is not None
            unconfirmed = rows > done and tried[key] >= TRIED and stayed[key] < ROWS_NEEDED
            state: Literal["met", "missing", "not_confirmed"] = (
                "met" if met else "not_confirmed" if unconfirmed else "missing"
            )
            statuses.append(BucketStatus(unit, bucket, rows, done, needed, tried[key], stayed[key], found, state))
    return statuses
