"""What the review amounts to: every failed row's state, the gate, and the status of the report."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.ledger import gate
from pipeline.ledger.buckets import Buckets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.ledger.events import Decision, Finding
    from pipeline.ledger.replay import Ledger
    from pipeline.stages.buckets import ReviewedRow


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


def review_of(ledger: Ledger, rows: Sequence[ReviewedRow], bucket_counts: pa.Table, compare_by: c.CompareBy) -> Review:
    """Put together what the ledger says of the rows of one analysis.

    `bucket_counts` has a row per model and bucket, with `failed_rows` and `own_rows`.
    """
    failed = [row for row in rows if row.failed]
    controls = tuple(row for row in rows if row.is_control)
    kept = {row.row_id for row in (*failed, *controls)}
    sizes: dict[gate.Unit, Counter[str]] = defaultdict(Counter)
    columns = (as_list(bucket_counts[name]) for name in (c.BENCHMARK, c.MODEL, c.BUCKET, c.OWN_ROWS))
    for benchmark, model, bucket, own in zip(*columns, strict=True):
        sizes[benchmark, model][bucket] = own
    decided = [
        gate.DecidedRow(row.row_id, unit_of(row, compare_by), row.settled.decision.bucket, row.provisional_mode or "")
        for row in failed
        if row.settled.decision is not None and not row.early
    ]
    return Review(
        failed_rows=sum(as_list(bucket_counts[c.FAILED_ROWS])),
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


def reviews_table(failures: pa.Table, review: Review) -> pa.Table:
    """Lay out one row per failed row: `schema.REVIEWS`."""
    known = {row.row_id: row for row in review.rows}
    found = [known.get(row_id) for row_id in as_list(failures[c.ROW_ID])]
    decisions = [row.settled.decision if row else None for row in found]
    text = pa.large_string()
    return pa.table(
        {
            c.ROW_ID: failures[c.ROW_ID],
            c.PROVISIONAL_MODE: failures[c.ERROR_MODE],
            c.BUCKET: failures[c.BUCKET],
            c.ATTRIBUTION: pa.array([decision and decision.attribution for decision in decisions], text),
            c.REVIEW_STATE: pa.array([row.settled.state if row else "unopened" for row in found], text),
            c.REVIEWERS: pa.array([row.settled.reviewers if row else [] for row in found], pa.list_(pa.string())),
        }
    )
