"""Causes to fix first: every cause x model, ranked by its share of the failed rows, with its best example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.ledger.codebook import describe_bucket
from pipeline.report.blocks import Code, Heading, Paragraph
from pipeline.report.sections.headline import judges_sentence
from pipeline.report.sections.interface import Section, count, fraction, per_benchmark, table, turn_ranges
from pipeline.report.text import shorten, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.gate import Unit
    from pipeline.report.blocks import Block, Inline, Inlines
    from pipeline.report.rows import AnalysisRows, ParentCounts

_MOST = 12
_EXAMPLE = 110


def _build(rows: AnalysisRows) -> Iterator[Block]:
    if not rows.analysis.failed_rows:
        return
    yield Heading(2, ("Causes to fix first",))
    what = (
        "Ranked by share of the failed rows of each, so that numbers of runs do not matter. Reviewed rows were "
        "decided by reviewers; provisional ones have a rule-assigned error mode."
    )
    yield Paragraph((what,))
    yield from per_benchmark(rows.analysis, lambda benchmark: _of_benchmark(rows, benchmark))


def _of_benchmark(rows: AnalysisRows, benchmark: str) -> Iterator[Block]:
    failed: dict[Unit, int] = {(benchmark, row.model_name): row.failed_rows for row in rows.models[benchmark]}
    sizes = [size for unit in failed for size in rows.parents[unit] if size.failed_rows]
    sizes.sort(key=lambda size: (-size.failed_rows / failed[size.unit], size.unit[1], size.parent))
    header = ["cause", rows.analysis.options.compare_by, "share of its failed rows", "reviewed", "provisional"]
    yield table(
        [*header, "turns", "example"],
        [_line(rows, size, failed[size.unit]) for size in sizes[:_MOST]],
        words_in=(rows.analysis.options.compare_by, "turns", "example"),
    )
    if len(sizes) > _MOST:
        left = words("smaller one", len(sizes) - _MOST)
        yield Paragraph((f"And {left}: see each {rows.analysis.options.compare_by} below.",))


def _line(rows: AnalysisRows, size: ParentCounts, failed: int) -> tuple[Inline | Inlines, ...]:
    where = ("bucket", f"+{size.parent}")
    in_bucket = rows.in_bucket[*size.unit, size.parent]
    turns = sorted({row.turn for row in in_bucket})
    name = describe_bucket(size.parent).name
    return (
        (f"{name} (", Code(size.parent), ")"),
        size.unit[1],
        fraction(size.failed_rows, failed, size.unit, where),
        count(size.reviewed, size.unit, where, ("state", "decided")),
        str(size.provisional),
        turn_ranges(turns, size.unit[0]),
        _example(rows, size),
    )


def _example(rows: AnalysisRows, size: ParentCounts) -> Inlines:
    """Return the judge's sentence on one row of a cause, and the row; a firm or reviewed one where there is one."""
    shown = rows.datapoints.get((*size.unit, size.parent), ())
    known = [row for row in shown if row.row_id in rows.evidence] if shown else []
    if not known:
        return (Code(rows.in_bucket[*size.unit, size.parent][0].row_id),)
    chosen = min(known, key=lambda row: row.tentative)
    said = shorten(judges_sentence(rows.evidence[chosen.row_id]), _EXAMPLE)
    return (f"“{said}” (", Code(chosen.row_id), ")")


SECTION = Section(2, _build)
