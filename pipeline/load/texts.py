"""Fetch the texts of any rows again from the judged files, since passed rows' texts are not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.errors import InputError, Problem
from pipeline.load.reading import shown
from pipeline.load.rows import read_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def fetch_texts(row_ids: list[str], turns: pa.Table, files: Mapping[str, Path]) -> pa.Table:
    """Fetch texts by row id: one row per id, in the order given, columns `row_id` and the five texts.

    `turns` tells each row's file and line; `files` maps the file as outputs name it to where it lies.
    Raises `KeyError` for an unknown id, `InputError` when a line no longer holds the row it held.
    """
    wanted = turns.filter(pc.is_in(turns[c.ROW_ID], pa.array(row_ids, turns[c.ROW_ID].type)))
    names = (c.ROW_ID, c.TURN, c.SOURCE_FILE, c.SOURCE_LINE)
    places = {row_id: place for row_id, *place in zip(*(as_list(wanted[name]) for name in names), strict=True)}
    if unknown := sorted(set(row_ids) - places.keys()):
        raise KeyError(f"no such row: {', '.join(unknown)}")
    lines: dict[str, list[int]] = {}
    for _, source, line in places.values():
        lines.setdefault(source, []).append(line)
    found: dict[tuple[str, int, int], dict[str, str]] = {}
    for source, numbers in lines.items():
        rows = read_lines(files[source], numbers).select([c.SOURCE_LINE, c.TURN, *c.TEXTS])
        found |= {(source, row[c.SOURCE_LINE], row[c.TURN]): row for row in rows.to_pylist()}
    texts = []
    for row_id in row_ids:
        turn, source, line = places[row_id]
        if (source, line, turn) not in found:
            raise InputError(Problem(shown(files[source]), "has changed since it was analysed", "analyse it again"))
        texts.append({c.ROW_ID: row_id} | {name: found[source, line, turn][name] for name in c.TEXTS})
    return pa.Table.from_pylist(texts, pa.schema(dict.fromkeys((c.ROW_ID, *c.TEXTS), pa.large_string())))
