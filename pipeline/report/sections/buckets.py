"""Causes: per model and bucket the reviewed and the provisional rows, in separate columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.blocks import Code, Heading, Paragraph
from pipeline.report.sections.interface import Section, per_benchmark, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    if not analysis.review.decided:
        return
    yield Heading(2, (f"Causes by {analysis.options.compare_by}",), "drawn")
    what = (
        "Reviewed: failed rows that a reviewer read and decided into the bucket. Provisional: failed rows that the "
        "rules put there and nobody has settled, by labels of which some are tentative."
    )
    yield Paragraph((what,))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(rows, benchmark))


def _of_benchmark(rows: AnalysisRows, benchmark: str) -> Iterator[Block]:
    analysis = rows.analysis
    parent = analysis.review.buckets.parent
    yield table(
        [analysis.options.compare_by, "bucket", "counts for", "reviewed", "provisional"],
        [
            (
                row.model_name,
                Code(row.bucket),
                Code(parent(row.bucket)) if parent(row.bucket) != row.bucket else "",
                str(row.reviewed),
                f"{row.provisional} ({row.tentative} tentative)" if row.tentative else str(row.provisional),
            )
            for model in analysis.models(benchmark)
            for row in rows.buckets[benchmark, model]
        ],
        words_in=("bucket", "counts for"),
    )


SECTION = Section(4, _build)
