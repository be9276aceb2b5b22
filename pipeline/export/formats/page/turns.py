"""Choose the turns of the heat maps, and find an outcome and a row to show for each of their cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Datapoint

_MAX_CELLS: Final = 4000
"""The heat maps share this many cells, but each shows at least the ten hardest turns of its benchmark."""
_MIN_TURNS: Final = 10
_MAX_SAFE_INTEGER: Final = 2**53
"""JavaScript represents whole numbers exactly up to here."""
_CELL: Final = ["benchmark_name", "model_name", "turn"]


def heat_map_cells(analysis: Analysis, points: Iterable[Datapoint]) -> pd.DataFrame:
    """Return one row per benchmark x model x shown turn: benchmarks and models in input order, turns ascending.

    A benchmark with too many turns shows its hardest ones and those of the datapoints. The columns:

    - `benchmark_name`, `model_name` (what is compared: a model or a run), `turn`;
    - `heat_map`: the benchmark's position among all benchmarks, counted from 0;
    - `runs_judged`, `runs_failed`: how many runs of the model were judged on the turn, and how many failed it;
    - `code`: the outcome as a letter: `p` passed, `f` failed, `k` flaky and passed, `g` flaky and failed, `n` not
      judged;
    - `hardness`: the turn's rank within its benchmark, 0 for the hardest;
    - `of_point`: whether a datapoint is about the turn;
    - `row`: the row that represents the cell, by its label in `analysis.turns`; missing where there is none;
    - `row_failed`: whether that row failed. It did where the model failed the turn, and only there.
    """
    heat_maps = {benchmark: position for position, benchmark in enumerate(analysis.benchmarks)}
    cells = (
        analysis.turn_outcomes.merge(_shown_turns(analysis, points), on=["benchmark_name", "turn"])
        .assign(
            heat_map=lambda frame: frame["benchmark_name"].map(heat_maps).astype(int),
            row_failed=lambda frame: frame["outcome"].eq("failed"),
            code=_codes,
        )
        .sort_values("heat_map", kind="stable", ignore_index=True)
    )
    return cells.merge(_first_rows(analysis, cells), how="left", on=_CELL, validate="one_to_one").astype(
        {"row": "Int64"}
    )


def by_hardness(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells map by map and turn by turn, the hardest turn first, models in input order."""
    return cells.sort_values(["heat_map", "hardness"], kind="stable")


def exact_numbers(numbers: list[int]) -> list[int] | list[str]:
    """Return turn numbers as JavaScript reads them without rounding: all as text, where one is too large for it."""
    return numbers if max(numbers, default=0) <= _MAX_SAFE_INTEGER else list(map(str, numbers))


def _shown_turns(analysis: Analysis, points: Iterable[Datapoint]) -> pd.DataFrame:
    """Return one row per benchmark x shown turn: `benchmark_name`, `turn`, `hardness`, `of_point`."""
    of_points = {(point.benchmark, point.turn) for point in points}
    turns = analysis.turn_difficulty.sort_values(
        ["models_failed", "runs_failed", "turn"], ascending=[False, False, True]
    )
    turns = turns.assign(
        hardness=turns.groupby("benchmark_name", observed=True).cumcount(),
        of_point=[cell in of_points for cell in zip(turns["benchmark_name"], turns["turn"], strict=True)],
    )
    share = _MAX_CELLS // max(len(analysis.benchmarks), 1)
    models = analysis.model_counts["benchmark_name"].value_counts()
    limit = turns["benchmark_name"].map((share // models).clip(lower=_MIN_TURNS)).astype(int)
    groups = turns.groupby("benchmark_name", observed=True)
    all_fit = groups["turn"].transform("size") <= limit
    room = (limit - groups["of_point"].transform("sum")).clip(lower=_MIN_TURNS)
    shown = turns[all_fit | turns["of_point"] | (turns["hardness"] < room)]
    return shown[["benchmark_name", "turn", "hardness", "of_point"]]


def _codes(outcomes: pd.DataFrame) -> pd.Series:
    failed, flaky = outcomes["outcome"].eq("failed"), outcomes["flaky"]
    return pd.Series("p", outcomes.index).case_when(
        [(outcomes["outcome"].eq("not_judged"), "n"), (flaky & failed, "g"), (flaky, "k"), (failed, "f")]
    )


def _first_rows(analysis: Analysis, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the first row of each cell that failed or passed as the model did; judged rows before incomplete ones.

    One row per cell that has such a row: its benchmark, model and turn, and `row`, its label in `analysis.turns`.
    """
    rows = (
        analysis.light_turns[["benchmark_name", analysis.unit, "turn", "judged", "failed"]]
        .set_axis([*_CELL, "judged", "failed"], axis="columns")
        .rename_axis(index="row")
        .reset_index()
    )
    candidates = cells[[*_CELL, "row_failed"]].merge(rows, on=_CELL, validate="one_to_many")
    return (
        candidates[candidates["failed"] == candidates["row_failed"]]
        .sort_values("judged", ascending=False, kind="stable")
        .drop_duplicates(_CELL)[[*_CELL, "row"]]
    )
