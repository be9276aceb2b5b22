"""Rows with all that a reviewer needs to read: the turns before, and the same turn's other answers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.errors import InputError, Problem
from pipeline.load.rows import read_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

LIGHT: Final = (c.ROW_ID, c.BENCHMARK, c.MODEL, c.RUN_ID, c.TURN, c.JUDGED, c.FAILED)
SHOWN: Final = (*LIGHT, c.RESPONSE_KIND, c.FAILED_DIMENSIONS, c.SOURCE_FILE, c.SOURCE_LINE, *c.TEXTS)
_BEFORE: Final = 2
_ANALYSE: Final = "analyse again: error-analysis analyze"
Row = dict[str, Any]


class Place(NamedTuple):
    """Where a row stands."""

    benchmark: str
    run: str
    turn: int


class Around(NamedTuple):
    """A row, the turns of its run just before it, and the rows of the same turn of its benchmark."""

    row: Row
    before: list[Row]
    others: list[Row]
    """A passed one first, each model once before any twice, other models before repeats."""


class Conversations:
    """Which rows stand around which, in a whole analysis."""

    def __init__(self, light: pa.Table) -> None:
        columns = (as_list(light[name]) for name in (c.ROW_ID, c.BENCHMARK, c.RUN_ID, c.TURN))
        self.places: dict[str, Place] = {}
        self._of_run: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._of_turn: dict[tuple[str, int], list[str]] = defaultdict(list)
        for row_id, benchmark, run, turn in zip(*columns, strict=True):
            self.places[row_id] = Place(benchmark, run, turn)
            self._of_run[run].append((turn, row_id))
            self._of_turn[benchmark, turn].append(row_id)

    def before(self, row_id: str) -> list[str]:
        """Name the two turns of the run before a row."""
        place = self.places[row_id]
        return [name for turn, name in sorted(self._of_run[place.run]) if turn < place.turn][-_BEFORE:]

    def others(self, row_id: str) -> list[str]:
        """Name the other rows of the same turn of the benchmark."""
        place = self.places[row_id]
        return [name for name in self._of_turn[place.benchmark, place.turn] if name != row_id]

    def around(self, row_ids: Iterable[str], fetch: Callable[[Collection[str]], dict[str, Row]]) -> dict[str, Around]:
        """Give those of the rows that are there with what stands around them; `fetch` reads rows by their ids."""
        names = {row_id: (self.before(row_id), self.others(row_id)) for row_id in row_ids if row_id in self.places}
        found = fetch({name for row_id, (before, others) in names.items() for name in (row_id, *before, *others)})
        around = {}
        for row_id, (before, others) in names.items():
            row = found[row_id]
            ranked = [
                (not o[c.JUDGED], o[c.FAILED], o[c.MODEL] == row[c.MODEL], o) for o in map(found.get, others) if o
            ]
            ranked.sort(key=lambda entry: entry[:-1])
            others_in_order = _each_model_first([entry[-1] for entry in ranked])
            around[row_id] = Around(row, [found[name] for name in before], others_in_order)
        return around


def _each_model_first(rows: list[Row]) -> list[Row]:
    """Put one row of every model before a second one of any."""
    seen: Counter[str] = Counter()
    placed = []
    for place, row in enumerate(rows):
        placed.append((seen[row[c.MODEL]], place, row))
        seen[row[c.MODEL]] += 1
    return [row for *_, row in sorted(placed, key=lambda entry: entry[:2])]


def all_rows(folder: Path) -> pa.Table:
    """Read every row of an analysis, passed ones too, without texts."""
    return read_table(folder / c.TURNS_PARQUET, LIGHT)


def rows_by_id(folder: Path, row_ids: Collection[str]) -> dict[str, Row]:
    """Read rows by their ids, `scores` of the counted dimensions as JSON text."""
    wanted = pc.field(c.ROW_ID).isin(pa.array(sorted(row_ids), pa.string()))
    scores = read_table(folder / c.SCORES_PARQUET, (c.ROW_ID, c.DIMENSION, c.PASSED), wanted)
    return as_rows(read_table(folder / c.TURNS_PARQUET, SHOWN, wanted), scores)


def as_rows(turns: pa.Table, scores: pa.Table) -> dict[str, Row]:
    """Give turns by row id, each with its scores as JSON text."""
    rows: dict[str, Row] = {row[c.ROW_ID]: row for row in turns.to_pylist()}
    found: dict[str, dict[str, bool | None]] = {row_id: {} for row_id in rows}
    columns = (as_list(scores[name]) for name in (c.ROW_ID, c.DIMENSION, c.PASSED))
    for row_id, dimension, passed in zip(*columns, strict=True):
        found[row_id][dimension] = passed
    return {row_id: row | {c.SCORES: msgspec.json.encode(found[row_id]).decode()} for row_id, row in rows.items()}


def all_scores(folder: Path, row: Row) -> str:
    """Read a row's scores of every dimension, those that the analysis leaves out too, from its judged file.

    Raises `InputError` where the file is not where it was.
    """
    try:
        local = json.loads((folder / c.LOCAL_JSON).read_bytes())
        file = Path(local["run_dirs"][row[c.RUN_ID]]) / Path(row[c.SOURCE_FILE]).name
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(Problem(str(folder / c.LOCAL_JSON), f"cannot be read back: {error}", _ANALYSE)) from None
    (found,) = read_lines(file, [row[c.SOURCE_LINE]])[0].select([c.DIMENSIONS, c.PASSES]).to_pylist() or [None]
    if found is None:
        raise InputError(Problem(f"{file}:{row[c.SOURCE_LINE]}", "the row is gone", _ANALYSE))
    return msgspec.json.encode(dict(zip(found[c.DIMENSIONS], found[c.PASSES], strict=True))).decode()


def read_table(path: Path, columns: Iterable[str], wanted: pc.Expression | None = None) -> pa.Table:
    """Read a table of the folder, or the rows wanted. Raises `InputError` if it cannot be read."""
    try:
        return parquet.read_table(path, columns=list(columns), filters=wanted)
    except (OSError, pa.ArrowException) as error:
        raise InputError(Problem(str(path), f"cannot be read back: {error}", _ANALYSE)) from None
