"""Read an analysis folder back: the turns of one run as they were labelled, and by which rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline import schema as c
from pipeline.columns import as_list
from pipeline.errors import InputError, Problem, UsageError

if TYPE_CHECKING:
    from pathlib import Path


class LabelledRun(NamedTuple):
    """The run of one row, whole."""

    turns: pa.Table
    """Its turns with texts, and `scores` (JSON text)."""
    rules_sha256: str
    rules_file: str | None
    """Where the rules file lay; None for the rules of the package."""


def read_run_of(folder: Path, row_id: str) -> LabelledRun:
    """Read the run that a row belongs to.

    Raises `UsageError` if `folder` is no analysis folder or has no such failed row, `InputError` if its files
    cannot be read.
    """
    if not (folder / c.ANALYSIS_JSON).is_file():
        fix = "name the folder that `error-analysis analyze` wrote"
        raise UsageError(Problem(str(folder), "not an analysis folder", fix))
    try:
        analysis = msgspec.json.decode((folder / c.ANALYSIS_JSON).read_bytes())
        local = msgspec.json.decode((folder / c.LOCAL_JSON).read_bytes())
        run_ids = parquet.read_table(folder / c.TURNS_PARQUET, columns=[c.RUN_ID, c.ROW_ID, c.FAILED])
        row = run_ids.filter(pc.equal(run_ids[c.ROW_ID], row_id))
        if not len(row) or not row[c.FAILED][0].as_py():
            what = "did not fail, so no rule was applied to it" if len(row) else "no such row"
            raise UsageError(Problem(row_id, what, f"row ids are in {folder / c.PACKET_JSONL}"))
        of_run = [(c.RUN_ID, "=", row[c.RUN_ID][0].as_py())]
        turns = parquet.read_table(folder / c.TURNS_PARQUET, filters=of_run)
        scores = parquet.read_table(folder / c.SCORES_PARQUET, filters=of_run)
        sha256, rules_file = analysis["rules_sha256"], local.get("rules")
        if not isinstance(rules_file, str | None):
            raise TypeError(f"rules in {c.LOCAL_JSON} is no path")  # noqa: TRY301 - told like the others
    except (OSError, pa.ArrowException, msgspec.DecodeError, KeyError, AttributeError, TypeError) as error:
        fix = "analyse again: error-analysis analyze"
        raise InputError(Problem(str(folder), f"cannot be read back: {error}", fix)) from None
    return LabelledRun(_with_scores(turns, scores), sha256, rules_file)


def _with_scores(turns: pa.Table, scores: pa.Table) -> pa.Table:
    of_row: dict[str, dict[str, bool | None]] = {row_id: {} for row_id in as_list(turns[c.ROW_ID])}
    columns = (as_list(scores[name]) for name in (c.ROW_ID, c.DIMENSION, c.PASSED))
    for row_id, dimension, passed in zip(*columns, strict=True):
        of_row[row_id][dimension] = passed
    texts = [msgspec.json.encode(of_row[row_id]).decode() for row_id in as_list(turns[c.ROW_ID])]
    turns = turns.append_column(c.SCORES, pa.array(texts, pa.large_string()))
    return turns.set_column(
        turns.column_names.index(c.RUN_ID), c.RUN_ID, turns[c.RUN_ID].combine_chunks().dictionary_encode()
    )
