"""Turns across models: failed by all, the hardest with their user text, and what kept turns out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.report.blocks import Heading, Paragraph, Strong, Turn
from pipeline.report.sections.interface import Section, counted, per_benchmark, table, turn_ranges
from pipeline.report.text import one_line, shorten
from pipeline.report.wording import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Block, Inlines

_USER_TEXT_LENGTH = 160


def _build(analysis: Analysis) -> Iterator[Block]:
    yield Heading(2, ("Shared hard turns",))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(analysis, benchmark))


def _of_benchmark(analysis: Analysis, benchmark: str) -> Iterator[Block]:
    turns = analysis.records("turn_difficulty", benchmark)
    left_out = [row[c.TURN] for row in turns if not row[c.COMPARABLE]]
    unit = analysis.options.compare_by
    yield Paragraph(
        (
            f"{words('comparable turn', len(turns) - len(left_out))} of {len(turns)}: ",
            f"turns for which every {unit} has a judged row. ",
            *_left_out(left_out, benchmark),
        )
    )
    if analysis.is_compared(benchmark):
        by_all = [row[c.TURN] for row in analysis.records("turn_sets", benchmark, "")]
        yield Paragraph(
            (Strong(f"Failed by every {unit}"), f" ({len(by_all)}): ", *turn_ranges(by_all, benchmark), ".")
        )
    else:
        yield Paragraph((f"With one {unit} there is nothing to compare: turn sets are not measured.",))
    hardest = [row for row in analysis.records("hardest_turns", benchmark) if row[c.RUNS_FAILED]]
    if not hardest:
        yield Paragraph(("No comparable turn was failed by any run.",))
        return
    texts = analysis.user_texts(benchmark)
    title = "The hardest turn" if len(hardest) == 1 else f"The {len(hardest)} hardest turns"
    yield Heading(4 if len(analysis.benchmarks) > 1 else 3, (title,))
    yield table(
        ["turn", f"{unit}s failing", "runs failing", "user text"],
        [
            (
                Turn(str(row[c.TURN]), benchmark, row[c.TURN]),
                Turn(f"{row[c.MODELS_FAILED]}/{row[c.MODELS]}", benchmark, row[c.TURN]),
                counted(
                    row[c.RUNS_FAILED],
                    f"{row[c.RUNS_FAILED]}/{row[c.RUNS_JUDGED]}",
                    (benchmark, ""),
                    ("turn", str(row[c.TURN])),
                ),
                shorten(one_line(texts[row[c.TURN]]), _USER_TEXT_LENGTH),
            )
            for row in hardest
        ],
        words_in=("user text",),
    )


def _left_out(turns: list[int], benchmark: str) -> Inlines:
    if not turns:
        return ("None was left out.",)
    return ("Left out, because not judged for all: ", *turn_ranges(turns, benchmark), ".")


SECTION = Section(60, _build)
