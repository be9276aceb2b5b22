"""Causes: bucket by bucket what reviewers decided and what the rules still say, never added up unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.report.blocks import Code, Heading, Paragraph
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
    counts = [
        row for model in analysis.models(benchmark) for row in analysis.records("bucket_counts", benchmark, model)
    ]
    yield table(
        [analysis.options.compare_by, "bucket", "counts for", "reviewed", "provisional"],
        [
            (
                row[c.MODEL],
                Code(row[c.BUCKET]),
                Code(parent(row[c.BUCKET])) if parent(row[c.BUCKET]) != row[c.BUCKET] else "",
                str(row[c.REVIEWED]),
                str(row[c.PROVISIONAL]),
            )
            for row in counts
        ],
        words_in=("bucket", "counts for"),
    )


SECTION = Section(52, _build)
