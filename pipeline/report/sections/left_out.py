"""What was left out on request, above any number: bad rows and missing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.report.blocks import Code, Paragraph, Strong
from pipeline.report.sections.interface import Section
from pipeline.report.text import some, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    if analysis.rejected:
        count = words("bad row", len(analysis.rejected))
        yield Paragraph(
            (Strong(f"{count} left out"), " of every count below; they are in ", Code(c.REJECTED_ROWS), ".")
        )
    if analysis.missing_runs:
        count = words("missing run", len(analysis.missing_runs))
        yield Paragraph((Strong(f"{count} left out"), f": {some(analysis.missing_runs)}."))


SECTION = Section(0, _build)
