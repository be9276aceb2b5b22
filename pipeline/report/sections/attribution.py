"""Whose fault: attributions per model, and the failure rate before and after them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.ledger.codebook import ATTRIBUTIONS
from pipeline.ledger.settle import OPEN_STATES
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.sections.interface import Section, count, fraction, per_benchmark, rate, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.report.blocks import Block, Inlines
    from pipeline.report.frames import Record
    from pipeline.report.rows import AnalysisRows


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    if not analysis.review.decided:
        return
    yield Heading(2, ("Whose fault",))
    what = (
        "Before: failed rows over judged rows. After: rows settled as the grader's or the reference's fault leave the "
        "failed ones, rows settled as the pipeline's fault leave both; mixed, unreviewed, disputed and stale rows stay "
        "failures. The one does not stand for the other: after can still fall as long as rows are not settled."
    )
    yield Paragraph((what,))
    settled = _settled(rows)
    header = [analysis.options.compare_by, *ATTRIBUTIONS, "not settled", "failed before", "failed after"]
    yield from per_benchmark(
        analysis,
        lambda benchmark: [table(header, [_cells(row, settled) for row in rows.models[benchmark]])],
    )


def _settled(rows: AnalysisRows) -> Counter[tuple[str, str, str]]:
    """Return the number of settled rows by benchmark, model (or run) and attribution."""
    by_id = rows.analysis.review.by_id
    counts: Counter[tuple[str, str, str]] = Counter()
    for failed in rows.all_failures():
        row = by_id.get(failed.row_id)
        if row and row.settled.decision is not None:
            counts[failed.benchmark_name, failed.model_name, row.settled.decision.attribution] += 1
    return counts


def _cells(row: Record, counts: Mapping[tuple[str, str, str], int]) -> Inlines:
    unit = (row.benchmark_name, row.model_name)
    settled = {name: counts[*unit, name] for name in ATTRIBUTIONS}
    after = row.failed_rows - settled["grader"] - settled["reference"] - settled["pipeline"]
    return (
        row.model_name,
        *(count(number, unit, ("attribution", name)) for name, number in settled.items()),
        count(row.failed_rows - sum(settled.values()), unit, *((("state", state)) for state in OPEN_STATES)),
        fraction(row.failed_rows, row.rows_judged, unit),
        rate(after, row.rows_judged - settled["pipeline"]),
    )


SECTION = Section(30, _build)
