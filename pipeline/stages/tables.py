"""Turn loaded runs into the two long tables: turns (run x turn) and scores (run x turn x dimension)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import where_equal

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pipeline.load.rows import LoadedRun


class Frames(NamedTuple):
    """The two long tables of some runs."""

    turns: pa.Table
    """One row per run x turn: the columns of `schema.TURNS` up to the error mode, and `scores` (JSON text,
    of failed and reviewed rows), which the packet needs."""
    scores: pa.Table
    """One row per run x turn x included dimension (`schema.SCORE_ROWS`)."""
    dimensions: tuple[str, ...]
    """Every dimension of the data in order of appearance, excluded ones too."""


def build_frames(
    batch: Sequence[LoadedRun], comparison: str, excluded: Collection[str], reviewed: Collection[str] = ()
) -> Frames:
    """Build the tables of a batch of runs, with all texts.

    A row is *judged* when one of its included dimensions has a score, and *failed* when one is false;
    `excluded` dimensions take no part. `scores` stand with the failed rows and those `reviewed`, by row id.
    """
    table = pa.concat_tables([loaded.table for loaded in batch])
    run = np.repeat(np.arange(len(batch)), [loaded.table.num_rows for loaded in batch])
    row, dimension, passed = _long_scores(table)
    dimensions = tuple(pc.unique(dimension).to_pylist())
    if excluded:
        keep = pc.invert(pc.is_in(dimension, pa.array(sorted(excluded), dimension.type)))
        row, dimension, passed = row[np.asarray(keep)], dimension.filter(keep), passed.filter(keep)
    scored = np.asarray(pc.is_valid(passed))
    failing = where_equal(passed, value=False)  # null is not false
    judged_rows = np.bincount(row[scored], minlength=len(run)) > 0
    failures = np.bincount(row[failing], minlength=len(run))
    run_ids = [loaded.run.run_id for loaded in batch]
    row_ids = _row_ids(run_ids, run, table[c.TURN])
    with_scores = failures > 0
    if reviewed:
        with_scores |= np.asarray(pc.is_in(row_ids, pa.array(sorted(reviewed), row_ids.type)))
    turns = pa.table(
        {
            c.ROW_ID: row_ids,
            c.COMPARISON: repeated([comparison], np.zeros_like(run)),
            c.BENCHMARK: repeated([loaded.run.benchmark_name for loaded in batch], run),
            c.MODEL: repeated([loaded.model_name for loaded in batch], run),
            c.RUN_ID: repeated(run_ids, run),
            c.RUN_INDEX: pa.array([loaded.run.run_index for loaded in batch], pa.int64()).take(pa.array(run)),
            c.TURN: table[c.TURN],
            c.RESPONSE_KIND: _response_kinds(table[c.ASSISTANT_TEXT], table[c.TOOL_CALLS]),
            c.JUDGED: judged_rows,
            c.FAILED: failures > 0,
            c.FAILED_DIMENSIONS: pa.ListArray.from_arrays(
                pa.array(np.concatenate([[0], np.cumsum(failures)]), pa.int32()), dimension.filter(pa.array(failing))
            ),
            c.LATENCY_MS: table[c.LATENCY_MS],
            c.TTFB_MS: table[c.TTFB_MS],
            c.SOURCE_FILE: repeated([loaded.run.source for loaded in batch], run),
            c.SOURCE_LINE: table[c.SOURCE_LINE],
            **{name: table[name] for name in c.TEXTS},
            c.SCORES: _scores_as_json(table, with_scores),
        }
    )
    keys = turns.select([c.ROW_ID, c.COMPARISON, c.BENCHMARK, c.MODEL, c.RUN_ID, c.TURN]).take(pa.array(row))
    scores = keys.append_column(c.DIMENSION, dimension.dictionary_encode()).append_column(c.PASSED, passed)
    return Frames(turns, scores, dimensions)


def split_failures(turns: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Part what is kept: all rows without texts, and the failed rows with everything."""
    return turns.drop_columns([*c.TEXTS, c.SCORES]), turns.filter(turns[c.FAILED])


def repeated(values: Sequence[str], codes: np.ndarray) -> pa.DictionaryArray:
    """Repeat values by their positions, each distinct one stored once."""
    distinct = {value: position for position, value in enumerate(dict.fromkeys(values))}
    positions = np.array([distinct[value] for value in values], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(positions[codes]), pa.array(list(distinct), pa.large_string()))


def _long_scores(table: pa.Table) -> tuple[np.ndarray, pa.Array, pa.Array]:
    """Explode the score lists: the row's position, the dimension, and passed, one entry per score."""
    dimensions = table[c.DIMENSIONS].combine_chunks()
    passes = table[c.PASSES].combine_chunks()
    return np.asarray(pc.list_parent_indices(dimensions)), pc.list_flatten(dimensions), pc.list_flatten(passes)


def _response_kinds(texts: pa.ChunkedArray, tool_calls: pa.ChunkedArray) -> pa.DictionaryArray:
    """Name each response by its sentinel or its shape (`design/definitions.md`)."""
    blank = np.asarray(pc.or_(pc.equal(pc.binary_length(texts), 0), pc.utf8_is_space(texts)))
    nothing_called = np.asarray(pc.match_substring_regex(tool_calls, c.NO_PAYLOAD))
    kinds = {
        **{kind: np.asarray(pc.starts_with(texts, sentinel)) for kind, sentinel in c.SENTINELS.items()},
        c.NO_TEXT: blank & nothing_called,
        c.TOOL_CALL_ONLY: blank,
    }
    codes = [c.RESPONSE_KINDS.index(kind) for kind in kinds]
    return repeated(c.RESPONSE_KINDS, np.select(list(kinds.values()), codes, default=c.RESPONSE_KINDS.index(c.TEXT)))


def _scores_as_json(table: pa.Table, wanted: np.ndarray) -> pa.Array:
    rows = np.flatnonzero(wanted)
    names = table[c.DIMENSIONS].take(pa.array(rows)).to_pylist()
    scores = table[c.PASSES].take(pa.array(rows)).to_pylist()
    texts = np.full(len(wanted), None, dtype=object)
    texts[rows] = [
        msgspec.json.encode(dict(zip(*pair, strict=True))).decode() for pair in zip(names, scores, strict=True)
    ]
    return pa.array(texts, pa.large_string())


def _row_ids(run_ids: list[str], run: np.ndarray, turns: pa.ChunkedArray) -> pa.ChunkedArray:
    prefix = pa.array(run_ids, pa.large_string()).take(pa.array(run))
    colon = pa.scalar(":", pa.large_string())
    return pc.binary_join_element_wise(prefix, turns.cast(pa.large_string()), colon)
