"""Add to each row whether it was judged, whether it failed and what kind of response it is; concatenate batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import union_categoricals

from pipeline import schema

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_KINDS = pd.CategoricalDtype(list(schema.RESPONSE_KINDS))


def include_dimensions(scores: pd.DataFrame, excluded: Collection[str]) -> pd.DataFrame:
    """Return the scores of the dimensions that count: one row per run x turn x included dimension."""
    return scores[~scores["dimension"].isin(list(excluded))] if excluded else scores


def mark_failures(turns: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Add `judged`, `failed` and `failed_dimensions` (a list in data order) to turns: one row per run x turn.

    A row is *judged* when one of its scores is not missing, and *failed* when one is false: a missing score is
    neither a pass nor a failure. The index of `scores` repeats: each label is that of its row in `turns`, which holds
    within a batch only.
    """
    judged = scores.index[scores["passed"].notna()]
    failing = scores.loc[is_false(scores["passed"]), "dimension"]
    names: dict[int, list[str]] = {}
    for row, dimension in failing.items():
        names.setdefault(row, []).append(dimension)
    return turns.assign(
        judged=turns.index.isin(judged),
        failed=turns.index.isin(failing.index),
        failed_dimensions=pd.Series([names.get(row, []) for row in turns.index], turns.index, dtype="object"),
    )


def is_false(passed: pd.Series) -> pd.Series:
    """Return where a score is false; never where it is missing."""
    return (~passed.fillna(True)).astype("bool")  # noqa: FBT003 - a score


def add_response_kind(turns: pd.DataFrame) -> pd.DataFrame:
    """Add `response_kind`, the response's sentinel or shape (`design/definitions.md`): one row per run x turn."""
    text = turns["assistant_text"]
    blank = text.eq("") | text.str.isspace()
    cases = [(text.str.startswith(sentinel), kind) for kind, sentinel in schema.SENTINELS.items()]
    cases += [(blank & turns["tool_calls"].str.contains(schema.NO_PAYLOAD), "no_text"), (blank, "tool_call_only")]
    kind = pd.Series("text", turns.index, dtype="object").case_when(cases)  # the first that holds
    return turns.assign(response_kind=kind.astype(_KINDS))


def text_sizes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the size of each of the five texts in bytes: one row per row, under the same index."""
    # pandas counts characters; Arrow knows the bytes without looking at the texts.
    sizes = {name: pc.binary_length(pa.array(rows[name], pa.large_string())).to_numpy() for name in schema.TEXTS}
    return schema.conform(pd.DataFrame(sizes, rows.index).astype("int64"), schema.TEXT_SIZES)


def concat(parts: Sequence[pd.DataFrame], columns: schema.Columns) -> pd.DataFrame:
    """Return parts below one another under a fresh index, repeated strings still as categoricals.

    Categories stand in the order of their first appearance. `columns` is the table that each part conforms to.
    """
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=_EMPTY.get(kind, kind)) for name, kind in columns.items()})
    if len(parts) == 1:
        return schema.conform(parts[0].reset_index(drop=True), columns)
    united = {}
    for name, kind in columns.items():
        pieces = [part[name] for part in parts]
        united[name] = (
            pd.Series(union_categoricals(pieces)) if kind == "category" else pd.concat(pieces, ignore_index=True)
        )
    return schema.conform(pd.DataFrame(united, copy=False), columns)


_EMPTY = {"list": "object", "integer": "int64"}
