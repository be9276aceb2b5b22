"""Failed dimensions: model x dimension, each rate with its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.sections.interface import Section, fraction, per_benchmark, rate, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    yield Heading(2, (f"Failed dimensions by {analysis.options.compare_by}",))
    yield Paragraph(("Failed over scored; a row may fail several dimensions.",))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(rows, benchmark))


def _of_benchmark(rows: AnalysisRows, benchmark: str) -> Iterator[Block]:
    units = [(benchmark, model) for model in rows.analysis.models(benchmark)]
    cells = {
        (row.model_name, row.dimension): fraction(row.failed, row.scored, unit, ("dimension", row.dimension))
        for unit in units
        for row in rows.dimensions[unit]
    }
    dimensions = list(dict.fromkeys(dimension for _, dimension in cells))
    yield table(
        [rows.analysis.options.compare_by, *dimensions],
        [(model, *(cells.get((model, name), rate(0, 0)) for name in dimensions)) for _, model in units],
    )


SECTION = Section(60, _build)
