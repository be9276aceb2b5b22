"""What the review amounts to: every failed row's state, the gate, and the status of the report."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import schema as c
from pipeline.ledger import gate
from pipeline.ledger.buckets import Buckets
from pipeline.ledger.evidence import evidence_digest, quote_stands
from pipeline.ledger.settle import Settled, settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.ledger.events import Decision, Finding
    from pipeline.ledger.replay import Ledger


class ReviewedRow(NamedTuple):
    """A row that the ledger speaks of, as it is now, and where it stands."""

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
    """None on a row that did not fail."""
    settled: Settled
    quote_stands: bool | None
    """Whether the quote of what settles the row is in one of its texts; None without a quote."""

    @property
    def decided(self) -> bool:
        """Whether it failed and is settled."""
        return self.failed and self.settled.decision is not None

    @property
    def is_control(self) -> bool:
        """Whether it did not fail and somebody decided it as it is now."""
        return not self.failed and bool(self.settled.fitting)


def settle_rows(rows: Iterable[Mapping[str, Any]], ledger: Ledger) -> list[ReviewedRow]:
    return [_settled(row, ledger) for row in rows]


def _settled(row: Mapping[str, Any], ledger: Ledger) -> ReviewedRow:
    row_id = str(row[c.ROW_ID])
    found = settle(ledger, row_id, evidence_digest(row))
    quote = found.decision.quote if found.decision else None
    return ReviewedRow(
        row_id=row_id,
        benchmark_name=str(row[c.BENCHMARK]),
        model_name=str(row[c.MODEL]),
        run_id=str(row[c.RUN_ID]),
        turn=int(row[c.TURN]),  # type: ignore[call-overload] # Arrow's own integers
        failed=bool(row[c.FAILED]),
        early=row[c.RESPONSE_KIND] == c.ENDED_EARLY,
        failed_dimensions=tuple(row[c.FAILED_DIMENSIONS]),  # type: ignore[arg-type] # a list of strings
        provisional_mode=row["error_mode"],  # type: ignore[arg-type] # a string or null
        settled=found,
        quote_stands=None if quote is None else quote_stands(quote, row),
    )


@dataclass(frozen=True)
class Review:
    """What reviewers did, counted; of the failed rows those that somebody opened or decided."""

    failed_rows: int = 0
    rows: tuple[ReviewedRow, ...] = ()
    """Failed rows that the ledger speaks of."""
    controls: tuple[ReviewedRow, ...] = ()
    """Rows that did not fail and were decided all the same; counted nowhere else."""
    orphaned: tuple[Decision, ...] = ()
    """Decisions on rows that are gone, or that no longer fail and are not what they were."""
    undeclared: tuple[Decision, ...] = ()
    """Decisions into buckets that nobody declared; they do not count."""
    findings: tuple[Finding, ...] = ()
    standings: tuple[gate.Standing, ...] = ()
    """Where every major bucket of every model stands at the gate."""
    buckets: Buckets = field(default_factory=Buckets)

    @cached_property
    def decided(self) -> list[ReviewedRow]:
        """The failed rows that are settled."""
        return [row for row in self.rows if row.decided]

    def stands(self, finding: Finding) -> bool:
        """Tell whether all rows that a finding cites are decided into its bucket, or one that counts for the same."""
        unit = finding.benchmark_name, finding.model_name
        into = self._into.get((unit, self.buckets.parent(finding.bucket)), set())
        return bool(finding.row_ids) and into.issuperset(finding.row_ids)

    def findings_on(self, unit: gate.Unit, bucket: str) -> list[Finding]:
        """Give the findings that stand on a bucket of a model, or on one that counts for it."""
        return [
            finding
            for finding in self.findings
            if (finding.benchmark_name, finding.model_name) == unit
            and self.buckets.parent(finding.bucket) == bucket
            and self.stands(finding)
        ]

    @cached_property
    def _into(self) -> dict[tuple[gate.Unit, str], set[str]]:
        into: dict[tuple[gate.Unit, str], set[str]] = defaultdict(set)
        for row in self.decided:
            if row.settled.decision is not None:
                for unit in ((row.benchmark_name, row.model_name), (row.benchmark_name, row.run_id)):
                    into[unit, self.buckets.parent(row.settled.decision.bucket)].add(row.row_id)
        return into

    def in_state(self, state: str) -> list[ReviewedRow]:
        """Give the failed rows of a state."""
        return [row for row in self.rows if row.settled.state == state]

    @property
    def missing(self) -> list[gate.Standing]:
        """List what the gate still asks for."""
        return [standing for standing in self.standings if standing.state == "missing"]

    @property
    def stamp(self) -> str:
        """Say the status with its counts: `IN REVIEW (12 of 33 failed rows reviewed)`."""
        name = self.status.replace("_", " ").upper()
        return f"{name} ({len(self.decided)} of {self.failed_rows} failed rows reviewed)"

    def wants(self) -> Iterator[tuple[str, str]]:
        """Say in words what the gate still asks for: where, and what."""
        for standing in self.missing:
            wants = []
            if standing.decided < standing.rows_needed:
                wants.append(f"{standing.decided} of {standing.rows_needed} rows decided")
            if standing.finding is None:
                wants.append("no finding that cites rows decided into it")
            benchmark, model = standing.unit
            yield f"{benchmark}: {model}: {standing.bucket}", ", ".join(wants)

    @property
    def status(self) -> c.Status:
        """Tell whether a report on this is provisional, in review, or final."""
        if not self.failed_rows:
            return "final"
        if not self.decided:
            return "provisional"
        return "in_review" if self.missing else "final"


def review_of(
    ledger: Ledger,
    rows: Sequence[ReviewedRow],
    sizes: Mapping[gate.Unit, Mapping[str, int]],
    failed_rows: int,
    compare_by: c.CompareBy,
) -> Review:
    """Put together what the ledger says of the rows of one analysis; `sizes` counts own rows by unit and bucket."""
    failed = [row for row in rows if row.failed]
    controls = tuple(row for row in rows if row.is_control)
    kept = {row.row_id for row in (*failed, *controls)}
    decided = [
        gate.DecidedRow(row.row_id, unit_of(row, compare_by), row.settled.decision.bucket, row.provisional_mode or "")
        for row in failed
        if row.settled.decision is not None and not row.early
    ]
    return Review(
        failed_rows=failed_rows,
        rows=tuple(failed),
        controls=controls,
        orphaned=tuple(event for row_id in sorted(set(ledger.decisions) - kept) for event in ledger.decisions[row_id]),
        undeclared=tuple(ledger.undeclared),
        findings=tuple(ledger.findings),
        standings=tuple(gate.stand(sizes, decided, ledger.findings, ledger.buckets)),
        buckets=ledger.buckets,
    )


def unit_of(row: ReviewedRow, compare_by: c.CompareBy) -> gate.Unit:
    """Give what a row is counted for: its benchmark, and its model or its run."""
    return row.benchmark_name, row.model_name if compare_by == "model" else row.run_id
