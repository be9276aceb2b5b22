"""The numbers as one JSON object, for programs and agents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline import schema as c
from pipeline.load.records import Options
from pipeline.report.frames import MODEL, grouped, records
from pipeline.report.text import escaped_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.analysis import Analysis
    from pipeline.ledger.events import Finding
    from pipeline.ledger.gate import BucketStatus
    from pipeline.load.records import RunInput
    from pipeline.report.frames import Record

_TOP_LINE: Final = (
    "runs",
    "rows_judged",
    "incomplete_rows",
    "failed_rows",
    "model_ended_session",
    "model_ended_session_early",
    "empty_response",
)
_FROM_THE_HARNESS: Final = ("expected_endings", "pipeline_losses")
"""Counts of what the harness says; not there where no run of the analysis has any of them."""
_INPUT: Final = ("run_id", "model_name", "benchmark_name", "judged_file", "sha256", "rows")
_INPUT_IF_KNOWN: Final = ("mode", "turn_taking", "turns", "turns_judged")
_OF_SIGN: Final = ("rows", "failed_rows", "rows_without", "failed_without", "examples")
_OF_PHRASE: Final = ("phrase", "failed_rows", "rows_read", "row_id")
_OPTIONS_IF_GIVEN: Final = ("turns", "ending_calls", "transcripts")


def as_object(analysis: Analysis, files: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the object that `analysis.json` contains and `--json` prints, made of plain Python values.

    With `files`, the SHA-256 of the other outputs by name, it tells which files belong to the analysis.
    """
    review = analysis.review
    return {
        "schema_version": c.SCHEMA_VERSION,
        "status": analysis.status,
        "options": _options(analysis.options) | {"rules": analysis.rules_name},
        "included_dimensions": list(analysis.included_dimensions),
        "rules_sha256": analysis.rules_sha256,
        "inputs": [_input(run) for run in analysis.inputs],
        **_given(analysis),
        "benchmarks": _benchmarks(analysis),
        "review": {
            "failed_rows": analysis.failed_rows,
            "decided": len(review.decided),
            "disputed": len(review.in_state("disputed")),
            "stale": len(review.in_state("stale")),
            "gate_missing": gate_missing(review.missing),
            "findings": [_finding(finding) for finding in review.findings],
        },
        "notes": [asdict(note) for note in analysis.notes],
        **({} if files is None else {"files": dict(files)}),
    }


def _options(options: Options) -> dict[str, Any]:
    """Return the options, newer ones only where they were given."""
    usual = Options()
    return {
        name: value
        for name, value in asdict(options).items()
        if name not in _OPTIONS_IF_GIVEN or value != getattr(usual, name)
    }


def _input(run: RunInput) -> dict[str, Any]:
    known = [name for name in _INPUT_IF_KNOWN if getattr(run, name) not in ("", None)]
    return {name: getattr(run, name) for name in (*_INPUT, *known)}


def _given(analysis: Analysis) -> dict[str, Any]:
    """Return the files that were read beside the runs, as far as there are any."""
    references = {file.benchmark_name: file for file in analysis.given if file.benchmark_name is not None}
    names = ("source", "sha256", "turns")
    found: dict[str, Any] = {}
    if references:
        found["references"] = {
            benchmark: {name: getattr(file, name) for name in names} for benchmark, file in references.items()
        }
    for file in analysis.given:
        if file.benchmark_name is None:
            found["turn_metadata"] = {name: getattr(file, name) for name in names}
    return found


def _benchmarks(analysis: Analysis) -> dict[str, Any]:
    """Return the numbers of each benchmark: its models, its turns, and its turn sets (null with one model)."""
    turns = analysis.turn_difficulty.groupby("benchmark_name", observed=True)["comparable"].agg(["size", "sum"])
    models = _models(analysis)
    sets: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for row in records(analysis.turn_sets):
        sets[row.set, row.benchmark_name, row.model_name].append(row.turn)
    signs, recurring = grouped(analysis.signs, MODEL), grouped(analysis.recurring, ["benchmark_name"])
    benchmarks = {}
    for name in analysis.benchmarks:
        several = len(models[name]) > 1
        benchmarks[name] = {
            "models": models[name],
            "turns": int(turns["size"].get(name, 0)),
            "comparable": int(turns["sum"].get(name, 0)),
            "failed_by_all": sets["failed_by_all", name, ""] if several else None,
            **{
                kind: {model: sets[kind, name, model] for model in models[name]} if several else None
                for kind in ("unique_fail", "unique_pass")
            },
            **_from_texts([row for model in models[name] for row in signs[name, model]], recurring[name]),
        }
    return benchmarks


def _from_texts(signs: Iterable[Record], recurring: Iterable[Record]) -> dict[str, Any]:
    """Return the signs that rows show, and the phrases that recur in error modes, where there are any."""
    of_model: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in signs:
        if row.rows:
            of_model[row.model_name][row.sign] = {name: getattr(row, name) for name in _OF_SIGN}
    of_mode: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in recurring:
        of_mode[row.error_mode].append({name: getattr(row, name) for name in _OF_PHRASE})
    found = {"signs": dict(of_model), "recurring": dict(of_mode)}
    return {name: values for name, values in found.items() if values}


def _models(analysis: Analysis) -> dict[str, dict[str, Any]]:
    """Return the counts of each model, by benchmark and model."""
    tables = (analysis.dimension_counts, analysis.error_mode_counts, analysis.bucket_counts)
    dimensions, modes, buckets = (grouped(table, MODEL) for table in tables)
    models: dict[str, dict[str, Any]] = defaultdict(dict)
    harness = [name for name in _FROM_THE_HARNESS if analysis.model_counts[list(_FROM_THE_HARNESS)].to_numpy().any()]
    for row in records(analysis.model_counts):
        unit = (row.benchmark_name, row.model_name)
        scores = dimensions[unit]
        models[row.benchmark_name][row.model_name] = {
            **{name: getattr(row, name) for name in (*_TOP_LINE, *harness, "tentative")},
            "failed_dimensions": {each.dimension: each.failed for each in scores if each.failed},
            "scored_dimensions": {each.dimension: each.scored for each in scores if each.scored},
            "error_modes": {each.error_mode: each.failed_rows for each in modes[unit]},
            "buckets": {
                each.bucket: {"reviewed": each.reviewed, "provisional": each.provisional} for each in buckets[unit]
            },
        }
    return models


def gate_missing(missing: Iterable[BucketStatus]) -> list[dict[str, Any]]:
    """Return what the gate asks for before the report can be final: decided rows and a finding per major bucket."""
    return [
        {
            "benchmark_name": standing.unit[0],
            "model_name": standing.unit[1],
            "bucket": standing.bucket,
            "rows": standing.decided,
            "rows_needed": standing.rows_needed,
            "finding": standing.finding is not None,
        }
        for standing in missing
    ]


def _finding(finding: Finding) -> dict[str, Any]:
    names = ("benchmark_name", "model_name", "bucket", "what_goes_wrong", "triggers", "reviewer", "reviewer_kind")
    return {name: getattr(finding, name) for name in names} | {"row_ids": list(finding.row_ids)}


def to_bytes(analysis: Analysis, files: Mapping[str, str]) -> bytes:
    """Return the object as the file contains it: UTF-8, indented by two, keys in order.

    `files` holds the SHA-256 of the other outputs, by name.
    """
    return indented(as_object(analysis, files))


def indented(value: object) -> bytes:
    """Return JSON as files contain it: UTF-8, indented by two, hidden characters as escapes."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return f"{escaped_json(text)}\n".encode()
