"""Whether the runs of a benchmark are comparable, above any number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.report.blocks import Paragraph, Strong
from pipeline.report.sections.interface import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows


def _build(rows: AnalysisRows) -> Iterator[Block]:
    for note in rows.analysis.notes:
        if note.what.startswith(c.UNLIKE):
            yield Paragraph((Strong(f"Not comparable without care: {note.where}"), f": {note.what}."))


SECTION = Section(0, _build)
