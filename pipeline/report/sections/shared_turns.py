"""Turns across models: failed by all, the hardest with their user text, and the turns that are not comparable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.report.blocks import Heading, Paragraph, Strong, Turn
from pipeline.report.sections.interface import Section, counted, per_benchmark, table, turn_ranges
from pipeline.report.text import one_line, shorten, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.blocks import Block, Inlines
    from pipeline.report.frames import Record
    from pipeline.report.rows import AnalysisRows

_USER_TEXT_LENGTH = 160


def _build(rows: AnalysisRows) -> Iterator[Block]:
    yield Heading(2, ("Shared hard turns",))
    yield from per_benchmark(rows.analysis, lambda benchmark: _of_benchmark(rows, benchmark))


def _of_benchmark(rows: AnalysisRows, benchmark: str) -> Iterator[Block]:
    analysis, turns = rows.analysis, rows.turns[benchmark]
    left_out = [row.turn for row in turns if not row.comparable]
    unit = analysis.options.compare_by
    yield Paragraph(
        (
            f"{words('comparable turn', len(turns) - len(left_out))} of {len(turns)}: ",
            f"turns for which every {unit} has a judged row. ",
            *_left_out(left_out, benchmark),
        )
    )
    if analysis.is_compared(benchmark):
        by_all = rows.turn_sets[benchmark, "", c.FAILED_BY_ALL]
        yield Paragraph(
            (Strong(f"Failed by every {unit}"), f" ({len(by_all)}): ", *turn_ranges(by_all, benchmark), ".")
        )
    else:
        yield Paragraph((f"With one {unit} there is nothing to compare: turn sets are not measured.",))
    hardest = [row for row in rows.hardest_turns[benchmark] if row.runs_failed]
    if not hardest:
        yield Paragraph(("No comparable turn was failed by any run.",))
        return
    title = "The hardest turn" if len(hardest) == 1 else f"The {len(hardest)} hardest turns"
    yield Heading(4 if len(analysis.benchmarks) > 1 else 3, (title,))
    yield table(
        ["turn", f"{unit}s failing", "runs failing", "user text"],
        [_cells(row, _user_text(rows, benchmark, row.turn)) for row in hardest],
        words_in=("user text",),
    )


def _user_text(rows: AnalysisRows, benchmark: str, turn: int) -> str:
    """Return the user text of a turn: that of the first failed row, since runs may differ in it."""
    text: str = rows.evidence[rows.examples[benchmark, turn].row_id].user_text
    return text


def _cells(row: Record, user_text: str) -> Inlines:
    benchmark, turn = row.benchmark_name, row.turn
    runs = f"{row.runs_failed}/{row.runs_judged}"
    return (
        Turn(str(turn), benchmark, turn),
        Turn(f"{row.models_failed}/{row.models}", benchmark, turn),
        counted(row.runs_failed, runs, (benchmark, ""), ("turn", str(turn))),
        shorten(one_line(user_text), _USER_TEXT_LENGTH),
    )


def _left_out(turns: list[int], benchmark: str) -> Inlines:
    if not turns:
        return ("None was left out.",)
    return ("Left out, because not judged for all: ", *turn_ranges(turns, benchmark), ".")


SECTION = Section(10, _build)
