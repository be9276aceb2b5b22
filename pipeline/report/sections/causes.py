"""Causes of one model's failures: its major buckets with findings, costs, turns and datapoints; then the minor ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.ledger.codebook import MODES, describe_bucket
from pipeline.ledger.settle import OPEN_STATES
from pipeline.report.blocks import Code, Heading, Paragraph, Strong
from pipeline.report.sections.datapoints import datapoint
from pipeline.report.sections.interface import count, counted, labelled_turns, listed, table
from pipeline.report.text import one_line, words
from pipeline.schema import TENTATIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline.ledger.events import Finding
    from pipeline.ledger.gate import BucketStatus, Unit
    from pipeline.ledger.review import Review
    from pipeline.report.blocks import Block, Inline, Inlines
    from pipeline.report.rows import AnalysisRows, BucketKey, FailedRow, ParentCounts


@dataclass(frozen=True, slots=True)
class DimensionCost:
    """How many rows of a bucket failed a dimension."""

    dimension: str
    root: int
    """Reviewed rows where the dimension is not called a mere consequence."""
    secondary: int
    """Reviewed rows where it is."""
    provisional: int
    """Rows that nobody has settled."""

    @property
    def rows(self) -> int:
        """All of them."""
        return self.root + self.secondary + self.provisional


@dataclass(frozen=True)
class Causes:
    """The rows of an analysis, and what its review says of the buckets of every model.

    The review is grouped once, since an analysis may compare thousands of models.
    """

    rows: AnalysisRows
    standings: Mapping[Unit, list[BucketStatus]]
    """A model's major buckets, the largest first."""
    findings: Mapping[BucketKey, list[Finding]]
    """The findings that stand; those on finer buckets with their parents."""


def find_causes(rows: AnalysisRows) -> Causes:
    """Return what is known of the causes of all models' failures."""
    review = rows.analysis.review
    standings: dict[Unit, list[BucketStatus]] = defaultdict(list)
    for standing in review.standings:
        standings[standing.unit].append(standing)
    findings: dict[BucketKey, list[Finding]] = defaultdict(list)
    for finding in review.findings:
        if review.stands(finding):
            parent = review.buckets.parent(finding.bucket)
            findings[finding.benchmark_name, finding.model_name, parent].append(finding)
    return Causes(rows, standings, findings)


def dimension_costs(rows: Iterable[FailedRow], review: Review) -> list[DimensionCost]:
    """Return the dimensions that rows failed, the most frequent first; equal ones by name."""
    roles: Counter[tuple[str, str]] = Counter()
    for row in rows:
        decision = review.settled(row.row_id).decision
        consequences = decision.secondary_dimensions if decision else ()
        for name in row.failed_dimensions:
            role = "provisional" if not row.reviewed else "secondary" if name in consequences else "root"
            roles[name, role] += 1
    costs = [
        DimensionCost(name, roles[name, "root"], roles[name, "secondary"], roles[name, "provisional"])
        for name in {name for name, _ in roles}
    ]
    return sorted(costs, key=lambda cost: (-cost.rows, cost.dimension))


def causes_of(causes: Causes, unit: Unit) -> Iterator[Block]:
    """Yield the blocks on the causes of one model's failures."""
    sizes = {row.parent: row for row in causes.rows.parents[unit]}
    total = sum(row.failed_rows for row in sizes.values())
    for standing in causes.standings[unit]:
        yield from _major(causes, standing, sizes.pop(standing.bucket), total)
    minor = []
    for bucket, row in sizes.items():
        reviewed, provisional = _reviewed_and_provisional(row)
        minor.append((f"{bucket} ", reviewed, " reviewed, ", provisional, " provisional", *_tentative(row)))
    if minor:
        yield Paragraph(("Minor: ", *listed(minor, "; "), "."))
    for bucket in sizes:
        yield from _findings(causes.findings[*unit, bucket])


