"""Per model: counts, failed dimensions, each major error mode with its datapoints, unique fails and passes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.ledger.codebook import MODES, describe_bucket
from pipeline.ledger.settle import OPEN_STATES
from pipeline.report.blocks import BulletList, Code, Heading, Paragraph, Rows, Strong
from pipeline.report.sections.datapoints import datapoint
from pipeline.report.sections.interface import Section, count, counted, fraction, labelled_turns, rate, table
from pipeline.report.wording import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis, Record
    from pipeline.ledger.events import Finding
    from pipeline.ledger.gate import BucketStatus, Unit
    from pipeline.ledger.review import ReviewedRow
    from pipeline.report.blocks import Block, Datapoint, Inline

_DATAPOINTS = 3


def _build(analysis: Analysis) -> Iterator[Block]:
    chosen = {
        (benchmark, model): _choose(analysis, benchmark, model)
        for benchmark in analysis.benchmarks
        for model in analysis.models(benchmark)
    }
    evidence = analysis.evidence(
        position for buckets in chosen.values() for positions in buckets.values() for position in positions
    )
    reviewed = {row.row_id: row for row in analysis.review.rows}
    points = {
        unit: {
            bucket: [datapoint(row, unit, reviewed.get(row[c.ROW_ID])) for row in map(evidence.__getitem__, positions)]
            for bucket, positions in buckets.items()
        }
        for unit, buckets in chosen.items()
    }
    yield Heading(2, (f"Each {analysis.options.compare_by}",))
    for benchmark, model in chosen:
        name = f"{benchmark}: {model}" if len(analysis.benchmarks) > 1 else model
        yield Heading(3, (name,))
        yield from _of_model(analysis, benchmark, model, points[benchmark, model])


def _choose(analysis: Analysis, benchmark: str, model: str) -> dict[str, list[int]]:
    """Choose datapoints by major bucket: rows that its finding cites, then early turns, each once, none `_early`."""
    review = analysis.review
    standings = [standing for standing in review.standings if standing.unit == (benchmark, model)]
    cited = {row_id: n for s in standings if s.finding for n, row_id in enumerate(s.finding.row_ids)}
    members: dict[str, list[Record]] = {standing.bucket: [] for standing in standings}
    for row in analysis.failure_records(benchmark, model):
        bucket = review.buckets.parent(row[c.BUCKET])
        if bucket in members and (row[c.RESPONSE_KIND] != c.ENDED_EARLY or row[c.ROW_ID] in cited):
            members[bucket].append(row)
    chosen = {}
    for bucket, rows in members.items():
        rows.sort(key=lambda row: (cited.get(row[c.ROW_ID], len(cited) + 1), row[c.TURN]))
        first: dict[tuple[int, bool], int] = {}
        for row in rows:
            is_cited = row[c.ROW_ID] in cited
            first.setdefault((row[c.ROW_ID] if is_cited else row[c.TURN], is_cited), row[c.POSITION])
        most = max(_DATAPOINTS, sum(row[c.ROW_ID] in cited for row in rows))
        chosen[bucket] = list(first.values())[:most]
    return chosen


def _of_model(analysis: Analysis, benchmark: str, model: str, points: dict[str, list[Datapoint]]) -> Iterator[Block]:
    (row,) = analysis.records("model_counts", benchmark, model)
    unit, every = (benchmark, model), ("outcome", "any")
    failed = Rows(
        rate(row[c.FAILED_ROWS], row[c.ROWS_JUDGED]), (("benchmark", benchmark), ("model", model)), strong=True
    )
    yield Paragraph(
        (
            f"{words('run', row[c.RUNS])}; failed rows ",
            failed,
            "; incomplete rows ",
            count(row[c.INCOMPLETE_ROWS], unit, ("outcome", "incomplete")),
            "; ended session ",
            count(row[c.ENDED], unit, ("kind", c.ENDED), every),
            ", filled in after an ending ",
            count(row[c.ENDED_EARLY], unit, ("kind", c.ENDED_EARLY), every),
            "; empty response ",
            count(row[c.EMPTY_RESPONSE], unit, ("kind", c.EMPTY_RESPONSE), every),
            ".",
        )
    )
    if row[c.FAILED_ROWS]:
        yield _dimension_table(analysis, benchmark, model)
        yield from _modes(analysis, benchmark, model, points)
    else:
        yield Paragraph(("No judged row failed." if row[c.ROWS_JUDGED] else "No row was judged.",))
    if analysis.is_compared(benchmark):
        sets = analysis.records("turn_sets", benchmark, model)
        yield BulletList(
            tuple(
                labelled_turns(title, [row[c.TURN] for row in sets if row[c.SET] == name], benchmark)
                for title, name in (("Fails alone", c.UNIQUE_FAIL), ("Passes alone", c.UNIQUE_PASS))
            )
        )


def _dimension_table(analysis: Analysis, benchmark: str, model: str) -> Block:
    rows = analysis.records("dimension_counts", benchmark, model)
    ranked = sorted(rows, key=lambda row: (-row[c.FAILED], row[c.DIMENSION]))
    return table(
        ["failed dimension", "failed of scored"],
        [
            (
                Code(row[c.DIMENSION]),
                fraction(row[c.FAILED], row[c.SCORED], (benchmark, model), ("dimension", row[c.DIMENSION])),
            )
            for row in ranked
        ],
    )


def _modes(analysis: Analysis, benchmark: str, model: str, points: dict[str, list[Datapoint]]) -> Iterator[Block]:
    parent = analysis.review.buckets.parent
    failures: dict[str, list[Record]] = {}
    for failure in analysis.failure_records(benchmark, model):
        failures.setdefault(parent(failure[c.BUCKET]), []).append(failure)
    total = sum(map(len, failures.values()))
    standings = {s.bucket: s for s in analysis.review.standings if s.unit == (benchmark, model)}
    for bucket, datapoints in points.items():
        yield from _of_bucket(analysis, standings[bucket], failures[bucket], total)
        yield from datapoints
    reviewed = {row.row_id for row in analysis.review.decided}
    minor: list[Inline] = []
    for bucket, rows in sorted(failures.items()):
        if bucket not in points:
            done = sum(row[c.ROW_ID] in reviewed for row in rows)
            sizes = _sizes((benchmark, model), bucket, done, len(rows) - done)
            minor += ["; ", f"{bucket} ", sizes[0], " reviewed, ", sizes[1], " provisional"]
    if minor:
        yield Paragraph(("Minor: ", *minor[1:], "."))
    for bucket in sorted(failures.keys() - points.keys()):
        yield from _findings(analysis.review.findings_on((benchmark, model), bucket))


def _of_bucket(analysis: Analysis, standing: BucketStatus, rows: list[Record], total: int) -> Iterator[Block]:
    """Describe a major bucket of a model: its size, the finding, what it costs, where it happens."""
    text = describe_bucket(standing.bucket)
    reviewed = {row.row_id: row for row in analysis.review.decided}
    decided = [reviewed[row[c.ROW_ID]] for row in rows if row[c.ROW_ID] in reviewed]
    sizes = _sizes(standing.unit, standing.bucket, len(decided), len(rows) - len(decided))
    named = (f"{text.name} (", Code(standing.bucket), "): reviewed ", sizes[0], ", provisional ", sizes[1])
    yield Heading(4, (*named, f", of {words('failed row', total)}"))
    counts = Counter(row.settled.decision.bucket for row in decided if row.settled.decision)
    finer = {name: count(n, standing.unit, ("bucket", name)) for name, n in counts.items() if name != standing.bucket}
    if parts := [part for name, number in finer.items() for part in (", ", f"{name} ", number)]:
        yield Paragraph(("Named more finely: ", *parts[1:], "."))
    findings = analysis.review.findings_on(standing.unit, standing.bucket)
    yield from _findings(findings) if findings else _usual(standing, text.what_goes_wrong)
    yield _costs(standing, rows, decided)
    yield Paragraph(labelled_turns("Turns", {row[c.TURN] for row in rows}, standing.unit[0]))


def _sizes(unit: Unit, bucket: str, reviewed: int, provisional: int) -> tuple[Inline, Inline]:
    """Count a bucket's rows, reviewed and provisional ones apart."""
    of_bucket, still_open = ("bucket", f"+{bucket}"), [("state", state) for state in OPEN_STATES]
    return (
        count(reviewed, unit, of_bucket, ("state", "decided")),
        count(provisional, unit, of_bucket, *still_open),
    )


