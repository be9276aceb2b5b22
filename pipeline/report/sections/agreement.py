"""How often the rules were right: the provisional mode of decided rows against what the reviewers decided."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.ledger.codebook import MODES, NO_MODEL_ERROR
from pipeline.report.blocks import Code, Heading, Paragraph, Rows, Strong
from pipeline.report.sections.interface import Section, rate, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Block, Inline


def _build(analysis: Analysis) -> Iterator[Block]:
    review = analysis.review
    pairs = Counter(
        (row.provisional_mode, review.buckets.parent(row.settled.decision.bucket))
        for row in review.decided
        if row.settled.decision is not None
    )
    if not pairs:
        return
    alike = sum(n for (mode, bucket), n in pairs.items() if mode == bucket)
    yield Heading(2, ("How often the rules were right",), "background")
    what = (
        ". Rows: what the rules said; columns: what the reviewers decided, finer buckets by their parents. These are "
        "the rows that were chosen for review, not a random sample."
    )
    yield Paragraph(
        (
            "Of the decided rows the provisional mode was the reviewers' in ",
            Strong(rate(alike, sum(pairs.values()))),
            what,
        )
    )
    rows = [mode for mode in MODES if any(said == mode for said, _ in pairs)]
    columns = [bucket for bucket in (*MODES, NO_MODEL_ERROR) if any(decided == bucket for _, decided in pairs)]
    yield table(
        ["the rules said", *columns],
        [(Code(mode), *(_pairs(pairs[mode, bucket], mode, bucket) for bucket in columns)) for mode in rows],
    )


def _pairs(number: int, mode: str, bucket: str) -> Inline:
    where = (("mode", mode), ("bucket", f"+{bucket}"), ("state", "decided"))
    return Rows(str(number), where) if number else ""


SECTION = Section(80, _build)
