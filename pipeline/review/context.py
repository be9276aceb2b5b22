"""What a reviewer reads around a row: the turns before it, and the other answers to the same turn."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pipeline.load.folder import Row
    from pipeline.load.folder_rows import AllRows

_BEFORE: Final = 2


@dataclass(frozen=True, slots=True)
class RowContext:
    """A row, the turns of its run just before it, and the rows of the same turn of its benchmark."""

    row: Row
    before: list[Row]
    independent: bool
    """Whether the turn stands alone: the turns before it are the reference's, not those of the run."""
    others: list[Row]
    """Passed ones first, each model once before any twice, other models before repeats."""


class Conversations:
    """Which rows are around which, in a whole analysis."""

    def __init__(self, rows: AllRows, independent: Collection[str] = ()) -> None:
        """Index the rows; each turn of the `independent` runs stands alone."""
        self._rows = rows
        self._independent = frozenset(independent)
        self._of_run: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._of_turn: dict[tuple[str, int], list[str]] = defaultdict(list)
        for row_id, benchmark, run, turn in zip(rows.row_ids, rows.benchmarks, rows.run_ids, rows.turns, strict=True):
            self._of_run[run].append((turn, row_id))
            self._of_turn[benchmark, turn].append(row_id)

    def context(self, row_ids: Iterable[str]) -> dict[str, RowContext]:
        """Return those of the rows that are there with their context, by row id."""
        names = {row_id: self._around(row_id) for row_id in row_ids if row_id in self._rows.positions}
        found = self._rows.fetch(
            {name for row_id, (before, others) in names.items() for name in (row_id, *before, *others)}
        )
        contexts = {}
        for row_id, (before, others) in names.items():
            row = found[row_id]
            ranked = sorted(
                (found[name] for name in others),
                key=lambda other: (not other["judged"], other["failed"], other["model_name"] == row["model_name"]),
            )
            contexts[row_id] = RowContext(
                row, [found[name] for name in before], row["run_id"] in self._independent, _each_model_first(ranked)
            )
        return contexts

    def _around(self, row_id: str) -> tuple[list[str], list[str]]:
        """Return the ids of the two turns of the run before a row, and of the other rows of its turn."""
        position = self._rows.positions[row_id]
        turn, run = self._rows.turns[position], self._rows.run_ids[position]
        before = [name for other, name in sorted(self._of_run[run]) if other < turn][-_BEFORE:]
        return before, [name for name in self._of_turn[self._rows.benchmarks[position], turn] if name != row_id]


def _each_model_first(rows: list[Row]) -> list[Row]:
    """Order rows so that one row of every model comes before a second one of any."""
    seen: Counter[str] = Counter()
    placed = []
    for place, row in enumerate(rows):
        placed.append((seen[row["model_name"]], place, row))
        seen[row["model_name"]] += 1
    return [row for *_, row in sorted(placed, key=lambda entry: entry[:2])]
