"""The review: its progress, what the gate still asks for, and which decisions are not counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.ledger.settle import OPEN_STATES
from pipeline.report.blocks import BulletList, Code, Heading, Paragraph, Rows, Strong
from pipeline.report.sections.interface import Section, count, rate, table
from pipeline.report.text import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.ledger.events import Decision
    from pipeline.ledger.gate import BucketStatus, Unit
    from pipeline.ledger.review import Review
    from pipeline.report.blocks import Block, Inlines
    from pipeline.report.rows import AnalysisRows

_MOST = 40


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    if not analysis.failed_rows:
        return
    review = analysis.review
    several = len(analysis.benchmarks) > 1
    yield Heading(2, ("Review",), "background")
    yield Paragraph(tuple(_progress(review)))
    if review.missing:
        yield Paragraph(("Before this report can be final, the gate asks for:",))
        yield table(
            [analysis.options.compare_by, "bucket", "provisional", "reviewed", "needed", "finding"],
            [
                (
                    _unit(standing.unit, several=several),
                    Code(standing.bucket),
                    count(standing.rows - standing.decided, standing.unit, *_rows(standing, *OPEN_STATES)),
                    count(standing.decided, standing.unit, *_rows(standing, "decided")),
                    str(standing.rows_needed),
                    "yes" if standing.finding else "no",
                )
                for standing in review.missing
            ],
            words_in=("bucket", "finding"),
        )
    unconfirmed: list[Inlines] = [
        (
            _unit(standing.unit, several=several),
            ": ",
            Code(standing.bucket),
            f" ({standing.stayed} of {standing.tried})",
        )
        for standing in review.standings
        if standing.state == "not_confirmed"
    ]
    if unconfirmed:
        what = " so many of the rows that the rules had put there were decided to be something else."
        yield Paragraph((Strong("Not confirmed"), ":", what))
        yield BulletList(tuple(unconfirmed))
    lost = [f"{f.bucket} of {f.model_name} (by {f.reviewer})" for f in review.findings if not review.stands(f)]
    if lost:
        what = "rows that they cite are not, or no longer, decided into the bucket"
        yield Paragraph((Strong("Findings that do not stand"), f" ({what}): {'; '.join(lost)}."))
    yield from _listed("Disputed", "reviewers differ", [row.row_id for row in review.in_state("disputed")])
    yield from _listed(
        "Stale", "the row has changed since it was decided", [row.row_id for row in review.in_state("stale")]
    )
    yield from _listed("Controls", "rows that did not fail and were decided all the same", _controls(review))
    yield from _listed("Orphaned", "decided rows that are gone or no longer fail", _named(review.orphaned))
    yield from _listed("Undeclared", "decisions into buckets that nobody declared", _named(review.undeclared))


def _progress(review: Review) -> Iterator[str | Rows]:
    """Yield how many failed rows are decided, by whom, and how many are in the other states."""
    yield Rows(rate(len(review.decided), review.failed_rows), (("state", "decided"),), strong=True)
    yield " of the failed rows were read and decided"
    reviewers = {event.who for row in review.rows for event in row.settled.fitting}
    if reviewers:
        yield f", by {', '.join(f'{name} ({kind})' for name, kind in sorted(reviewers))}"
    for state in ("opened", "disputed", "stale"):
        if number := len(review.in_state(state)):
            yield "; "
            yield Rows(f"{number} {state}", (("state", state),))
    yield ". Disputed and stale rows count as not reviewed."
    if not review.missing:
        yield " The gate is met."


def _rows(standing: BucketStatus, *states: str) -> Iterator[tuple[str, str]]:
    """Yield the `where` of the rows that the gate counts for a bucket."""
    yield from (("bucket", f"+{standing.bucket}"), ("early", "no"))
    yield from (("state", state) for state in states)


def _controls(review: Review) -> list[str]:
    return [
        f"{row.row_id} ({', '.join(sorted({event.bucket for event in row.settled.fitting}))})"
        for row in review.controls
    ]


def _named(decisions: Iterable[Decision]) -> list[str]:
    of_row: dict[str, dict[str, None]] = {}
    for event in decisions:
        of_row.setdefault(event.row_id, {})[event.bucket] = None
    return [f"{row_id} ({', '.join(buckets)})" for row_id, buckets in of_row.items()]


def _listed(title: str, what: str, names: list[str]) -> Iterator[Block]:
    if names:
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        listed = ", ".join(names[:_MOST])
        yield Paragraph((Strong(title), f" ({words('row', len(names))}: {what}; counted nowhere): {listed}{more}."))


def _unit(unit: Unit, *, several: bool) -> str:
    """Return the name of what is compared, with its benchmark if there are several."""
    return ": ".join(unit) if several else unit[1]


SECTION = Section(44, _build)
