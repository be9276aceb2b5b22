"""The top line: per model the runs, failed rows, ended sessions, empty responses, and worst dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.sections.interface import Section, count, counted, fraction, per_benchmark, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis, Record
    from pipeline.ledger.gate import Unit
    from pipeline.report.blocks import Block, Inline, Inlines

_TOP_DIMENSIONS = 3


def _build(analysis: Analysis) -> Iterator[Block]:
    yield Heading(2, ("Top line",))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(analysis, benchmark))


def _of_benchmark(analysis: Analysis, benchmark: str) -> Iterator[Block]:
    counts = analysis.records("model_counts", benchmark)
    early = any(row[c.EARLY_FAILED_ROWS] for row in counts)
    header = [analysis.options.compare_by, "runs", "failed rows"]
    header += ["failed without early"] if early else []
    header += ["incomplete rows", "ended session", "empty response", "top failed dimensions"]
    yield table(
        header,
        [tuple(_row(analysis, row, early=early)) for row in counts],
        words_in=("top failed dimensions",),
    )
    if early:
        what = (
            "Rows marked early were filled in after the session had ended; they are consequences of that ending, "
            "not new mistakes."
        )
        yield Paragraph((what,))


def _row(analysis: Analysis, row: Record, *, early: bool) -> Iterator[Inline | Inlines]:
    unit = (row[c.BENCHMARK], row[c.MODEL])
    every = ("outcome", "any")
    yield row[c.MODEL]
    yield str(row[c.RUNS])
    yield fraction(row[c.FAILED_ROWS], row[c.ROWS_JUDGED], unit)
    if early:
        yield count(row[c.FAILED_ROWS] - row[c.EARLY_FAILED_ROWS], unit, ("early", "no"))
    yield count(row[c.INCOMPLETE_ROWS], unit, ("outcome", "incomplete"))
    ended = count(row[c.ENDED], unit, ("kind", c.ENDED), every)
    after = counted(row[c.ENDED_EARLY], f"{row[c.ENDED_EARLY]} early", unit, ("kind", c.ENDED_EARLY), every)
    yield (ended, " + ", after) if row[c.ENDED_EARLY] else ended
    yield count(row[c.EMPTY_RESPONSE], unit, ("kind", c.EMPTY_RESPONSE), every)
    yield _top_dimensions(analysis, unit)


def _top_dimensions(analysis: Analysis, unit: Unit) -> Inlines:
    rows = [row for row in analysis.records("dimension_counts", *unit) if row[c.FAILED]]
    top = sorted(rows, key=lambda row: (-row[c.FAILED], row[c.DIMENSION]))[:_TOP_DIMENSIONS]
    named = [(row[c.DIMENSION], count(row[c.FAILED], unit, ("dimension", row[c.DIMENSION]))) for row in top]
    parts = [part for name, number in named for part in (", ", f"{name} ", number)]
    return tuple(parts[1:]) or ("none",)


SECTION = Section(30, _build)
