"""Error modes: model x error mode, with counts and shares of the model's failed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.ledger.codebook import MODES
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.sections.interface import Section, fraction, per_benchmark, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Block


def _build(analysis: Analysis) -> Iterator[Block]:
    yield Heading(2, (f"Provisional error modes by {analysis.options.compare_by}",))
    what = (
        "Put on each failed row by rules that read the response's shape, the failed dimensions and the judge's words. "
        "They order the review; they are not its result. Counted over the failed rows of each."
    )
    yield Paragraph((what,))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(analysis, benchmark))


def _of_benchmark(analysis: Analysis, benchmark: str) -> Iterator[Block]:
    counts = analysis.records("error_mode_counts", benchmark)
    cells = {(row[c.MODEL], row[c.ERROR_MODE]): row[c.FAILED_ROWS] for row in counts}
    models = [(row[c.MODEL], row[c.FAILED_ROWS]) for row in analysis.records("model_counts", benchmark)]
    yield table(
        ["error mode", *(model for model, _ in models)],
        [
            (
                mode,
                *(fraction(cells.get((model, mode), 0), n, (benchmark, model), ("mode", mode)) for model, n in models),
            )
            for mode in MODES
        ],
    )


SECTION = Section(50, _build)
