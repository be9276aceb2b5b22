"""Causes of one model's failures: its major buckets with findings, costs, turns and datapoints; then the minor ones."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.ledger.codebook import MODES, describe_bucket
from pipeline.ledger.settle import OPEN_STATES
from pipeline.report.blocks import Code, Heading, Paragraph, Strong
from pipeline.report.frames import BUCKET, MODEL, failures_by_model, grouped, parent_counts, ranked, records
from pipeline.report.sections.datapoints import choose_datapoints, datapoint
from pipeline.report.sections.interface import count, counted, labelled_turns, listed, table
from pipeline.report.text import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from pipeline.analysis import Analysis
    from pipeline.ledger.events import Finding
    from pipeline.ledger.gate import BucketStatus, Unit
    from pipeline.ledger.review import Review
    from pipeline.report.blocks import Block, Datapoint, Inline
    from pipeline.report.frames import Record

    Key = tuple[str, str, str]


@dataclass(frozen=True)
class Causes:
    """The failed rows of every model by bucket, finer buckets with their parents; a `Key` is one cell of these.

    Everything is grouped once, since an analysis may compare thousands of models.
    """

    sizes: Mapping[Unit, list[Record]]
    """A model's buckets by name, as in `parent_counts`."""
    turns: Mapping[Key, list[Record]]
    """The turns of a bucket's rows, each once: `turn`."""
    finer: Mapping[Key, list[Record]]
    """The finer buckets that reviewers decided: `bucket`, `rows`."""
    costs: Mapping[Key, list[Record]]
    """The failed dimensions, the most frequent first: `dimension`, `rows`, `root`, `secondary`, `provisional`."""
    standings: Mapping[Unit, list[BucketStatus]]
    """A model's major buckets, the largest first."""
    findings: Mapping[Key, list[Finding]]
    """The findings that stand."""
    datapoints: Mapping[Key, list[Datapoint]]


def find_causes(analysis: Analysis) -> Causes:
    """Return what the failed rows of all models have in common, bucket by bucket."""
    failures = failures_by_model(analysis)
    review = analysis.review
    named = failures[failures["reviewed"] & failures["bucket"].ne(failures["parent"])]
    standings: dict[Unit, list[BucketStatus]] = defaultdict(list)
    for standing in review.standings:
        standings[standing.unit].append(standing)
    findings: dict[Key, list[Finding]] = defaultdict(list)
    for finding in review.findings:
        if review.stands(finding):
            parent = review.buckets.parent(finding.bucket)
            findings[finding.benchmark_name, finding.model_name, parent].append(finding)
    return Causes(
        sizes=grouped(parent_counts(analysis), MODEL),
        turns=grouped(failures[[*BUCKET, "turn"]].drop_duplicates(), BUCKET),
        finer=grouped(
            named.groupby([*BUCKET, "bucket"], sort=False, observed=True).size().reset_index(name="rows"), BUCKET
        ),
        costs=grouped(dimension_costs(failures, review), BUCKET),
        standings=standings,
        findings=findings,
        datapoints=_datapoints(analysis, failures),
    )


def dimension_costs(failures: pd.DataFrame, review: Review) -> pd.DataFrame:
    """Count the failed dimensions of each bucket: one row per benchmark x model x parent x dimension.

    Of the `rows` that failed the dimension, `secondary` counts those where the reviewers called it a mere consequence,
    `root` the other reviewed ones, `provisional` those that nobody has settled.
    """
    consequences = {
        (row.row_id, name)
        for row in review.decided
        if row.settled.decision is not None
        for name in row.settled.decision.secondary_dimensions
    }
    names = ["rows", "root", "secondary", "provisional"]
    failed = failures.explode("failed_dimensions", ignore_index=True).rename(columns={"failed_dimensions": "dimension"})
    pairs = zip(failed["row_id"], failed["dimension"], strict=True)
    reviewed, named = failed["reviewed"].to_numpy(), np.fromiter((pair in consequences for pair in pairs), dtype=bool)
    counts = (
        failed.assign(rows=1, root=reviewed & ~named, secondary=reviewed & named, provisional=~reviewed)
        .groupby([*BUCKET, "dimension"], observed=True)[names]
        .sum()
        .reset_index()
    )
    return ranked(counts, "rows", "dimension")


