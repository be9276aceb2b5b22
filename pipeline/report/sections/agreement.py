"""How often the rules were right: the provisional mode of decided rows against the reviewers' bucket."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.ledger.codebook import MODES, NO_MODEL_ERROR
from pipeline.report.blocks import Code, Heading, Paragraph, Rows, Strong
from pipeline.report.sections.interface import Section, rate, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block, Inline
    from pipeline.report.rows import AnalysisRows


def _build(rows: AnalysisRows) -> Iterator[Block]:
    review = rows.analysis.review
    if not review.decided:
        return
    confusion = Counter(
        (row.provisional_mode, review.buckets.parent(row.settled.decision.bucket))
        for row in review.decided
        if row.settled.decision is not None
    )
    right = sum(number for (mode, bucket), number in confusion.items() if mode == bucket)
    yield Heading(2, ("How often the rules were right",), "background")
    what = (
        ". Rows: what the rules said; columns: what the reviewers decided, finer buckets by their parents. These are "
        "the rows that were chosen for review, not a random sample."
    )
    yield Paragraph(
        (
            "Of the decided rows the provisional mode was the reviewers' in ",
            Strong(rate(right, len(review.decided))),
            what,
        )
    )
    said, decided = {mode for mode, _ in confusion}, {bucket for _, bucket in confusion}
    columns = [name for name in (*MODES, NO_MODEL_ERROR) if name in decided]
    yield table(
        ["the rules said", *columns],
        [
            (Code(mode), *(_cell(confusion[mode, name], mode, name) for name in columns))
            for mode in MODES
            if mode in said
        ],
    )


def _cell(number: int, mode: str, bucket: str) -> Inline:
    where = (("mode", mode), ("bucket", f"+{bucket}"), ("state", "decided"))
    return Rows(str(number), where) if number else ""


SECTION = Section(45, _build)
