"""The top line: per model the runs, failed rows, ended sessions, empty responses, and worst dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.document import Heading, Paragraph
from pipeline.sections.interface import Section, per_benchmark, rate, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis
    from pipeline.document import Block

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
        [
            (
                row[c.MODEL],
                str(row[c.RUNS]),
                rate(row[c.FAILED_ROWS], row[c.ROWS_JUDGED]),
                *((str(row[c.FAILED_ROWS] - row[c.EARLY_FAILED_ROWS]),) if early else ()),
                str(row[c.INCOMPLETE_ROWS]),
                f"{row[c.ENDED]} + {row[c.ENDED_EARLY]} early" if row[c.ENDED_EARLY] else str(row[c.ENDED]),
                str(row[c.EMPTY_RESPONSE]),
                _top_dimensions(analysis, benchmark, row[c.MODEL]),
            )
            for row in counts
        ],
        words_in=("top failed dimensions",),
    )
    if early:
        what = (
            "Rows marked early were filled in after the session had ended; they are consequences of that ending, "
            "not new mistakes."
        )
        yield Paragraph((what,))


def _top_dimensions(analysis: Analysis, benchmark: str, model: str) -> str:
    rows = [row for row in analysis.records("dimension_counts", benchmark, model) if row[c.FAILED]]
    top = sorted(rows, key=lambda row: (-row[c.FAILED], row[c.DIMENSION]))[:_TOP_DIMENSIONS]
    return ", ".join(f"{row[c.DIMENSION]} {row[c.FAILED]}" for row in top) or "none"


SECTION = Section(30, _build)
