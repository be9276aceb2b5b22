"""Read what the models answered where the heat map shows a row that did not fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.export.formats.page.turns import by_hardness

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from pipeline.analysis import Analysis
    from pipeline.export.formats.page.turns import ShownTurn, TurnCell


@dataclass(frozen=True)
class PassedAnswers:
    """The rows of the heat maps that did not fail, the most wanted first."""

    labels: list[int]
    """Their labels in `analysis.turns`."""
    turns: list[ShownTurn]
    texts: pd.DataFrame
    """Their five texts, one row per row."""


def passed_answers(analysis: Analysis, cells: Iterable[Sequence[TurnCell]]) -> PassedAnswers:
    """Return the rows of the cells that did not fail, with texts read again from the judged files.

    First those of the datapoints' turns, then those of the hardest turns.
    """
    found = [(cell.row, cell.turn) for cell in by_hardness(cells) if cell.row is not None and not cell.failed]
    found.sort(key=lambda each: not each[1].of_point)
    labels = [row for row, _ in found]
    rows = analysis.light_turns[["row_id", "run_id", "source_line"]].loc[labels]
    return PassedAnswers(labels, [turn for _, turn in found], analysis.read_texts(rows))
