"""Each model: counts, failed dimensions, the causes of its failures, and the turns that it alone fails or passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.report.blocks import BulletList, Code, Heading, Paragraph, Rows
from pipeline.report.sections.causes import causes_of, find_causes
from pipeline.report.sections.interface import Section, count, fraction, labelled_turns, rate, table
from pipeline.report.text import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.frames import Record
    from pipeline.report.rows import AnalysisRows


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis, causes = rows.analysis, find_causes(rows)
    benchmarks = analysis.benchmarks
    yield Heading(2, (f"Each {analysis.options.compare_by}",))
    for benchmark in benchmarks:
        compared = analysis.is_compared(benchmark)
        for row in rows.models[benchmark]:
            unit = (benchmark, row.model_name)
            yield Heading(3, (": ".join(unit) if len(benchmarks) > 1 else row.model_name,))
            yield _counts(row)
            if row.failed_rows:
                yield _dimension_table(rows.worst_dimensions(unit))
                yield from causes_of(causes, unit)
            else:
                yield Paragraph(("No judged row failed." if row.rows_judged else "No row was judged.",))
            if compared:
                yield BulletList(
                    (
                        labelled_turns("Fails alone", rows.turn_sets[*unit, c.UNIQUE_FAIL], benchmark),
                        labelled_turns("Passes alone", rows.turn_sets[*unit, c.UNIQUE_PASS], benchmark),
                    )
                )


def _counts(row: Record) -> Block:
    unit, every = (row.benchmark_name, row.model_name), ("outcome", "any")
    endings = count(row.expected_endings, unit, ("kind", c.EXPECTED_ENDING), every)
    of_model = (("benchmark", row.benchmark_name), ("model", row.model_name))
    return Paragraph(
        (
            f"{words('run', row.runs)}; failed rows ",
            Rows(rate(row.failed_rows, row.rows_judged), of_model, strong=True),
            "; incomplete rows ",
            count(row.incomplete_rows, unit, ("outcome", "incomplete")),
            "; ended session ",
            count(row.model_ended_session, unit, ("kind", c.ENDED), every),
            ", filled in after an ending ",
            count(row.model_ended_session_early, unit, ("kind", c.ENDED_EARLY), every),
            "; empty response ",
            count(row.empty_response, unit, ("kind", c.EMPTY_RESPONSE), every),
            *(("; expected endings ", endings) if row.expected_endings else ()),
            f"; turns lost by the harness {row.pipeline_losses}" if row.pipeline_losses else "",
            ".",
        )
    )


def _dimension_table(dimensions: list[Record]) -> Block:
    return table(
        ["failed dimension", "failed of scored"],
        [
            (
                Code(row.dimension),
                fraction(row.failed, row.scored, (row.benchmark_name, row.model_name), ("dimension", row.dimension)),
            )
            for row in dimensions
        ],
    )


SECTION = Section(20, _build)