def _datapoints(analysis: Analysis, failures: pd.DataFrame) -> dict[Key, list[Datapoint]]:
    chosen = choose_datapoints(failures, analysis.review.standings)
    evidence = analysis.evidence_of(chosen["row_id"]).reset_index()
    reviewed = {row.row_id: row for row in analysis.review.rows}
    points: dict[Key, list[Datapoint]] = defaultdict(list)
    for row, whole in zip(records(chosen[[*BUCKET, "row_id"]]), records(evidence), strict=True):
        unit = (row.benchmark_name, row.model_name)
        points[*unit, row.parent].append(datapoint(whole, unit, reviewed.get(row.row_id)))
    return points


def causes_of(causes: Causes, unit: Unit) -> Iterator[Block]:
    """Yield the blocks on the causes of one model's failures."""
    sizes = {row.parent: row for row in causes.sizes[unit]}
    total = sum(row.failed_rows for row in sizes.values())
    for standing in causes.standings[unit]:
        yield from _major(causes, standing, sizes.pop(standing.bucket), total)
    minor = []
    for bucket, row in sizes.items():
        reviewed, provisional = _reviewed_and_provisional(row)
        minor.append((f"{bucket} ", reviewed, " reviewed, ", provisional, " provisional"))
    if minor:
        yield Paragraph(("Minor: ", *listed(minor, "; "), "."))
    for bucket in sizes:
        yield from _findings(causes.findings[*unit, bucket])


def _major(causes: Causes, standing: BucketStatus, size: Record, total: int) -> Iterator[Block]:
    """Yield a major bucket of a model: its size, the finding, what it costs, where it happens, and datapoints."""
    unit, key = standing.unit, (*standing.unit, standing.bucket)
    text = describe_bucket(standing.bucket)
    reviewed, provisional = _reviewed_and_provisional(size)
    named = (f"{text.name} (", Code(standing.bucket), "): reviewed ", reviewed, ", provisional ", provisional)
    yield Heading(4, (*named, f", of {words('failed row', total)}"))
    finer = [(f"{row.bucket} ", count(row.rows, unit, ("bucket", row.bucket))) for row in causes.finer[key]]
    if finer:
        yield Paragraph(("Named more finely: ", *listed(finer), "."))
    if causes.findings[key]:
        yield from _findings(causes.findings[key])
    else:
        yield Paragraph((text.what_goes_wrong,))
        if standing.state == "not_confirmed":
            yield Paragraph((Strong("Not confirmed"), f" ({standing.stayed} of {standing.tried})."))
    yield _costs(causes.costs[key], size)
    yield Paragraph(labelled_turns("Turns", [row.turn for row in causes.turns[key]], unit[0]))
    yield from causes.datapoints[key]


def _reviewed_and_provisional(size: Record) -> tuple[Inline, Inline]:
    """Return how many rows of a bucket are reviewed, and how many are not."""
    unit, of_bucket = (size.benchmark_name, size.model_name), ("bucket", f"+{size.parent}")
    still_open = [("state", state) for state in OPEN_STATES]
    return (
        count(size.reviewed, unit, of_bucket, ("state", "decided")),
        count(size.provisional, unit, of_bucket, *still_open),
    )


def _findings(findings: list[Finding]) -> Iterator[Block]:
    for finding in findings:
        rows = listed((Code(row_id),) for row_id in finding.row_ids)
        who = f" Found by {finding.reviewer} ({finding.reviewer_kind}) in "
        name = "" if finding.bucket in MODES else f" ({finding.bucket})"
        yield Paragraph((Strong("What goes wrong"), f"{name}: {_sentence(finding.what_goes_wrong)}"))
        yield Paragraph((Strong("Triggers"), f": {_sentence(finding.triggers)}{who}", *rows, "."))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _costs(costs: list[Record], size: Record) -> Block:
    """Return the failed dimensions of a bucket: with their roles where some row is reviewed, else in one sentence."""
    unit, bucket = (size.benchmark_name, size.model_name), ("bucket", f"+{size.parent}")
    if not size.reviewed:
        shares = [
            (f"{row.dimension} ", counted(row.rows, f"{row.rows}/{size.failed_rows}", unit, bucket, _failed(row)))
            for row in costs
        ]
        return Paragraph((Strong("Dimensions it costs"), ": ", *listed(shares), "."))
    still_open = [("state", state) for state in OPEN_STATES]
    return table(
        ["dimension it costs", "root, reviewed", "secondary, reviewed", "provisional"],
        [
            (
                Code(row.dimension),
                count(row.root, unit, bucket, ("root", row.dimension)),
                count(row.secondary, unit, bucket, ("secondary", row.dimension)),
                count(row.provisional, unit, bucket, _failed(row), *still_open),
            )
            for row in costs
        ],
    )


def _failed(row: Record) -> tuple[str, str]:
    return ("dimension", row.dimension)