def _findings(findings: list[Finding]) -> Iterator[Block]:
    for finding in findings:
        rows = [part for row_id in finding.row_ids for part in (", ", Code(row_id))][1:]
        who = f" Found by {finding.reviewer} ({finding.reviewer_kind}) in "
        name = "" if finding.bucket in MODES else f" ({finding.bucket})"
        yield Paragraph((Strong("What goes wrong"), f"{name}: {_sentence(finding.what_goes_wrong)}"))
        yield Paragraph((Strong("Triggers"), f": {_sentence(finding.triggers)}{who}", *rows, "."))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _usual(standing: BucketStatus, what: str) -> Iterator[Block]:
    """Say what such errors are, where nobody has described this model's."""
    yield Paragraph((what,))
    if standing.state == "not_confirmed":
        yield Paragraph((Strong("Not confirmed"), f" ({standing.stayed} of {standing.tried})."))


def _costs(standing: BucketStatus, rows: list[Record], decided: list[ReviewedRow]) -> Block:
    """Count the failed dimensions: as root or consequence where a reviewer said so, else as they came."""
    root, secondary = Counter[str](), Counter[str]()
    for row in decided:
        consequences = set(row.settled.decision.secondary_dimensions if row.settled.decision else ())
        secondary.update(name for name in row.failed_dimensions if name in consequences)
        root.update(name for name in row.failed_dimensions if name not in consequences)
    known = {row.row_id for row in decided}
    open_rows = Counter(name for row in rows if row[c.ROW_ID] not in known for name in row[c.FAILED_DIMENSIONS])
    ranked = sorted({*root, *secondary, *open_rows}, key=lambda n: (-root[n] - secondary[n] - open_rows[n], n))
    unit, bucket = standing.unit, ("bucket", f"+{standing.bucket}")
    still_open = [("state", state) for state in OPEN_STATES]
    if not decided:
        cost = [
            part
            for name in ranked
            for part in (
                ", ",
                f"{name} ",
                counted(open_rows[name], f"{open_rows[name]}/{len(rows)}", unit, bucket, ("dimension", name)),
            )
        ]
        return Paragraph((Strong("Dimensions it costs"), ": ", *cost[1:], "."))
    return table(
        ["dimension it costs", "root, reviewed", "secondary, reviewed", "provisional"],
        [
            (
                Code(name),
                count(root[name], unit, bucket, ("root", name)),
                count(secondary[name], unit, bucket, ("secondary", name)),
                count(open_rows[name], unit, bucket, ("dimension", name), *still_open),
            )
            for name in ranked
        ],
    )


SECTION = Section(70, _build)
