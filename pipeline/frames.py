"""Turn loaded runs into the two long frames: turns (run x turn) and scores (run x turn x dimension)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import judged
from pipeline import schema as c

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pipeline.load.rows import LoadedRun
    from pipeline.records import RunInput

_NO_PAYLOAD: Final = r'^\s*(?:null|false|\[\s*\]|\{\s*\}|"\s*")?\s*$'


@dataclass(frozen=True, slots=True)
class Frames:
    """The two long frames of some runs."""

    turns: pd.DataFrame
    """One row per run x turn: the columns of `schema.TURNS` up to the error mode, and `scores` (JSON text,
    failed rows only), which the packet needs."""
    scores: pd.DataFrame
    """One row per run x turn x included dimension (`schema.SCORE_ROWS`)."""
    dimensions: tuple[str, ...]
    """Every dimension of the data in order of appearance, excluded ones too."""


def build_frames(batch: Sequence[LoadedRun], comparison: str, excluded: Collection[str]) -> Frames:
    """Build the frames of a batch of runs, with all texts.

    A row is *judged* when one of its included dimensions has a score, and *failed* when one is false;
    `excluded` dimensions take no part.
    """
    table = pa.concat_tables([loaded.table for loaded in batch])
    run = np.repeat(np.arange(len(batch)), [loaded.table.num_rows for loaded in batch])
    row, dimension, passed = _long_scores(table)
    dimensions = tuple(dimension.categories)
    if excluded:
        keep = ~dimension.isin(list(excluded))
        row, dimension, passed = row[keep], dimension[keep].remove_unused_categories(), passed[keep]
    failing = (~passed).to_numpy(dtype=bool, na_value=False)  # null is not false
    judged_rows = np.zeros(table.num_rows, dtype=bool)
    judged_rows[row[~passed.isna()]] = True
    failed_rows = np.zeros(table.num_rows, dtype=bool)
    failed_rows[row[failing]] = True
    failed_dimensions: list[list[str]] = [[] for _ in range(table.num_rows)]
    for index, name in zip(row[failing].tolist(), dimension[failing].tolist(), strict=True):
        failed_dimensions[index].append(name)
    run_ids = [loaded.run.run_id for loaded in batch]
    turns = pd.DataFrame(
        {
            c.ROW_ID: _row_ids(run_ids, run, table[c.TURN]),
            c.COMPARISON: _category([comparison]).take(np.zeros_like(run)),
            c.BENCHMARK: _category([loaded.run.benchmark_name for loaded in batch]).take(run),
            c.MODEL: _category([loaded.model_name for loaded in batch]).take(run),
            c.RUN_ID: _category(run_ids).take(run),
            c.RUN_INDEX: pd.array([loaded.run.run_index for loaded in batch], dtype="Int64").take(run),
            c.TURN: table[c.TURN].to_numpy(),
            c.RESPONSE_KIND: _response_kinds(table[c.ASSISTANT_TEXT], table[c.TOOL_CALLS]),
            c.JUDGED: judged_rows,
            c.FAILED: failed_rows,
            c.FAILED_DIMENSIONS: pd.Series(failed_dimensions, dtype=object),
            c.LATENCY_MS: table[c.LATENCY_MS].to_numpy(),
            c.TTFB_MS: table[c.TTFB_MS].to_numpy(),
            c.SOURCE_FILE: _category([loaded.run.source for loaded in batch]).take(run),
            c.SOURCE_LINE: table[c.SOURCE_LINE].to_numpy(),
            **{name: table[name].to_pandas() for name in c.TEXTS},
            c.SCORES: _scores_as_json(table, failed_rows),
        }
    )
    keys = [c.ROW_ID, c.COMPARISON, c.BENCHMARK, c.MODEL, c.RUN_ID, c.TURN]
    scores = turns[keys].take(row).reset_index(drop=True).assign(**{c.DIMENSION: dimension, c.PASSED: passed})
    return Frames(turns, scores, dimensions)


def drop_passed_texts(turns: pd.DataFrame) -> pd.DataFrame:
    """Keep the texts of failed rows alone; the others become missing, and their memory is free."""
    return turns.assign(**{name: turns[name].where(turns[c.FAILED]) for name in c.TEXTS})


def concat_frames(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put frames of the same columns below one another, uniting the categories in order of appearance."""
    parts = list(frames)
    united = {
        str(name): pd.api.types.union_categoricals([part[name] for part in parts])
        for name, dtype in parts[0].dtypes.items()
        if isinstance(dtype, pd.CategoricalDtype)
    }
    rest = pd.concat([part.drop(columns=list(united)) for part in parts], ignore_index=True)
    return rest.assign(**united)[list(parts[0].columns)]


