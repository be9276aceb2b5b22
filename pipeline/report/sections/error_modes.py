"""Error modes: error mode x model, with counts and shares of the model's failed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.ledger.codebook import MODES
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.sections.interface import Section, fraction, per_benchmark, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    yield Heading(2, (f"Provisional error modes by {analysis.options.compare_by}",))
    what = (
        "Put on each failed row by rules that read the response's shape, the failed dimensions and the judge's words. "
        "They order the review; they are not its result. Counted over the failed rows of each."
    )
    yield Paragraph((what,))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(rows, benchmark))


def _of_benchmark(rows: AnalysisRows, benchmark: str) -> Iterator[Block]:
    totals = {row.model_name: row.failed_rows for row in rows.models[benchmark]}
    counts = {
        (model, row.error_mode): row.failed_rows for model in totals for row in rows.error_modes[benchmark, model]
    }
    yield table(
        ["error mode", *totals],
        [
            (
                mode,
                *(
                    fraction(counts.get((model, mode), 0), failed, (benchmark, model), ("mode", mode))
                    for model, failed in totals.items()
                ),
            )
            for mode in MODES
        ],
    )


SECTION = Section(50, _build)
