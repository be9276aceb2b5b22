"""Add to each row whether it was judged, whether it failed and what kind of response it is; concatenate batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import union_categoricals

from pipeline import schema
from pipeline.stages.endings import NO_ENDINGS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pipeline.stages.endings import Endings

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
    lists: dict[tuple[str, ...], list[str]] = {}  # one list per combination, or the lists would outweigh the rows
    of_row = [lists.setdefault(key := tuple(names.get(row, ())), list(key)) for row in turns.index]
    return turns.assign(
        judged=turns.index.isin(judged),
        failed=turns.index.isin(failing.index),
        failed_dimensions=pd.Series(of_row, turns.index, dtype="object"),
    )


def leave_unmeasured(
    turns: pd.DataFrame, scores: pd.DataFrame, lost: Collection[str], without_turn_taking: Collection[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return turns and scores where what the harness did not measure has no score.

    `lost` are the row ids of turns that it lost or excluded, which keep their texts; `without_turn_taking` are the
    run ids in which it did not measure turn-taking. `scores` has its rows under the index of their turn.
    """
    unmeasured = scores.index.isin(turns.index[turns["row_id"].isin(list(lost))])
    unmeasured |= scores["dimension"].eq(schema.TURN_TAKING) & scores["run_id"].isin(list(without_turn_taking))
    if not unmeasured.any():
        return turns, scores
    names = scores.loc[unmeasured, "dimension"].groupby(level=0).agg(list)
    texts = [
        msgspec.json.encode(msgspec.json.decode(text) | dict.fromkeys(dimensions)).decode()
        for text, dimensions in zip(turns.loc[names.index, "scores"], names, strict=True)
    ]
    changed = pd.Series(texts, names.index, dtype="str").reindex(turns.index)
    return (
        turns.assign(scores=changed.fillna(turns["scores"])),
        scores.assign(passed=scores["passed"].mask(unmeasured)),
    )


def is_false(passed: pd.Series) -> pd.Series:
    """Return where a score is false; never where it is missing."""
    return (~passed.fillna(True)).astype("bool")  # noqa: FBT003 - a score


def add_response_kind(turns: pd.DataFrame, endings: Endings = NO_ENDINGS) -> pd.DataFrame:
    """Add `response_kind`, the response's sentinel or shape (`design/definitions.md`): one row per run x turn.

    `turns` has `stored` and `scores` (JSON text); an ending where one is expected is so by `endings`.
    """
    text = turns["assistant_text"]
    blank = text.eq("") | text.str.isspace()
    cases = [(~turns["stored"], schema.NOT_STORED), (endings.expected(turns), schema.EXPECTED_ENDING)]
    cases += [(text.str.startswith(sentinels), kind) for kind, sentinels in schema.SENTINELS.items()]
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
