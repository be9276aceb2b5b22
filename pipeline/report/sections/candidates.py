"""Candidates for a wrong verdict: rows whose calls, or whose tool results, speak against the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.report.blocks import Code, Heading, Paragraph
from pipeline.report.frames import grouped
from pipeline.report.sections.interface import Section, per_benchmark, table
from pipeline.schema import VERDICT_CANDIDATES_PARQUET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows

_SHOWN: Final = 20


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    if not len(analysis.verdict_candidates):
        return
    yield Heading(2, ("Candidates for a wrong verdict",))
    what = "A check of calls and texts speaks against the judge here. Read these rows before you trust their verdict."
    yield Paragraph((what,))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(rows, benchmark))


def _of_benchmark(rows: AnalysisRows, benchmark: str) -> Iterator[Block]:
    found = grouped(rows.analysis.verdict_candidates, ["benchmark_name"])[benchmark]
    if not found:
        yield Paragraph(("None.",))
        return
    header = ["row", "model", "turn", "reason"]
    shown = [(Code(row.row_id), row.model_name, str(row.turn), row.reason) for row in found[:_SHOWN]]
    yield table(header, shown, words_in=("model", "reason"))
    if len(found) > _SHOWN:
        yield Paragraph((f"{len(found) - _SHOWN} more are in ", Code(VERDICT_CANDIDATES_PARQUET), "."))


SECTION = Section(28, _build)
