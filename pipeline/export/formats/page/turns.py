"""Lay out the heat map: per benchmark the outcome of each model on each turn, and a row to show for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline import schema as c
from pipeline.columns import where_equal
from pipeline.units import find_units

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Datapoint
    from pipeline.units import Units

_CELLS: Final = 4000
"""At most so many cells are shown, but of every benchmark at least its ten hardest turns."""
_LEAST: Final = 10
NO_ROW: Final = -1
_EXACT: Final = 2**53
"""Up to here a browser tells all whole numbers apart."""


class TurnMap(NamedTuple):
    """The heat map of one benchmark: one row per model, one column per turn that is shown."""

    benchmark: str
    models: tuple[str, ...]
    turns: np.ndarray
    """The turn numbers, ascending."""
    hardness: np.ndarray
    """The columns, hardest turn first."""
    left_out: int
    """How many turns are not shown."""
    codes: tuple[str, ...]
    """Per model a letter per turn: `p` passed, `f` failed, `k` and `g` flaky (passed, failed), `n` not judged."""
    judged: np.ndarray
    failed: np.ndarray
    """How many runs of the model have a judged row for the turn, and how many of those failed it."""
    rows: np.ndarray
    """A row that stands for each cell: its position among the failed ones, `NO_ROW`, or `other_row` of a position."""


def other_row(position: Any) -> Any:  # noqa: ANN401 - a number, or an array of them
    """Turn the position of a row that did not fail, among all rows, into what `TurnMap.rows` holds, and back."""
    return -2 - position


def exact_numbers(numbers: list[int]) -> list[int] | list[str]:
    """Write turn numbers so that a browser does not round them: as text, where one is that large."""
    return numbers if max(numbers, default=0) <= _EXACT else list(map(str, numbers))


def turn_maps(analysis: Analysis, points: Iterable[Datapoint]) -> list[TurnMap]:
    """Lay out the heat map of every benchmark; the turns of the datapoints are shown in any case."""
    wanted: dict[str, set[int]] = {benchmark: set() for benchmark in analysis.benchmarks}
    for point in points:
        wanted[point.benchmark].add(point.turn)
    units = find_units(analysis.inputs, analysis.options.compare_by)
    return list(_maps(analysis, units, _CELLS // max(len(wanted), 1), wanted))


def _maps(analysis: Analysis, units: Units, share: int, wanted: dict[str, set[int]]) -> Iterator[TurnMap]:
    failures, turns = analysis.tables["failures"], analysis.tables["turns"]
    of_failures, of_turns = units.of_rows(failures), units.of_rows(turns)
    failed_turn, any_turn = np.asarray(failures[c.TURN]), np.asarray(turns[c.TURN])
    judged, passed = np.asarray(turns[c.JUDGED]), ~np.asarray(turns[c.FAILED])
    for benchmark in analysis.benchmarks:
        numbers, hardness, count = _choose(analysis, benchmark, share, wanted[benchmark])
        outcomes = analysis.tables["turn_outcomes"]
        here = where_equal(outcomes[c.BENCHMARK], benchmark) & np.isin(np.asarray(outcomes[c.TURN]), numbers)
        outcomes = outcomes.filter(pa.array(here))
        own = [number for number, (name, _) in enumerate(units.names) if name == benchmark]
        shape = (len(own), len(numbers))
        runs_judged, runs_failed = (
            np.asarray(outcomes[name]).reshape(shape) for name in (c.RUNS_JUDGED, c.RUNS_FAILED)
        )
        letters = np.select(
            [
                where_equal(outcomes[c.OUTCOME], c.NOT_JUDGED),
                np.asarray(outcomes[c.FLAKY]) & where_equal(outcomes[c.OUTCOME], c.TURN_FAILED),
                np.asarray(outcomes[c.FLAKY]),
                where_equal(outcomes[c.OUTCOME], c.TURN_FAILED),
            ],
            ["n", "g", "k", "f"],
            default="p",
        ).reshape(shape)
        cells = _Cells(numbers, {unit: row for row, unit in enumerate(own)}, len(units.names))
        failing = cells.first(of_failures, failed_turn, np.ones(len(failures), dtype=bool))
        passing = cells.first(of_turns, any_turn, passed & judged)
        neither = cells.first(of_turns, any_turn, passed)
        others = np.where(passing >= 0, other_row(passing), np.where(neither >= 0, other_row(neither), NO_ROW))
        fails = (letters == "f") | (letters == "g")
        yield TurnMap(
            benchmark=benchmark,
            models=tuple(units.names[unit][1] for unit in own),
            turns=numbers,
            hardness=hardness,
            left_out=count - len(numbers),
            codes=tuple("".join(row) for row in letters.tolist()),
            judged=runs_judged,
            failed=runs_failed,
            rows=np.where(fails, failing, others),
        )


def _choose(
    analysis: Analysis, benchmark: str, share: int, wanted: Collection[int]
) -> tuple[np.ndarray, np.ndarray, int]:
    """Choose the turns to show: all, or the hardest and the wanted; then their order by hardness, and how many are."""
    table = analysis.tables["turn_difficulty"]
    table = table.filter(pa.array(where_equal(table[c.BENCHMARK], benchmark)))
    turn, models, runs = (np.asarray(table[name]) for name in (c.TURN, c.MODELS_FAILED, c.RUNS_FAILED))
    order = np.lexsort((turn, -runs, -models))
    most = max(share // max(len(analysis.models(benchmark)), 1), _LEAST)
    if len(turn) > most:
        shown = np.isin(turn, np.fromiter(wanted, dtype=np.int64, count=len(wanted)))
        shown[order[: max(most - int(shown.sum()), _LEAST)]] = True
        order = order[shown[order]]
    numbers = np.sort(turn[order])
    return numbers, np.searchsorted(numbers, turn[order]), len(turn)


class _Cells(NamedTuple):
    """The cells of one map, to find the rows that belong to each."""

    turns: np.ndarray
    row_of_unit: dict[int, int]
    units: int

    def first(self, unit: np.ndarray, turn: np.ndarray, among: np.ndarray) -> np.ndarray:
        """Give per cell the position of its first row among those marked, or -1."""
        row = np.full(self.units + 1, -1)
        for number, place in self.row_of_unit.items():
            row[number] = place
        found = np.full((len(self.row_of_unit), len(self.turns)), -1)
        if not len(self.turns):
            return found
        at = np.minimum(np.searchsorted(self.turns, turn), len(self.turns) - 1)
        positions = np.flatnonzero(among & (row[unit] >= 0) & (self.turns[at] == turn))[::-1]
        found[row[unit[positions]], at[positions]] = positions
        return found
