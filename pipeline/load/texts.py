"""Fetch the texts of any rows again from the judged files, since passed rows' texts are not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.errors import InputError, Problem
from pipeline.load.files import shown
from pipeline.load.rows import read_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Source(NamedTuple):
    """A judged file as it was read: where it lies, and its digest."""

    file: Path
    sha256: str


def fetch_texts(row_ids: list[str], turns: pa.Table, sources: Mapping[str, Source]) -> pa.Table:
    """Fetch texts by row id: one row per id, in the order given, columns `row_id` and the five texts.

    `turns` tells each row's run and line; `sources` maps the run id to the file read.
    Raises `KeyError` for an unknown id, `InputError` when a file has changed since.
    """
    wanted = turns.filter(pc.is_in(turns[c.ROW_ID], pa.array(row_ids, turns[c.ROW_ID].type)))
    columns = (as_list(wanted[name]) for name in (c.ROW_ID, c.RUN_ID, c.SOURCE_LINE))
    places = {row_id: place for row_id, *place in zip(*columns, strict=True)}
    if unknown := sorted(set(row_ids) - places.keys()):
        raise KeyError(f"no such row: {', '.join(unknown)}")
    lines: dict[str, list[int]] = {}
    for name, line in places.values():
        lines.setdefault(name, []).append(line)
    found: dict[tuple[str, int], dict[str, str]] = {}
    for name, numbers in lines.items():
        rows, sha256 = read_lines(sources[name].file, numbers)
        if sha256 != sources[name].sha256:
            what = "has changed since it was analysed"
            raise InputError(Problem(shown(sources[name].file), what, "analyse it again"))
        texts = rows.select([c.SOURCE_LINE, *c.TEXTS]).to_pylist()
        found |= {(name, row.pop(c.SOURCE_LINE)): row for row in texts}
    rows_in_order = [{c.ROW_ID: row_id, **found[tuple(places[row_id])]} for row_id in row_ids]
    return pa.Table.from_pylist(rows_in_order, pa.schema(dict.fromkeys((c.ROW_ID, *c.TEXTS), pa.large_string())))
