"""Failed dimensions: model x dimension, each rate with its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.frames import of_benchmark, pivoted
from pipeline.report.sections.interface import Section, fraction, per_benchmark, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Block


def _build(analysis: Analysis) -> Iterator[Block]:
    yield Heading(2, (f"Failed dimensions by {analysis.options.compare_by}",))
    yield Paragraph(("Failed over scored; a row may fail several dimensions.",))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(analysis, benchmark))


def _of_benchmark(analysis: Analysis, benchmark: str) -> Iterator[Block]:
    counts = of_benchmark(analysis.dimension_counts, benchmark)
    models, dimensions = analysis.models(benchmark), counts["dimension"].unique()
    failed, scored = (
        pivoted(counts, values, ("model_name", models), ("dimension", dimensions)).to_numpy().tolist()
        for values in ("failed", "scored")
    )
    yield table(
        [analysis.options.compare_by, *dimensions],
        [
            (
                model,
                *(
                    fraction(part, whole, (benchmark, model), ("dimension", dimension))
                    for dimension, part, whole in zip(dimensions, parts, wholes, strict=True)
                ),
            )
            for model, parts, wholes in zip(models, failed, scored, strict=True)
        ],
    )


SECTION = Section(40, _build)
