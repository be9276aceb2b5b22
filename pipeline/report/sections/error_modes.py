"""Error modes: error mode x model, with counts and shares of the model's failed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline import schema
from pipeline.ledger.codebook import MODES
from pipeline.report.blocks import Heading, Paragraph
from pipeline.report.rule_accuracy import accuracy_sentence
from pipeline.report.sections.interface import Section, count, fraction, per_benchmark, table, with_tentative
from pipeline.report.text import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block, Inline, Inlines
    from pipeline.report.frames import Record
    from pipeline.report.rows import AnalysisRows

_CONFIDENCE: Final = (
    "A label is firm where the rules and the text model agree on it, or where the shape of the response "
    "decides. Else it is tentative, and the row may well belong to the mode that is named second."
)


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    yield Heading(2, (f"Provisional error modes by {analysis.options.compare_by}",))
    what = (
        "Put on each failed row by rules that read the response's shape, the failed dimensions and the judge's words. "
        "They order the review; they are not its result. Counted over the failed rows of each."
    )
    yield Paragraph((what,))
    yield Paragraph((f"{_CONFIDENCE} {accuracy_sentence(analysis.rules_name)}",))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(rows, benchmark))


def _of_benchmark(rows: AnalysisRows, benchmark: str) -> Iterator[Block]:
    totals = {row.model_name: row for row in rows.models[benchmark]}
    counts = {(model, row.error_mode): row for model in totals for row in rows.error_modes[benchmark, model]}
    if failed := sum(row.failed_rows for row in totals.values()):
        tentative = sum(row.tentative for row in totals.values())
        number = count(tentative, (benchmark, ""), ("confidence", schema.TENTATIVE))
        yield Paragraph((f"Of {words('label', failed)}, ", number, f" {'is' if tentative == 1 else 'are'} tentative."))
    yield table(
        ["error mode", *totals],
        [(mode, *(_cell(counts.get((model, mode)), mode, row) for model, row in totals.items())) for mode in MODES],
    )


def _cell(found: Record | None, mode: str, of: Record) -> Inline | Inlines:
    """Return how many failed rows of a model have a mode, and how many of them tentatively."""
    unit, where = (of.benchmark_name, of.model_name), ("mode", mode)
    number, tentative = (found.failed_rows, found.tentative) if found is not None else (0, 0)
    return with_tentative(fraction(number, of.failed_rows, unit, where), tentative, unit, where)


SECTION = Section(43, _build)
