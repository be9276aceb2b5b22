"""Read an analysis back from its folder, with the ledger as it is now; the inputs need not be there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import parquet

from pipeline import schema as c
from pipeline.analysis import Analysis
from pipeline.columns import as_list
from pipeline.counting import Long, count_tables
from pipeline.errors import InputError, Problem
from pipeline.load.folder_rows import open_rows
from pipeline.load.records import Note, RejectedLine, RunInput
from pipeline.review.folder import open_folder
from pipeline.review.state import review_folder
from pipeline.stages import buckets as decisions

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.load.records import Options

_REPEATED: Final = (
    c.COMPARISON,
    c.BENCHMARK,
    c.MODEL,
    c.RUN_ID,
    c.RESPONSE_KIND,
    c.ERROR_MODE,
    c.ERROR_MODE_RULE,
    c.ERROR_MODE_RUNNER_UP,
    c.SOURCE_FILE,
    c.DIMENSION,
)
_ANALYSE: Final = "analyse again: error-analysis analyze --output"


def read_back(path: Path, options: Options) -> Analysis:
    """Read an analysis back: everything but the packet and the texts of rows that passed."""
    folder = open_folder(path, open_rows)
    state = review_folder(folder)
    reviewed = state.review.rows
    light = [name for name in c.TURNS if name not in (*c.TEXTS, c.BUCKET, c.BUCKET_SOURCE)]
    try:
        facts = json.loads((path / c.ANALYSIS_JSON).read_bytes())
        turns = decisions.assign_buckets(_read(path / c.TURNS_PARQUET, light), reviewed)
        failures = turns.filter(turns[c.FAILED])
        texts = _read(path / c.TURNS_PARQUET, [c.FAILED, *c.TEXTS])
        texts = texts.filter(texts[c.FAILED])
        for name in c.TEXTS:
            failures = failures.append_column(name, texts[name])
        scores = _read(path / c.SCORES_PARQUET, list(c.SCORE_ROWS))
        inputs = tuple(RunInput(**run) for run in facts["inputs"])
        counted = count_tables(Long(turns, failures, scores), inputs, options, state.ledger.buckets)
        review = decisions.review_of(state.ledger, reviewed, counted.tables["bucket_counts"], options.compare_by)
        return Analysis(
            name=_name(turns, path),
            review=review,
            options=options,
            included_dimensions=tuple(facts["included_dimensions"]),
            rules_sha256=facts["rules_sha256"],
            rules_name=facts["options"].get("rules", ""),
            inputs=inputs,
            notes=tuple(Note(**note) for note in facts["notes"]),
            rejected=_rejected(path),
            missing_runs=(),
            tables={**counted.tables, "reviews": decisions.reviews_table(failures, review)},
            fetch_texts=_no_texts,
        )
    except (OSError, pa.ArrowException, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(Problem(str(path), f"cannot be read back: {error}", _ANALYSE)) from None


def _read(path: Path, columns: list[str]) -> pa.Table:
    """Read a table with its repeated strings encoded, as the stages have them."""
    table = parquet.read_table(path, columns=columns).combine_chunks()
    for name in set(_REPEATED) & set(columns):
        encoded = table[name].cast(pa.large_string()).combine_chunks().dictionary_encode()
        table = table.set_column(table.column_names.index(name), name, encoded)
    return table


def _name(turns: pa.Table, path: Path) -> str:
    return next(iter(as_list(turns[c.COMPARISON][:1])), path.name)


def _rejected(path: Path) -> tuple[RejectedLine, ...]:
    try:
        lines = (path / c.REJECTED_ROWS).read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return tuple(RejectedLine(row["file"], row["line"], row["reason"], row["raw"]) for row in found)


def _no_texts(row_ids: list[str]) -> pa.Table:
    raise InputError(Problem(", ".join(row_ids[:3]), "texts are not read back", "analyse the inputs"))