def units(inputs: Iterable[RunInput], compare_by: c.CompareBy) -> pd.DataFrame:
    """List what is compared: one row per run, with its benchmark, its model or itself, and its id."""
    rows = [(run.benchmark_name, run.model_name if compare_by == "model" else run.run_id, run.run_id) for run in inputs]
    return pd.DataFrame(rows, columns=[c.BENCHMARK, c.MODEL, c.RUN_ID], dtype="str")


def by_unit(frame: pd.DataFrame, compare_by: c.CompareBy) -> pd.DataFrame:
    """Put what is compared into `model_name`: the model, or each run by itself (`--compare-by run`)."""
    match compare_by:
        case "model":
            return frame
        case "run":
            return frame.assign(**{c.MODEL: frame[c.RUN_ID]})


def _long_scores(table: pa.Table) -> tuple[np.ndarray, pd.Categorical, pd.arrays.BooleanArray]:
    """Explode the score lists: the row's position, the dimension, and passed, one entry per score."""
    lists = table[judged.DIMENSIONS].combine_chunks()
    row = pc.list_parent_indices(lists).to_numpy()
    dimension = pc.list_flatten(lists).dictionary_encode().to_pandas().array
    flat = pc.list_flatten(table[judged.PASSES].combine_chunks())
    passed = flat.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get).array
    return row, dimension, passed


def _response_kinds(texts: pa.ChunkedArray, tool_calls: pa.ChunkedArray) -> pd.Categorical[str]:
    """Name each response by its sentinel or its shape (DESIGN, inputs)."""

    def mask(array: pa.ChunkedArray) -> np.ndarray:
        return np.asarray(array, dtype=bool)

    blank = mask(pc.or_(pc.equal(pc.binary_length(texts), 0), pc.utf8_is_space(texts)))
    nothing_called = mask(pc.match_substring_regex(tool_calls, _NO_PAYLOAD))
    kinds = {
        c.ENDED_EARLY: mask(pc.starts_with(texts, "[MODEL_ENDED_SESSION_EARLY]")),
        c.ENDED: mask(pc.starts_with(texts, "[MODEL_ENDED_SESSION]")),
        c.EMPTY_RESPONSE: mask(pc.starts_with(texts, "[EMPTY_RESPONSE")),
        c.NO_TEXT: blank & nothing_called,
        c.TOOL_CALL_ONLY: blank,
    }
    codes = np.select(
        list(kinds.values()),
        [c.RESPONSE_KINDS.index(kind) for kind in kinds],
        default=c.RESPONSE_KINDS.index(c.TEXT),
    )
    return pd.Categorical.from_codes(codes, categories=pd.Index(c.RESPONSE_KINDS))


def _scores_as_json(table: pa.Table, wanted: np.ndarray) -> pd.Series:
    rows = np.flatnonzero(wanted)
    names = table[judged.DIMENSIONS].take(rows).to_pylist()
    scores = table[judged.PASSES].take(rows).to_pylist()
    texts = np.full(table.num_rows, None, dtype=object)
    texts[rows] = [
        msgspec.json.encode(dict(zip(*pair, strict=True))).decode() for pair in zip(names, scores, strict=True)
    ]
    return pd.Series(texts, dtype="str")


def _row_ids(run_ids: list[str], run: np.ndarray, turns: pa.ChunkedArray) -> pd.Series:
    prefix = pa.array(run_ids, pa.large_string()).take(pa.array(run))
    colon = pa.scalar(":", pa.large_string())
    joined = pc.binary_join_element_wise(prefix, turns.cast(pa.large_string()), colon)
    return cast("pd.Series[str]", joined.to_pandas())


def _category(values: list[str]) -> pd.Categorical:
    return pd.Categorical(values, categories=pd.Index(dict.fromkeys(values), dtype="str"))
