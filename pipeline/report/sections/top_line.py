"""The top line: per model the runs, failed rows, ended sessions, empty responses, and worst dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.sections.interface import Section, count, counted, fraction, listed, per_benchmark, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block, Inline, Inlines
    from pipeline.report.frames import Record
    from pipeline.report.rows import AnalysisRows

_TOP_DIMENSIONS = 3
_FROM_THE_HARNESS = ("expected_endings", "pipeline_losses")


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    yield Heading(2, ("Top line",))

    def build(benchmark: str) -> Iterator[Block]:
        early = any(row.early_failed_rows for row in rows.models[benchmark])
        header = [analysis.options.compare_by, "runs", "failed rows"]
        header += ["failed without early"] if early else []
        harness = [name for name in _FROM_THE_HARNESS if any(getattr(row, name) for row in rows.models[benchmark])]
        header += ["incomplete rows", "ended session", "empty response"]
        header += [name.replace("_", " ") for name in harness] + ["top failed dimensions"]
        yield table(
            header,
            [tuple(_cells(row, _worst(rows, row), harness, early=early)) for row in rows.models[benchmark]],
            words_in=("top failed dimensions",),
        )
        if early:
            what = (
                "Rows marked early were filled in after the session had ended; they are consequences of that ending, "
                "not new mistakes."
            )
            yield Paragraph((what,))
        if harness:
            what = (
                "Expected endings ended the session where it should end. Pipeline losses are turns that the harness "
                "lost or excluded: neither passed nor failed."
            )
            yield Paragraph((what,))

    yield from per_benchmark(analysis, build)


def _worst(rows: AnalysisRows, row: Record) -> list[Record]:
    """Return the three most failed dimensions of a model."""
    worst = rows.worst_dimensions((row.benchmark_name, row.model_name))
    return [dimension for dimension in worst[:_TOP_DIMENSIONS] if dimension.failed]


def _cells(row: Record, dimensions: list[Record], harness: list[str], *, early: bool) -> Iterator[Inline | Inlines]:
    unit = (row.benchmark_name, row.model_name)
    every = ("outcome", "any")
    yield row.model_name
    yield str(row.runs)
    yield fraction(row.failed_rows, row.rows_judged, unit)
    if early:
        yield count(row.failed_rows - row.early_failed_rows, unit, ("early", "no"))
    yield count(row.incomplete_rows, unit, ("outcome", "incomplete"))
    ended = count(row.model_ended_session, unit, ("kind", c.ENDED), every)
    filled_in = row.model_ended_session_early
    after = counted(filled_in, f"{filled_in} early", unit, ("kind", c.ENDED_EARLY), every)
    yield (ended, " + ", after) if filled_in else ended
    yield count(row.empty_response, unit, ("kind", c.EMPTY_RESPONSE), every)
    if "expected_endings" in harness:
        yield count(row.expected_endings, unit, ("kind", c.EXPECTED_ENDING), every)
    if "pipeline_losses" in harness:
        yield str(row.pipeline_losses)
    named = [(f"{top.dimension} ", count(top.failed, unit, ("dimension", top.dimension))) for top in dimensions]
    yield tuple(listed(named)) or ("none",)


SECTION = Section(3, _build)
