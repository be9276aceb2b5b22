"""Choose the turns of the heat maps, and find an outcome and a row to show for each of their cells."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Datapoint

_MAX_CELLS: Final = 4000
"""The heat maps share this many cells, but each shows at least the ten hardest turns of its benchmark."""
_MIN_TURNS: Final = 10
_MAX_SAFE_INTEGER: Final = 2**53
"""JavaScript represents whole numbers exactly up to here."""
_CODES: Final = {("passed", False): "p", ("failed", False): "f", ("passed", True): "k", ("failed", True): "g"}
"""The letter of an outcome, by the outcome and whether it is flaky; `n` for anything else: not judged."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownTurn:
    """A turn of a benchmark that its heat map shows: one object, which its cells share."""

    heat_map: int
    """The benchmark's position among all benchmarks, counted from 0."""
    number: int
    hardness: int
    """The turn's rank within its benchmark, 0 for the hardest."""
    of_point: bool
    """Whether a datapoint is about the turn."""


@dataclass(frozen=True, slots=True)
class TurnCell:
    """A model (or run) on a shown turn."""

    turn: ShownTurn
    runs_judged: int
    runs_failed: int
    code: str
    """The outcome: `p` passed, `f` failed, `k` flaky and passed, `g` flaky and failed, `n` not judged."""
    failed: bool
    """Whether the model failed the turn, and with it the row that represents the cell."""
    row: int | None
    """The row that represents the cell, by its label in `analysis.turns`; `None` where there is none."""


def heat_map_cells(analysis: Analysis, points: Iterable[Datapoint]) -> list[list[TurnCell]]:
    """Return the cells of each benchmark, in input order: models in input order, and for each all shown turns.

    A benchmark with too many turns shows its hardest ones and those of the datapoints. Turns are ascending.
    """
    shown = _shown_turns(analysis, points)
    rows = _first_rows(analysis, shown)
    cells: list[list[TurnCell]] = [[] for _ in analysis.benchmarks]
    outcomes = analysis.turn_outcomes
    for benchmark, model, number, judged, failures, outcome, flaky in zip(
        outcomes["benchmark_name"].tolist(),
        outcomes["model_name"].tolist(),
        outcomes["turn"].tolist(),
        outcomes["runs_judged"].tolist(),
        outcomes["runs_failed"].tolist(),
        outcomes["outcome"].tolist(),
        outcomes["flaky"].tolist(),
        strict=True,
    ):
        if turn := shown.get((benchmark, number)):
            failed = outcome == "failed"
            row = rows.get((benchmark, model, number, failed))
            code = _CODES.get((outcome, flaky), "n")
            cells[turn.heat_map].append(TurnCell(turn, judged, failures, code, failed, row))
    return cells


def by_hardness(cells: Iterable[Sequence[TurnCell]]) -> Iterator[TurnCell]:
    """Yield the cells map by map and turn by turn, the hardest turn first, models in input order."""
    for of_map in cells:
        yield from sorted(of_map, key=lambda cell: cell.turn.hardness)


def exact_numbers(numbers: list[int]) -> list[int] | list[str]:
    """Return turn numbers as JavaScript reads them without rounding: all as text, where one is too large for it."""
    return numbers if max(numbers, default=0) <= _MAX_SAFE_INTEGER else list(map(str, numbers))


def _shown_turns(analysis: Analysis, points: Iterable[Datapoint]) -> dict[tuple[str, int], ShownTurn]:
    """Return the shown turns by benchmark and number."""
    of_points = {(point.benchmark, point.turn) for point in points}
    models = Counter(analysis.model_counts["benchmark_name"].tolist())
    share = _MAX_CELLS // max(len(analysis.benchmarks), 1)
    by_benchmark = _hardest_first(analysis)
    shown: dict[tuple[str, int], ShownTurn] = {}
    for heat_map, benchmark in enumerate(analysis.benchmarks):
        numbers = by_benchmark.get(benchmark, [])
        room = max(share // max(models[benchmark], 1), _MIN_TURNS)
        if len(numbers) > room:
            room = max(room - sum((benchmark, number) in of_points for number in numbers), _MIN_TURNS)
        for hardness, number in enumerate(numbers):
            of_point = (benchmark, number) in of_points
            if of_point or hardness < room:
                shown[benchmark, number] = ShownTurn(heat_map, number, hardness, of_point)
    return shown


def _hardest_first(analysis: Analysis) -> dict[str, list[int]]:
    """Return the turns of each benchmark: those first that most models failed, then most runs, then by number."""
    turns = analysis.turn_difficulty
    ranks: dict[str, list[tuple[int, int, int]]] = {}
    for benchmark, models_failed, runs_failed, number in zip(
        turns["benchmark_name"].tolist(),
        turns["models_failed"].tolist(),
        turns["runs_failed"].tolist(),
        turns["turn"].tolist(),
        strict=True,
    ):
        ranks.setdefault(benchmark, []).append((-models_failed, -runs_failed, number))
    return {benchmark: [number for _, _, number in sorted(each)] for benchmark, each in ranks.items()}


def _first_rows(
    analysis: Analysis, shown: Mapping[tuple[str, int], ShownTurn]
) -> dict[tuple[str, str, int, bool], int]:
    """Return the label of the first row by benchmark, model, turn and whether it failed; judged rows come first."""
    turns = analysis.light_turns
    judged_rows: dict[tuple[str, str, int, bool], int] = {}
    other_rows: dict[tuple[str, str, int, bool], int] = {}
    for label, benchmark, model, number, judged, failed in zip(
        turns.index.tolist(),
        turns["benchmark_name"].tolist(),
        turns[analysis.unit].tolist(),
        turns["turn"].tolist(),
        turns["judged"].tolist(),
        turns["failed"].tolist(),
        strict=True,
    ):
        if (benchmark, number) in shown:
            (judged_rows if judged else other_rows).setdefault((benchmark, model, number, failed), label)
    return other_rows | judged_rows
