"""Per model: counts, failed dimensions, each major error mode with its datapoints, unique fails and passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline import stats
from pipeline.codebook import MODES
from pipeline.document import BulletList, Code, Heading, Paragraph, Strong
from pipeline.sections.datapoints import datapoint
from pipeline.sections.interface import Section, per_benchmark, rate, table, turns_with_count, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from pipeline.document import Analysis, Block

_DATAPOINTS = 3


def _build(analysis: Analysis) -> Iterator[Block]:
    yield Heading(2, (f"Each {analysis.options.compare_by}",))
    yield from per_benchmark(
        analysis,
        lambda benchmark: (
            block for model in analysis.models(benchmark) for block in _of_model(analysis, benchmark, model)
        ),
    )


def _of_model(analysis: Analysis, benchmark: str, model: str) -> Iterator[Block]:
    counts = analysis.model_counts
    row = counts[(counts[c.BENCHMARK] == benchmark) & (counts[c.MODEL] == model)].to_dict("records")[0]
    failures = analysis.failures(benchmark, model)
    yield Heading(3, (model,))
    yield Paragraph(
        (
            f"{words('run', row[c.RUNS])}; failed rows ",
            Strong(rate(row[c.FAILED_ROWS], row[c.ROWS_JUDGED])),
            f"; incomplete rows {row[c.INCOMPLETE_ROWS]}; ended session {row[c.ENDED]}, filled in after an ending "
            f"{row[c.ENDED_EARLY]}; empty response {row[c.EMPTY_RESPONSE]}.",
        )
    )
    if failures.empty:
        yield Paragraph(("No judged row failed." if row[c.ROWS_JUDGED] else "No row was judged.",))
    else:
        yield _dimension_table(analysis, benchmark, model)
        majors = list(stats.major_bucket_sizes(failures))
        for mode in majors:
            yield from _of_mode(mode, failures)
        rest = failures[~failures[c.BUCKET].isin(majors)][c.BUCKET].astype("str").value_counts()
        if len(rest):
            yield Paragraph(
                ("Minor modes: ", ", ".join(f"{mode} {n}" for mode, n in rest.sort_index().items()), ".")
            )
    if len(analysis.models(benchmark)) > 1:
        yield BulletList(
            tuple(
                (Strong(title), " ", *turns_with_count(_turns(analysis, benchmark, name, model)))
                for title, name in (("Fails alone:", c.UNIQUE_FAIL), ("Passes alone:", c.UNIQUE_PASS))
            )
        )


def _dimension_table(analysis: Analysis, benchmark: str, model: str) -> Block:
    counts = analysis.dimension_counts
    own = counts[(counts[c.BENCHMARK] == benchmark) & (counts[c.MODEL] == model)]
    own = own.sort_values([c.FAILED, c.DIMENSION], ascending=[False, True])
    return table(
        ["failed dimension", "failed of scored"],
        [
            (Code(name), rate(failed, scored))
            for name, failed, scored in zip(own[c.DIMENSION], own[c.FAILED], own[c.SCORED], strict=True)
        ],
    )


def _of_mode(mode: str, failures: pd.DataFrame) -> Iterator[Block]:
    rows = failures[failures[c.BUCKET] == mode]
    yield Heading(
        4, (f"{MODES[mode].name} (", Code(mode), f"), {rate(len(rows), len(failures))} of failed rows")
    )
    yield Paragraph((MODES[mode].what_goes_wrong,))
    costs = rows[c.FAILED_DIMENSIONS].explode().value_counts(sort=False).reset_index()
    costs = costs.sort_values(["count", c.FAILED_DIMENSIONS], ascending=[False, True])
    cost = ", ".join(f"{name} {n}/{len(rows)}" for name, n in costs.itertuples(index=False))
    yield Paragraph(
        (Strong("Costs: "), cost, ". ", Strong("Turns: "), *turns_with_count(sorted(set(rows[c.TURN]))))
    )
    own = rows[rows[c.RESPONSE_KIND] != c.ENDED_EARLY]
    chosen = own.sort_values(c.TURN, kind="stable").drop_duplicates(c.TURN).head(_DATAPOINTS)
    for row in chosen.to_dict("records"):
        yield datapoint(row)


def _turns(analysis: Analysis, benchmark: str, name: str, model: str) -> list[int]:
    sets = analysis.turn_sets
    mask = (sets[c.BENCHMARK] == benchmark) & (sets[c.SET] == name) & (sets[c.MODEL] == model)
    return [int(turn) for turn in sets.loc[mask, c.TURN]]


SECTION = Section(70, _build)
