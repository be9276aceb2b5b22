"""Fetch the texts of any rows again from the judged files, since passed rows' texts are not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline import schema as c
from pipeline.errors import InputError, Problem
from pipeline.load.reading import shown
from pipeline.load.rows import read_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def fetch_texts(row_ids: list[str], turns: pd.DataFrame, files: Mapping[str, Path]) -> pd.DataFrame:
    """Fetch texts by row id: one row per id, in the order given, indexed by `row_id`.

    `turns` tells each row's file and line; `files` maps the file as outputs name it to where it lies.
    Raises `KeyError` for an unknown id, `InputError` when a line no longer holds the row it held.
    """
    places = turns.loc[turns[c.ROW_ID].isin(row_ids), [c.ROW_ID, c.TURN, c.SOURCE_FILE, c.SOURCE_LINE]]
    if unknown := sorted(set(row_ids) - set(places[c.ROW_ID])):
        raise KeyError(f"no such row: {', '.join(unknown)}")
    parts = [pd.DataFrame(columns=[c.ROW_ID, *c.TEXTS], dtype="str")]
    for source, wanted in places.groupby(c.SOURCE_FILE, observed=True):
        file = files[str(source)]
        rows = read_lines(file, wanted[c.SOURCE_LINE].tolist()).to_pandas()
        found = wanted.merge(
            rows[[c.SOURCE_LINE, c.TURN, *c.TEXTS]],
            on=[c.SOURCE_LINE, c.TURN],
            how="left",
            validate="one_to_one",
        )
        if found[c.USER_TEXT].isna().any():
            raise InputError(Problem(shown(file), "has changed since it was analysed", "analyse it again"))
        parts.append(found[[c.ROW_ID, *c.TEXTS]])
    return pd.concat(parts).set_index(c.ROW_ID).loc[row_ids]
