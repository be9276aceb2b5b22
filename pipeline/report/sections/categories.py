"""Failures by category: model x category, each rate with its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.report.blocks import Code, Heading, Paragraph
from pipeline.report.frames import grouped
from pipeline.report.sections.interface import Section, per_benchmark, rate, table
from pipeline.schema import TURN_METADATA_PARQUET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows

_MOST: Final = 30
"""A column with more values than this is no category."""


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    if not len(analysis.category_counts):
        return
    yield Heading(2, (f"Failures by category and {analysis.options.compare_by}",))
    yield Paragraph(("Failed rows over judged rows of the turns in a category; a turn may be in several.",))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(rows, benchmark))


def _of_benchmark(rows: AnalysisRows, benchmark: str) -> Iterator[Block]:
    analysis = rows.analysis
    models = analysis.models(benchmark)
    by_column = grouped(analysis.category_counts, ["benchmark_name", "column"])
    for (of_benchmark, column), counts in by_column.items():
        if of_benchmark != benchmark:
            continue
        values = list(dict.fromkeys(row.value for row in counts))
        if len(values) > _MOST:
            what = f" has {len(values)} values, too many for a table; they are in "
            yield Paragraph((Code(column), what, Code(TURN_METADATA_PARQUET), "."))
            continue
        cells = {(row.value, row.model_name): rate(row.failed_rows, row.rows_judged) for row in counts}
        yield table([column, *models], [(value, *(cells[value, model] for model in models)) for value in values])


SECTION = Section(50, _build)
