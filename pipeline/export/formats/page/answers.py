"""Read what the models answered where the heat map shows a row that did not fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.export.formats.page.turns import by_hardness

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.analysis import Analysis


def passed_answers(analysis: Analysis, cells: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cell whose row did not fail: turns of the datapoints first, then the hardest turns.

    The index holds the row's label in `analysis.turns`. The columns: `heat_map` and `turn` as in `cells`
    (see `heat_map_cells`), and the five texts, read again from the judged files.
    """
    found = by_hardness(cells[cells["row"].notna() & ~cells["row_failed"]])
    found = found.sort_values("of_point", ascending=False, kind="stable").set_index("row")
    texts = analysis.texts(analysis.light_turns.loc[found.index, "row_id"])
    return texts.set_axis(found.index).assign(heat_map=found["heat_map"], turn=found["turn"])
