"""How often the rules were right: the provisional mode of decided rows against the reviewers' bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.ledger.codebook import MODES, NO_MODEL_ERROR
from pipeline.report.blocks import Code, Heading, Paragraph, Rows, Strong
from pipeline.report.sections.interface import Section, rate, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Block, Inline


def _build(analysis: Analysis) -> Iterator[Block]:
    decided = analysis.reviews[analysis.reviews["review_state"] == "decided"]
    if decided.empty:
        return
    said = decided["provisional_mode"].astype("str")
    bucket = decided["bucket"].astype("str").map(analysis.review.buckets.parent)
    yield Heading(2, ("How often the rules were right",), "background")
    what = (
        ". Rows: what the rules said; columns: what the reviewers decided, finer buckets by their parents. These are "
        "the rows that were chosen for review, not a random sample."
    )
    yield Paragraph(
        (
            "Of the decided rows the provisional mode was the reviewers' in ",
            Strong(rate(int(said.eq(bucket).sum()), len(decided))),
            what,
        )
    )
    confusion = pd.crosstab(said, bucket)
    rows = [mode for mode in MODES if mode in confusion.index]
    columns = [name for name in (*MODES, NO_MODEL_ERROR) if name in confusion.columns]
    numbers = confusion.loc[rows, columns].to_numpy().tolist()
    yield table(
        ["the rules said", *columns],
        [
            (Code(mode), *(_cell(n, mode, name) for n, name in zip(line, columns, strict=True)))
            for mode, line in zip(rows, numbers, strict=True)
        ],
    )


def _cell(number: int, mode: str, bucket: str) -> Inline:
    where = (("mode", mode), ("bucket", f"+{bucket}"), ("state", "decided"))
    return Rows(str(number), where) if number else ""


SECTION = Section(80, _build)
