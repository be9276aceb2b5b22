"""Error modes: error mode x model, with counts and shares of the model's failed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.ledger.codebook import MODES
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.frames import of_benchmark, pivoted, records
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
    totals = {row.model_name: row.failed_rows for row in records(of_benchmark(analysis.model_counts, benchmark))}
    counts = of_benchmark(analysis.error_mode_counts, benchmark)
    wide = pivoted(counts, "failed_rows", ("error_mode", MODES), ("model_name", totals))
    yield table(
        ["error mode", *totals],
        [
            (
                mode,
                *(
                    fraction(number, failed, (benchmark, model), ("mode", mode))
                    for number, (model, failed) in zip(numbers, totals.items(), strict=True)
                ),
            )
            for mode, numbers in zip(MODES, wide.to_numpy().tolist(), strict=True)
        ],
    )


SECTION = Section(50, _build)
