"""The one way back: from an analysis folder to the request that made it, and to its Analysis."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline import schema
from pipeline.analysis import Analysis
from pipeline.errors import InputError, Problem
from pipeline.load.facts import RunFacts
from pipeline.load.folder import read_facts, read_local
from pipeline.load.folder_rows import open_rows
from pipeline.load.moving import finish_move
from pipeline.load.records import Options, RejectedLine, Request
from pipeline.review.folder import open_folder
from pipeline.review.state import review_folder
from pipeline.stages.buckets import assign_buckets, reviews_table
from pipeline.stages.categories import category_counts
from pipeline.stages.compared import compared_by, compared_units
from pipeline.stages.counts import count_tables
from pipeline.stages.losses import losses_table
from pipeline.stages.tables import concat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.load.records import RunInput


_ANALYSE = "analyse again: error-analysis analyze --output"
_READ_TURNS = {
    name: kind for name, kind in schema.TURNS.items() if name not in (*schema.TEXTS, "bucket", "bucket_source")
}


def request_of(folder: Path) -> Request:
    """Return what was analysed, and how. Raises `UsageError` for a folder that is no analysis folder."""
    finish_move(folder)
    local, facts = read_local(folder), read_facts(folder)
    return Request(
        comparison_dirs=local.comparison_dirs,
        run_dirs=() if local.comparison_dirs else tuple(local.run_dirs.values()),
        runs_root=local.runs_root,
        rules=local.rules,
        references=local.references,
        turn_metadata=local.turn_metadata,
        options=_options(facts.options),
    )


def report_of(folder: Path) -> Path:
    """Return where the report of an analysis folder is."""
    names = [name for name in read_local(folder).outputs if name.endswith(".md")]
    return folder / (names[0] if names else f"{schema.REPORT_STEM}.md")


def read_back(path: Path) -> Analysis:
    """Read an analysis back, with the ledger as it is now: everything but the texts of rows that passed.

    The inputs need not be there. Raises `UsageError` for a folder that is no analysis folder, and `InputError` if
    its files cannot be read.
    """
    folder = open_folder(path, open_rows)
    options, facts, state = request_of(path).options, folder.facts, review_folder(folder)
    review = state.complete
    try:
        turns = assign_buckets(_read(path / schema.TURNS_PARQUET, _READ_TURNS), review.rows)
        failures = schema.conform(turns[turns["failed"]], schema.FAILURES)
        scores = _read(path / schema.SCORES_PARQUET, schema.LONG_SCORES)
        units = compared_units(facts.inputs, options.compare_by)
        metadata = _optional(path / schema.TURN_METADATA_PARQUET, schema.TURN_METADATA)
        losses = _losses(path, facts.inputs)
        counts = count_tables(turns, failures, scores, units, options, state.ledger.buckets, losses)
        return Analysis(
            name=str(next(iter(turns["comparison"]), path.name)),
            review=review,
            options=options,
            included_dimensions=facts.included_dimensions,
            rules_sha256=facts.rules_sha256,
            rules_name=facts.options.get("rules", ""),
            inputs=facts.inputs,
            notes=facts.notes,
            rejected=_rejected(path),
            given=facts.given,
            missing_runs=(),
            light_turns=schema.conform(turns[list(schema.LIGHT_TURNS)], schema.LIGHT_TURNS),
            failures=failures,
            failure_texts=None,
            failure_sizes=pd.DataFrame(0, failures.index, list(schema.TEXTS)),
            long_scores=scores,
            **counts,
            turn_metadata=metadata,
            category_counts=category_counts(compared_by(turns, units, options.compare_by), metadata, units),
            verdict_candidates=_optional(path / schema.VERDICT_CANDIDATES_PARQUET, schema.VERDICT_CANDIDATES),
            signs=_optional(path / schema.SIGNS_PARQUET, schema.SIGNS),
            recurring=_optional(path / schema.RECURRING_PARQUET, schema.RECURRING),
            reviews=reviews_table(failures, review),
            read_texts=partial(_read_texts, path=path / schema.TURNS_PARQUET),
        )
    except (OSError, pa.ArrowException, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(Problem(str(path), f"cannot be read back: {error}", _ANALYSE)) from None


def _options(values: Mapping[str, Any]) -> Options:
    known = {each.name: values[each.name] for each in fields(Options) if each.name in values}
    lists = {name: tuple(known.get(name, ())) for name in ("exclude_dimensions", "ending_calls")}
    return Options(**known | lists)


def _losses(path: Path, inputs: Sequence[RunInput]) -> pd.DataFrame:
    """Read the table of pipeline losses, which is not written where there are none."""
    if not (path / schema.LOSSES_PARQUET).exists():
        return losses_table(inputs, {run.run_id: RunFacts() for run in inputs})
    return _read(path / schema.LOSSES_PARQUET, schema.PIPELINE_LOSSES)


def _read(path: Path, columns: schema.Columns) -> pd.DataFrame:
    """Read a table with the dtypes that the stages use."""
    repeated = [name for name, kind in columns.items() if kind == "category"]
    frame: pd.DataFrame = parquet.read_table(path, columns=list(columns), read_dictionary=repeated).to_pandas()
    lists = {name: frame[name].map(list, na_action="ignore") for name, kind in columns.items() if kind == "list"}
    numbers = {name: kind for name, kind in columns.items() if kind in ("Int64", "boolean")}
    return frame.assign(**lists).astype(numbers)


def _optional(path: Path, columns: schema.Columns) -> pd.DataFrame:
    """Read a table that is only there when there is something in it."""
    return _read(path, columns) if path.is_file() else concat([], columns)


def _read_texts(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the five texts of rows, in their order, indexed by `row_id`."""
    wanted = pc.field("row_id").isin(pa.array(rows["row_id"].astype("str"), pa.string()))
    texts: pd.DataFrame = parquet.read_table(path, columns=["row_id", *schema.TEXTS], filters=wanted).to_pandas()
    return texts.set_index("row_id").loc[rows["row_id"]]


def _rejected(path: Path) -> tuple[RejectedLine, ...]:
    try:
        lines = (path / schema.REJECTED_ROWS).read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return tuple(RejectedLine(row["file"], row["line"], row["reason"], row["raw"]) for row in found)
