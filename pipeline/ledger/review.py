"""What the review of one analysis amounts to: each row's state, the gate, and the status of the report."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline import schema as c
from pipeline.ledger.buckets import Buckets
from pipeline.ledger.evidence import fitting_digests, quote_stands
from pipeline.ledger.gate import BucketStatus, DecidedRow, Unit, bucket_statuses
from pipeline.ledger.settle import UNOPENED, Settled, settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.ledger.events import Decision, Finding
    from pipeline.ledger.replay import Ledger


@dataclass(frozen=True, slots=True)
class ReviewedRow:
    """A row that the ledger names, as it is now, with its review state."""

    row_id: str
    benchmark_name: str
    model_name: str
    run_id: str
    turn: int
    failed: bool
    early: bool
    """Filled in after the session had ended."""
    failed_dimensions: tuple[str, ...]
    provisional_mode: str | None
    """`None` on a row that did not fail."""
    settled: Settled
    quote_stands: bool | None
    """Whether the quote of the settling decision is in one of the row's texts; `None` without a quote."""

    @property
    def decided(self) -> bool:
        """Whether the row failed and is settled."""
        return self.failed and self.settled.decision is not None

    @property
    def is_control(self) -> bool:
        """Whether the row did not fail and somebody decided it as it is now."""
        return not self.failed and bool(self.settled.fitting)


def settle_rows(rows: Iterable[Mapping[Any, Any]], ledger: Ledger) -> list[ReviewedRow]:
    """Return the state of each row that the ledger names; others are left out.

    Each row maps `row_id`, `benchmark_name`, `model_name`, `run_id`, `turn`, `failed`, `response_kind`,
    `failed_dimensions`, `error_mode`, `scores` (JSON text) and the five texts.
    """
    named = ledger.rows()
    return [_reviewed(row, ledger) for row in rows if row["row_id"] in named]


def _reviewed(row: Mapping[str, Any], ledger: Ledger) -> ReviewedRow:
    settled = settle(ledger, row["row_id"], fitting_digests(row))
    quote = settled.decision.quote if settled.decision else None
    return ReviewedRow(
        row_id=row["row_id"],
        benchmark_name=row["benchmark_name"],
        model_name=row["model_name"],
        run_id=row["run_id"],
        turn=row["turn"],
        failed=bool(row["failed"]),
        early=row["response_kind"] == c.ENDED_EARLY,
        failed_dimensions=tuple(row["failed_dimensions"]),
        provisional_mode=row["error_mode"],
        settled=settled,
        quote_stands=None if quote is None else quote_stands(quote, row),
    )


