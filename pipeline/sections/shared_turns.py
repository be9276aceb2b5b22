"""Turns across models: failed by all, the hardest with their user text, and what kept turns out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline import turnsets
from pipeline.document import Heading, Paragraph, Strong
from pipeline.sections.interface import Section, per_benchmark, ranges, table, words
from pipeline.untrusted import one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from pipeline.document import Analysis, Block

_USER_TEXT_LENGTH = 160


def _build(analysis: Analysis) -> Iterator[Block]:
    yield Heading(2, ("Shared hard turns",))
    yield from per_benchmark(analysis, lambda benchmark: _of_benchmark(analysis, benchmark))


def _of_benchmark(analysis: Analysis, benchmark: str) -> Iterator[Block]:
    difficulty = analysis.turn_difficulty[analysis.turn_difficulty[c.BENCHMARK] == benchmark]
    comparable = difficulty[turnsets.COMPARABLE]
    unit = analysis.options.compare_by
    yield Paragraph(
        (
            f"{words('comparable turn', int(comparable.sum()))} of {len(difficulty)}: turns for which every {unit} "
            f"has a judged row. {_left_out(difficulty)}",
        )
    )
    if len(analysis.models(benchmark)) > 1:
        sets = analysis.turn_sets
        by_all = sets[(sets[c.BENCHMARK] == benchmark) & (sets[c.SET] == c.FAILED_BY_ALL)][c.TURN]
        yield Paragraph((Strong(f"Failed by every {unit}"), f" ({len(by_all)}): {ranges(by_all)}."))
    else:
        yield Paragraph((f"With one {unit} there is nothing to compare: turn sets are not measured.",))
    hardest = turnsets.hardest_turns(difficulty)
    hardest = hardest[hardest[c.RUNS_FAILED] > 0]
    if hardest.empty:
        yield Paragraph(("No comparable turn was failed by any run.",))
        return
    texts = _user_texts(analysis, benchmark)
    yield Heading(3, (f"The {words('hardest turn', len(hardest))}",))
    yield table(
        ["turn", f"{unit}s failing", "runs failing", "user text"],
        [
            (
                str(row[c.TURN]),
                f"{row[turnsets.MODELS_FAILED]}/{row[turnsets.MODELS]}",
                f"{row[c.RUNS_FAILED]}/{row[c.RUNS_JUDGED]}",
                shorten(one_line(texts.get(row[c.TURN], "")), _USER_TEXT_LENGTH),
            )
            for row in hardest.to_dict("records")
        ],
        text_columns=0,
    )


def _left_out(difficulty: pd.DataFrame) -> str:
    left = difficulty[~difficulty[turnsets.COMPARABLE]]
    if left.empty:
        return "None was left out."
    return f"Left out, because not judged for all: {ranges(left[c.TURN])}."


def _user_texts(analysis: Analysis, benchmark: str) -> dict[int, str]:
    turns = analysis.turns
    rows = turns[turns[c.FAILED] & (turns[c.BENCHMARK] == benchmark) & (turns[c.USER_TEXT] != "")]
    first = rows.drop_duplicates(c.TURN)
    return dict(zip(first[c.TURN], first[c.USER_TEXT], strict=True))


SECTION = Section(60, _build)
