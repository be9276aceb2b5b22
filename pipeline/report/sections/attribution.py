"""Whose fault: attributions per model, and the failure rate before and after them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.ledger.codebook import ATTRIBUTIONS
from pipeline.ledger.review import unit_of
from pipeline.ledger.settle import OPEN_STATES
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.sections.interface import Section, count, fraction, per_benchmark, rate, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis, Record
    from pipeline.ledger.gate import Unit
    from pipeline.report.blocks import Block, Inlines


def _build(analysis: Analysis) -> Iterator[Block]:
    if not analysis.review.decided:
        return
    yield Heading(2, ("Whose fault",))
    what = (
        "Before: failed rows over judged rows. After: rows settled as the grader's or the reference's fault leave the "
        "failed ones, rows settled as the pipeline's fault leave both; mixed, unreviewed, disputed and stale rows stay "
        "failures. The one does not stand for the other: after can still fall as long as rows are not settled."
    )
    yield Paragraph((what,))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(analysis, benchmark))


def _of_benchmark(analysis: Analysis, benchmark: str) -> Iterator[Block]:
    settled: dict[str, Counter[str]] = {}
    for row in analysis.review.decided:
        unit = unit_of(row, analysis.options.compare_by)
        if unit[0] == benchmark and row.settled.decision is not None:
            settled.setdefault(unit[1], Counter())[row.settled.decision.attribution] += 1
    counts = analysis.records("model_counts", benchmark)
    yield table(
        [analysis.options.compare_by, *ATTRIBUTIONS, "not settled", "failed before", "failed after"],
        [_row(row, settled.get(row[c.MODEL], Counter()), (benchmark, row[c.MODEL])) for row in counts],
    )


def _row(row: Record, settled: Counter[str], unit: Unit) -> Inlines:
    failed, judged = row[c.FAILED_ROWS], row[c.ROWS_JUDGED]
    left = failed - sum(settled.values())
    after = failed - settled["grader"] - settled["reference"] - settled["pipeline"]
    return (
        row[c.MODEL],
        *(count(settled[name], unit, ("attribution", name)) for name in ATTRIBUTIONS),
        count(left, unit, *((("state", state)) for state in OPEN_STATES)),
        fraction(failed, judged, unit),
        rate(after, judged - settled["pipeline"]),
    )


SECTION = Section(54, _build)
