"""Recurring phrases: what the judge says again and again in `other` and in the large error modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.blocks import BulletList, Code, Heading, Paragraph, Rows, Strong
from pipeline.report.frames import grouped
from pipeline.report.sections.interface import Section, listed, per_benchmark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.report.blocks import Block, Inlines
    from pipeline.report.frames import Record
    from pipeline.report.rows import AnalysisRows


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    if not len(analysis.recurring):
        return
    yield Heading(2, ("Recurring phrases by error mode",))
    what = (
        "Phrases that the judge uses in several failed rows of an error mode, more often than in the others. They may "
        "point to a common cause that has no error mode of its own."
    )
    yield Paragraph((what,))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(rows, benchmark))


def _of_benchmark(rows: AnalysisRows, benchmark: str) -> Iterator[Block]:
    of_mode = grouped(rows.analysis.recurring, ["benchmark_name", "error_mode"])
    modes = [mode for of_benchmark, mode in of_mode if of_benchmark == benchmark]
    if not modes:
        yield Paragraph(("None.",))
        return
    yield BulletList(tuple(_of_mode(benchmark, mode, of_mode[benchmark, mode]) for mode in modes))


def _of_mode(benchmark: str, mode: str, phrases: Sequence[Record]) -> Inlines:
    read = phrases[0].rows_read
    named = Rows(mode, (("benchmark", benchmark), ("mode", mode)), strong=True)
    items: list[Inlines] = [
        (Strong(f"“{phrase.phrase}”"), f" ({phrase.failed_rows} rows, e.g. ", Code(phrase.row_id), ")")
        for phrase in phrases
    ]
    whole = f"{read} {'row' if read == 1 else 'rows'}"
    return ("Recurring in ", named, f" ({whole} read): ", *listed(items, "; "))


SECTION = Section(52, _build)