@dataclass(frozen=True)
class Review:
    """What reviewers did, counted. The default is the review of an analysis without failed rows."""

    failed_rows: int = 0
    rows: tuple[ReviewedRow, ...] = ()
    """The failed rows that the ledger names; every other failed row is unopened."""
    controls: tuple[ReviewedRow, ...] = ()
    """Rows that did not fail and were decided all the same; counted nowhere else."""
    orphaned: tuple[Decision, ...] = ()
    """Decisions on rows that are gone, or that no longer fail and have changed."""
    undeclared: tuple[Decision, ...] = ()
    """Decisions into buckets that nobody declared; they do not count."""
    findings: tuple[Finding, ...] = ()
    standings: tuple[BucketStatus, ...] = ()
    """The status of every major bucket of every model at the gate."""
    buckets: Buckets = field(default_factory=Buckets)

    @cached_property
    def by_id(self) -> dict[str, ReviewedRow]:
        """The rows by row id."""
        return {row.row_id: row for row in self.rows}

    @cached_property
    def decided(self) -> list[ReviewedRow]:
        """The failed rows that are settled."""
        return [row for row in self.rows if row.decided]

    def settled(self, row_id: str) -> Settled:
        """Return the state of a failed row."""
        row = self.by_id.get(row_id)
        return row.settled if row else UNOPENED

    def count(self) -> Counter[str]:
        """Return the number of failed rows by state."""
        counts = Counter[str](row.settled.state for row in self.rows)
        counts["unopened"] += self.failed_rows - len(self.rows)
        return counts

    def stands(self, finding: Finding) -> bool:
        """Whether all rows that a finding cites are decided into its bucket, or into one with the same parent."""
        unit = finding.benchmark_name, finding.model_name
        into = self._into.get((unit, self.buckets.parent(finding.bucket)), set())
        return bool(finding.row_ids) and into.issuperset(finding.row_ids)

    def findings_on(self, unit: Unit, bucket: str) -> list[Finding]:
        """Return the findings on a bucket of a model, or on a finer one, all of whose rows are decided into it."""
        return [finding for finding in self._described.get((unit, bucket), ()) if self.stands(finding)]

    @cached_property
    def _described(self) -> dict[tuple[Unit, str], list[Finding]]:
        described: dict[tuple[Unit, str], list[Finding]] = defaultdict(list)
        for finding in self.findings:
            unit = finding.benchmark_name, finding.model_name
            described[unit, self.buckets.parent(finding.bucket)].append(finding)
        return described

    @cached_property
    def _into(self) -> dict[tuple[Unit, str], set[str]]:
        into: dict[tuple[Unit, str], set[str]] = defaultdict(set)
        for row in self.decided:
            if row.settled.decision is not None:
                for unit in ((row.benchmark_name, row.model_name), (row.benchmark_name, row.run_id)):
                    into[unit, self.buckets.parent(row.settled.decision.bucket)].add(row.row_id)
        return into

    def in_state(self, state: str) -> list[ReviewedRow]:
        """Return the failed rows of a state that the ledger names."""
        return [row for row in self.rows if row.settled.state == state]

    @property
    def missing(self) -> list[BucketStatus]:
        """The buckets for which the gate still asks for something."""
        return [status for status in self.standings if status.state == "missing"]

    @property
    def stamp(self) -> str:
        """The status with its counts: `IN REVIEW (12 of 33 failed rows reviewed)`."""
        name = self.status.replace("_", " ").upper()
        return f"{name} ({len(self.decided)} of {self.failed_rows} failed rows reviewed)"

    def wants(self) -> Iterator[tuple[str, str]]:
        """Yield what the gate still asks for, in words: the bucket of a model, and what is missing."""
        for status in self.missing:
            wants = []
            if status.decided < status.rows_needed:
                wants.append(f"{status.decided} of {status.rows_needed} rows decided")
            if status.finding is None:
                wants.append("no finding that cites rows decided into it")
            benchmark, model = status.unit
            yield f"{benchmark}: {model}: {status.bucket}", ", ".join(wants)

    @property
    def status(self) -> c.Status:
        """Whether a report on this is provisional, in review, or final."""
        if not self.failed_rows:
            return "final"
        if not self.decided:
            return "provisional"
        return "in_review" if self.missing else "final"


def review_of(
    ledger: Ledger,
    reviewed: Sequence[ReviewedRow],
    sizes: Mapping[Unit, Mapping[str, int]],
    failed_rows: int,
    compare_by: c.CompareBy,
) -> Review:
    """Return what the ledger says of the rows of one analysis.

    `reviewed` are the rows that the ledger names, failed or not. `sizes` counts per unit the failed rows by bucket,
    without those filled in after the session had ended; `failed_rows` counts all of them.
    """
    failed = tuple(row for row in reviewed if row.failed)
    controls = tuple(row for row in reviewed if row.is_control)
    known = {row.row_id for row in (*failed, *controls)}
    decided = [
        DecidedRow(row.row_id, unit_of(row, compare_by), row.settled.decision.bucket, row.provisional_mode or "")
        for row in failed
        if row.settled.decision is not None and not row.early
    ]
    return Review(
        failed_rows=failed_rows,
        rows=failed,
        controls=controls,
        orphaned=tuple(event for row_id in sorted(set(ledger.decisions) - known) for event in ledger.decisions[row_id]),
        undeclared=tuple(ledger.undeclared),
        findings=tuple(ledger.findings),
        standings=tuple(bucket_statuses(sizes, decided, ledger.findings, ledger.buckets)),
        buckets=ledger.buckets,
    )


def unit_of(row: ReviewedRow, compare_by: c.CompareBy) -> Unit:
    """Return what a row is counted for: its benchmark, and its model or its run."""
    return row.benchmark_name, row.model_name if compare_by == "model" else row.run_id
