"""Rows with all that a reviewer needs to read: the turns before, and the same turn's other answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

_LIGHT: Final = (c.ROW_ID, c.BENCHMARK, c.MODEL, c.RUN_ID, c.TURN, c.JUDGED, c.FAILED)
_SHOWN: Final = (*_LIGHT, c.RESPONSE_KIND, c.FAILED_DIMENSIONS, *c.TEXTS)
_BEFORE: Final = 2
_ANALYSE: Final = "analyse again: error-analysis analyze"
Row = dict[str, Any]


def all_rows(folder: Path) -> pa.Table:
    """Read every row of an analysis, passed ones too, without texts."""
    return _read(folder / c.TURNS_PARQUET, _LIGHT, None)


def rows_by_id(folder: Path, row_ids: Collection[str]) -> dict[str, Row]:
    """Read rows by their ids, `scores` of the counted dimensions as JSON text."""
    return {row[c.ROW_ID]: row for row in _rows(folder, _is_among(row_ids))}


def with_surroundings(folder: Path, row_ids: Collection[str]) -> dict[str, tuple[Row, list[Row], list[Row]]]:
    """Read rows with what is around them: row id -> the row, the two turns of its run before it, the others.

    The others are the rows of the same turn of its benchmark, a passed one first, other models before repeats.
    """
    light = all_rows(folder)
    columns = {name: as_list(light[name]) for name in (c.ROW_ID, c.BENCHMARK, c.RUN_ID, c.TURN)}
    chosen = {
        row_id: (benchmark, run, turn)
        for row_id, benchmark, run, turn in zip(*columns.values(), strict=True)
        if row_id in row_ids
    }
    turns_of_run: dict[str, list[tuple[int, str]]] = {run: [] for _, run, _ in chosen.values()}
    for row_id, run, turn in zip(columns[c.ROW_ID], columns[c.RUN_ID], columns[c.TURN], strict=True):
        if run in turns_of_run:
            turns_of_run[run].append((turn, row_id))
    before = {
        row_id: [name for number, name in sorted(turns_of_run[run]) if number < turn][-_BEFORE:]
        for row_id, (_, run, turn) in chosen.items()
    }
    of_turns = {(benchmark, turn) for benchmark, _, turn in chosen.values()}
    wanted = {row_id for names in before.values() for row_id in names}
    keys = zip(columns[c.ROW_ID], columns[c.BENCHMARK], columns[c.TURN], strict=True)
    wanted |= {row_id for row_id, benchmark, turn in keys if (benchmark, turn) in of_turns}
    found = rows_by_id(folder, wanted)
    around = {}
    for row_id, (benchmark, _, turn) in chosen.items():
        row = found[row_id]
        others = [
            other
            for other in found.values()
            if (other[c.BENCHMARK], other[c.TURN]) == (benchmark, turn) and other[c.ROW_ID] != row_id
        ]
        others.sort(key=lambda other: (not other[c.JUDGED], other[c.FAILED], other[c.MODEL] == row[c.MODEL]))
        around[row_id] = (row, [found[name] for name in before[row_id]], others)
    return around


def _rows(folder: Path, wanted: pc.Expression) -> list[Row]:
    rows: list[Row] = _read(folder / c.TURNS_PARQUET, _SHOWN, wanted).to_pylist()
    scores: dict[str, dict[str, bool | None]] = {row[c.ROW_ID]: {} for row in rows}
    of_rows = _is_among(scores)
    found = _read(folder / c.SCORES_PARQUET, (c.ROW_ID, c.DIMENSION, c.PASSED), of_rows)
    columns = (as_list(found[name]) for name in (c.ROW_ID, c.DIMENSION, c.PASSED))
    for row_id, dimension, passed in zip(*columns, strict=True):
        scores[row_id][dimension] = passed
    return [row | {c.SCORES: msgspec.json.encode(scores[row[c.ROW_ID]]).decode()} for row in rows]


def _is_among(row_ids: Iterable[str]) -> pc.Expression:
    return pc.field(c.ROW_ID).isin(pa.array(sorted(row_ids), pa.string()))


def _read(path: Path, columns: Iterable[str], wanted: pc.Expression | None) -> pa.Table:
    try:
        return parquet.read_table(path, columns=list(columns), filters=wanted)
    except (OSError, pa.ArrowException) as error:
        raise InputError(Problem(str(path), f"cannot be read back: {error}", _ANALYSE)) from None