def _major(causes: Causes, standing: BucketStatus, size: ParentCounts, total: int) -> Iterator[Block]:
    """Yield a major bucket of a model: its size, the finding, what it costs, where it happens, and datapoints."""
    unit, key = standing.unit, (*standing.unit, standing.bucket)
    rows, review = causes.rows.in_bucket[key], causes.rows.analysis.review
    text = describe_bucket(standing.bucket)
    reviewed, provisional = _reviewed_and_provisional(size)
    named = (
        f"{text.name} (",
        Code(standing.bucket),
        "): reviewed ",
        reviewed,
        ", provisional ",
        provisional,
        *_tentative(size),
    )
    yield Heading(4, (*named, f", of {words('failed row', total)}"))
    finer = Counter(row.bucket for row in rows if row.reviewed and row.bucket != standing.bucket)
    if finer:
        named_finer = [(f"{bucket} ", count(number, unit, ("bucket", bucket))) for bucket, number in finer.items()]
        yield Paragraph(("Named more finely: ", *listed(named_finer), "."))
    if causes.findings[key]:
        yield from _findings(causes.findings[key])
    else:
        yield Paragraph((text.what_goes_wrong,))
        if standing.state == "not_confirmed":
            yield Paragraph((Strong("Not confirmed"), f" ({standing.stayed} of {standing.tried})."))
    yield _costs(dimension_costs(rows, review), size)
    yield Paragraph(labelled_turns("Turns", {row.turn for row in rows}, unit[0]))
    for row in causes.rows.datapoints[key]:
        yield datapoint(causes.rows.evidence[row.row_id], unit, review.by_id.get(row.row_id))


def _reviewed_and_provisional(size: ParentCounts) -> tuple[Inline, Inline]:
    """Return how many rows of a bucket are reviewed, and how many are not."""
    unit, of_bucket = size.unit, ("bucket", f"+{size.parent}")
    still_open = [("state", state) for state in OPEN_STATES]
    return (
        count(size.reviewed, unit, of_bucket, ("state", "decided")),
        count(size.provisional, unit, of_bucket, *still_open),
    )


def _tentative(size: ParentCounts) -> Inlines:
    """Return how many of the provisional rows of a bucket have a tentative label; nothing where none has."""
    if not size.tentative:
        return ()
    still_open = [("state", state) for state in OPEN_STATES]
    where = (("bucket", f"+{size.parent}"), *still_open, ("confidence", TENTATIVE))
    return (" (", counted(size.tentative, f"{size.tentative} tentative", size.unit, *where), ")")


def _findings(findings: list[Finding]) -> Iterator[Block]:
    for finding in findings:
        rows = listed((Code(row_id),) for row_id in finding.row_ids)
        who = f" Found by {finding.reviewer} ({finding.reviewer_kind}) in "
        name = "" if finding.bucket in MODES else f" ({finding.bucket})"
        yield Paragraph((Strong("What goes wrong"), f"{name}: {_sentence(finding.what_goes_wrong)}"))
        yield Paragraph((Strong("Triggers"), f": {_sentence(finding.triggers)}{who}", *rows, "."))


def _sentence(text: str) -> str:
    line = one_line(text)
    return line if line.endswith((".", "!", "?", "…")) else f"{line}."


def _costs(costs: list[DimensionCost], size: ParentCounts) -> Block:
    """Return the failed dimensions of a bucket: with their roles where some row is reviewed, else in one sentence."""
    unit, bucket = size.unit, ("bucket", f"+{size.parent}")
    if not size.reviewed:
        shares = [
            (f"{cost.dimension} ", counted(cost.rows, f"{cost.rows}/{size.failed_rows}", unit, bucket, _failed(cost)))
            for cost in costs
        ]
        return Paragraph((Strong("Dimensions it costs"), ": ", *listed(shares), "."))
    still_open = [("state", state) for state in OPEN_STATES]
    return table(
        ["dimension it costs", "root, reviewed", "secondary, reviewed", "provisional"],
        [
            (
                Code(cost.dimension),
                count(cost.root, unit, bucket, ("root", cost.dimension)),
                count(cost.secondary, unit, bucket, ("secondary", cost.dimension)),
                count(cost.provisional, unit, bucket, _failed(cost), *still_open),
            )
            for cost in costs
        ],
    )


def _failed(cost: DimensionCost) -> tuple[str, str]:
    return ("dimension", cost.dimension)
