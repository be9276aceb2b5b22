"""Whose fault: attributions per model, and the failure rate before and after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.ledger.codebook import ATTRIBUTIONS
from pipeline.ledger.settle import OPEN_STATES
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.frames import MODEL, failures_by_model, of_benchmark, records
from pipeline.report.sections.interface import Section, count, fraction, per_benchmark, rate, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Block, Inlines
    from pipeline.report.frames import Record


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
    counts = _counts(analysis)
    header = [analysis.options.compare_by, *ATTRIBUTIONS, "not settled", "failed before", "failed after"]
    yield from per_benchmark(
        analysis,
        lambda benchmark: [table(header, map(_cells, records(of_benchmark(counts, benchmark))))],
    )


def _counts(analysis: Analysis) -> pd.DataFrame:
    """Return one row per benchmark x model: the model counts, and a column of settled rows per attribution."""
    decided = analysis.reviews.loc[analysis.reviews["review_state"] == "decided", ["row_id", "attribution"]]
    rows = failures_by_model(analysis).merge(decided, on="row_id", validate="one_to_one")
    settled = pd.crosstab([rows[name] for name in MODEL], rows["attribution"]).reindex(
        columns=ATTRIBUTIONS, fill_value=0
    )
    counts = analysis.model_counts.merge(settled, how="left", on=MODEL, validate="one_to_one")
    return counts.fillna(dict.fromkeys(ATTRIBUTIONS, 0)).astype(dict.fromkeys(ATTRIBUTIONS, "int64"))


def _cells(row: Record) -> Inlines:
    unit = (row.benchmark_name, row.model_name)
    settled = {name: getattr(row, name) for name in ATTRIBUTIONS}
    after = row.failed_rows - settled["grader"] - settled["reference"] - settled["pipeline"]
    return (
        row.model_name,
        *(count(number, unit, ("attribution", name)) for name, number in settled.items()),
        count(row.failed_rows - sum(settled.values()), unit, *((("state", state)) for state in OPEN_STATES)),
        fraction(row.failed_rows, row.rows_judged, unit),
        rate(after, row.rows_judged - settled["pipeline"]),
    )


SECTION = Section(54, _build)
