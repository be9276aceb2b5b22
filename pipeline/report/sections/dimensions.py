"""Failed dimensions: model x dimension, each rate with its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.sections.interface import Section, fraction, per_benchmark, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis, Record
    from pipeline.report.blocks import Block, Inline


def _build(analysis: Analysis) -> Iterator[Block]:
    yield Heading(2, (f"Failed dimensions by {analysis.options.compare_by}",))
    yield Paragraph(("Failed over scored; a row may fail several dimensions.",))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(analysis, benchmark))


def _of_benchmark(analysis: Analysis, benchmark: str) -> Iterator[Block]:
    counts = analysis.records("dimension_counts", benchmark)
    cells = {(row[c.MODEL], row[c.DIMENSION]): _rate(row) for row in counts}
    dimensions = list(dict.fromkeys(row[c.DIMENSION] for row in counts))
    yield table(
        [analysis.options.compare_by, *dimensions],
        [
            (model, *(cells.get((model, dimension), "not measured") for dimension in dimensions))
            for model in analysis.models(benchmark)
        ],
    )


def _rate(row: Record) -> Inline:
    unit = (row[c.BENCHMARK], row[c.MODEL])
    return fraction(row[c.FAILED], row[c.SCORED], unit, ("dimension", row[c.DIMENSION]))


SECTION = Section(40, _build)
