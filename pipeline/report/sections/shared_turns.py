"""Turns across models: failed by all, the hardest with their user text, and the turns that are not comparable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.blocks import Heading, Paragraph, Strong, Turn
from pipeline.report.frames import failures_by_model, of_benchmark, records, user_texts
from pipeline.report.sections.interface import Section, counted, per_benchmark, table, turn_ranges
from pipeline.report.text import one_line, shorten, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Block, Inlines
    from pipeline.report.frames import Record

_USER_TEXT_LENGTH = 160


def _build(analysis: Analysis) -> Iterator[Block]:
    yield Heading(2, ("Shared hard turns",))
    texts = user_texts(analysis, failures_by_model(analysis))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(analysis, benchmark, texts))


def _of_benchmark(analysis: Analysis, benchmark: str, texts: dict[tuple[str, int], str]) -> Iterator[Block]:
    turns = of_benchmark(analysis.turn_difficulty, benchmark)
    left_out = turns.loc[~turns["comparable"], "turn"]
    unit = analysis.options.compare_by
    yield Paragraph(
        (
            f"{words('comparable turn', len(turns) - len(left_out))} of {len(turns)}: ",
            f"turns for which every {unit} has a judged row. ",
            *_left_out(list(left_out), benchmark),
        )
    )
    if analysis.is_compared(benchmark):
        sets = of_benchmark(analysis.turn_sets, benchmark)
        by_all = sets.loc[sets["set"] == "failed_by_all", "turn"]
        yield Paragraph(
            (Strong(f"Failed by every {unit}"), f" ({len(by_all)}): ", *turn_ranges(by_all, benchmark), ".")
        )
    else:
        yield Paragraph((f"With one {unit} there is nothing to compare: turn sets are not measured.",))
    hardest = of_benchmark(analysis.hardest_turns, benchmark)
    hardest = hardest[hardest["runs_failed"] > 0]
    if hardest.empty:
        yield Paragraph(("No comparable turn was failed by any run.",))
        return
    title = "The hardest turn" if len(hardest) == 1 else f"The {len(hardest)} hardest turns"
    yield Heading(4 if len(analysis.benchmarks) > 1 else 3, (title,))
    yield table(
        ["turn", f"{unit}s failing", "runs failing", "user text"],
        [_cells(row, texts[benchmark, row.turn]) for row in records(hardest)],
        words_in=("user text",),
    )


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


SECTION = Section(60, _build)
