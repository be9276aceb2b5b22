"""Artifact notes: what the checks found, most severe first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, get_args

from pipeline import schema as c
from pipeline.report.blocks import Code, Heading, Paragraph
from pipeline.report.sections.interface import Section, table
from pipeline.report.text import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows

_PER_PLACE = 20
_MOST = 500


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    yield Heading(2, ("Artifact notes",), "background")
    if not analysis.notes:
        yield Paragraph(("The checks found nothing to remark.",))
        return
    seen: Counter[str] = Counter()
    shown: list[tuple[str, Code, str]] = []
    for severity in get_args(c.Severity):
        for note in analysis.notes:
            file = note.where.partition(":")[0]
            if note.severity == severity:
                seen[file] += 1
                if seen[file] <= _PER_PLACE and len(shown) < _MOST:
                    shown.append((note.severity, Code(note.where), note.what))
    yield table(["severity", "where", "what"], shown, words_in=("where", "what"))
    if left := len(analysis.notes) - len(shown):
        which = "more" if len(shown) == _MOST else "more of the same files"
        yield Paragraph((f"And {words('note', left)} {which}, in ", Code(c.ANALYSIS_JSON), "."))


SECTION = Section(82, _build)
