"""Compare turns across models: outcomes, comparable turns, and the sets of shared and unique failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

import numpy as np
import pyarrow as pa

from pipeline import schema as c

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.units import Units

_HARDEST: Final = 10


class Grid(NamedTuple):
    """One benchmark as matrices, one row per compared model, one column per turn."""

    benchmark: str
    models: tuple[str, ...]
    turns: np.ndarray
    """The turn numbers, ascending."""
    judged: np.ndarray
    """How many of the model's runs have a judged row for the turn."""
    failed: np.ndarray
    """How many of those failed it."""
    fails: np.ndarray
    """Whether the model fails the turn, by the repeat policy."""

    @property
    def comparable(self) -> np.ndarray:
        """Whether every model has a judged row for the turn."""
        return np.asarray((self.judged > 0).all(axis=0))

    @property
    def sets(self) -> dict[tuple[str, str], np.ndarray]:
        """The turn sets by (set, model), the model empty for the shared one; none with fewer than two models."""
        several = len(self.models)
        if several < 2:  # noqa: PLR2004 - a comparison needs two
            return {}
        failing = self.fails.sum(axis=0)
        named = list(zip(self.models, self.fails, strict=True))
        masks = {
            (c.FAILED_BY_ALL, ""): failing == several,
            **{(c.UNIQUE_FAIL, model): fails & (failing == 1) for model, fails in named},
            **{(c.UNIQUE_PASS, model): ~fails & (failing == several - 1) for model, fails in named},
        }
        return {key: self.turns[mask & self.comparable] for key, mask in masks.items()}


def turn_grids(turns: pa.Table, units: Units, policy: c.RepeatPolicy) -> list[Grid]:
    """Lay the turns of each benchmark out as a grid; the runs of a model are pooled as repeats.

    A model fails a turn when twice its failing runs are at least its judged runs (`any`, `all`: one, or
    every one of them), and at least one is judged.
    """
    unit = units.of_rows(turns)
    turn = np.asarray(turns[c.TURN])
    judged, failed = np.asarray(turns[c.JUDGED]), np.asarray(turns[c.FAILED])
    grids = []
    for benchmark in dict.fromkeys(benchmark for benchmark, _ in units.names):
        own = [position for position, (name, _) in enumerate(units.names) if name == benchmark]
        place = np.full(len(units.names), -1)
        place[own] = np.arange(len(own))
        rows = place[unit] >= 0
        numbers, column = np.unique(turn[rows], return_inverse=True)
        cell = place[unit[rows]] * len(numbers) + column
        shape = (len(own), len(numbers))
        runs_judged = np.bincount(cell[judged[rows]], minlength=shape[0] * shape[1]).reshape(shape)
        runs_failed = np.bincount(cell[failed[rows]], minlength=shape[0] * shape[1]).reshape(shape)
        fails = (runs_judged > 0) & _fails(runs_failed, runs_judged, policy)
        models = tuple(units.names[position][1] for position in own)
        grids.append(Grid(benchmark, models, numbers, runs_judged, runs_failed, fails))
    return grids


def turn_outcomes(grids: Sequence[Grid]) -> pa.Table:
    """Tell for every model whether it failed each turn of its benchmark, also where it has no judged run.

    One row per benchmark x model x turn (`schema.TURN_OUTCOMES`). *Flaky*: some but not all judged runs failed.
    """
    return _stacked(
        {
            c.BENCHMARK: np.repeat(grid.benchmark, grid.judged.size),
            c.MODEL: np.repeat(np.array(grid.models, dtype=object), len(grid.turns)),
            c.TURN: np.tile(grid.turns, len(grid.models)),
            c.RUNS_JUDGED: grid.judged.ravel(),
            c.RUNS_FAILED: grid.failed.ravel(),
            c.OUTCOME: np.select(
                [grid.judged.ravel() == 0, grid.fails.ravel()], [c.NOT_JUDGED, c.TURN_FAILED], default=c.TURN_PASSED
            ),
            c.FLAKY: ((grid.failed > 0) & (grid.failed < grid.judged)).ravel(),
        }
        for grid in grids
    )


def turn_difficulty(grids: Sequence[Grid]) -> pa.Table:
    """Count per turn how many models and runs were judged and failed: one row per benchmark x turn."""
    return _stacked(
        {
            c.BENCHMARK: np.repeat(grid.benchmark, len(grid.turns)),
            c.TURN: grid.turns,
            c.MODELS: np.full(len(grid.turns), len(grid.models)),
            c.MODELS_JUDGED: (grid.judged > 0).sum(axis=0),
            c.MODELS_FAILED: grid.fails.sum(axis=0),
            c.RUNS_JUDGED: grid.judged.sum(axis=0),
            c.RUNS_FAILED: grid.failed.sum(axis=0),
            c.COMPARABLE: grid.comparable,
        }
        for grid in grids
    )


def turn_sets(grids: Sequence[Grid]) -> pa.Table:
    """List the comparable turns that all models fail, that one alone fails, that one alone passes.

    One row per benchmark x set x model x turn (`schema.TURN_SETS`).
    """
    rows = [
        (grid.benchmark, name, model, turn)
        for grid in grids
        for (name, model), turns in grid.sets.items()
        for turn in turns.tolist()
    ]
    columns = list(zip(*rows, strict=True)) or [()] * len(c.TURN_SETS)
    types = [pa.int64() if kind == "int64" else pa.large_string() for kind in c.TURN_SETS.values()]
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, types, strict=True)], list(c.TURN_SETS))


def hardest_turns(difficulty: pa.Table) -> pa.Table:
    """Rank each benchmark's comparable turns: by models failing, runs failing, then turn; the first ten.

    *Shared hard turns* are those of them that at least two models fail.
    """
    names = [c.TURN, c.MODELS, c.MODELS_FAILED, c.RUNS_JUDGED, c.RUNS_FAILED]
    turn, models, failing, judged, failed = (np.asarray(difficulty[name]) for name in names)
    with np.errstate(invalid="ignore"):
        order = np.lexsort((turn, -failed / judged, -failing / models))
    benchmarks = np.asarray(difficulty[c.BENCHMARK])
    order = order[np.asarray(difficulty[c.COMPARABLE])[order]]
    kept = [order[benchmarks[order] == name][:_HARDEST] for name in dict.fromkeys(benchmarks.tolist())]
    return difficulty.take(pa.array(np.concatenate([*kept, np.zeros(0, dtype=np.int64)]).astype(np.int64)))


def _stacked(parts: Iterable[dict[str, np.ndarray]]) -> pa.Table:
    return pa.concat_tables(
        pa.table({name: _array(values) for name, values in part.items()}) for part in parts
    ).combine_chunks()


def _array(values: np.ndarray) -> pa.Array:
    return pa.array(values) if values.dtype.kind in "ib" else pa.array(values.tolist(), pa.large_string())


def _fails(failed: np.ndarray, judged: np.ndarray, policy: c.RepeatPolicy) -> np.ndarray:
    match policy:
        case "majority":
            return np.asarray(2 * failed >= judged)
        case "any":
            return np.asarray(failed > 0)
        case "all":
            return np.asarray(failed == judged)
        case _:
            assert_never(policy)
