"""Causes: per model and bucket the reviewed and the provisional rows, in separate columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.blocks import Code, Heading, Paragraph
from pipeline.report.frames import of_benchmark, records
from pipeline.report.sections.interface import Section, per_benchmark, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Block


def _build(analysis: Analysis) -> Iterator[Block]:
    if not analysis.review.decided:
        return
    yield Heading(2, (f"Causes by {analysis.options.compare_by}",), "drawn")
    what = (
        "Reviewed: failed rows that a reviewer read and decided into the bucket. Provisional: failed rows that the "
        "rules put there and nobody has settled."
    )
    yield Paragraph((what,))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(analysis, benchmark))


def _of_benchmark(analysis: Analysis, benchmark: str) -> Iterator[Block]:
    parent = analysis.review.buckets.parent
    counts = of_benchmark(analysis.bucket_counts, benchmark)
    yield table(
        [analysis.options.compare_by, "bucket", "counts for", "reviewed", "provisional"],
        [
            (
                row.model_name,
                Code(row.bucket),
                Code(parent(row.bucket)) if parent(row.bucket) != row.bucket else "",
                str(row.reviewed),
                str(row.provisional),
            )
            for row in records(counts)
        ],
        words_in=("bucket", "counts for"),
    )


SECTION = Section(52, _build)
