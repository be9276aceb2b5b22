"""The run set: which runs were analysed, from which files, under which options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.blocks import Code, Heading, Paragraph
from pipeline.report.sections.interface import Section, table
from pipeline.report.text import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block
    from pipeline.report.rows import AnalysisRows


def _build(rows: AnalysisRows) -> Iterator[Block]:
    analysis = rows.analysis
    inputs, options = analysis.inputs, analysis.options
    models = len({run.model_name for run in inputs})
    yield Heading(2, ("Run set",), "background")
    yield Paragraph(
        (
            f"{words('run', len(inputs))} of {words('model', models)} on ",
            f"{words('benchmark', len(analysis.benchmarks))}, {words('row', sum(run.rows for run in inputs))}. ",
            f"Compared: each {options.compare_by}; ",
            f"a {options.compare_by} fails a turn when {_POLICY[options.repeat_policy]}.",
        )
    )
    dimensions = [part for name in analysis.included_dimensions for part in (", ", Code(name))][1:]
    yield Paragraph(("Dimensions counted: ", *(dimensions or ["none"]), "."))
    if options.exclude_dimensions:
        excluded = [part for name in options.exclude_dimensions for part in (", ", Code(name))][1:]
        yield Paragraph(("Dimensions left out on request: ", *excluded, "."))
    yield table(
        ["run", "model", "benchmark", "judged file", "rows"],
        [(run.run_id, run.model_name, run.benchmark_name, Code(run.judged_file), str(run.rows)) for run in inputs],
        words_in=("model", "benchmark", "judged file"),
    )


_POLICY = {
    "majority": "at least half of its judged runs failed it",
    "any": "any of its judged runs failed it",
    "all": "all of its judged runs failed it",
}

SECTION = Section(70, _build)
