"""The numbers as one JSON object, for programs and agents."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from pipeline import schema as c
from pipeline.export.formats.interface import Output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.analysis import Analysis
    from pipeline.ledger.events import Finding
    from pipeline.ledger.gate import BucketStatus
    from pipeline.report.blocks import Report

_TOP_LINE: Final = (
    c.RUNS,
    c.ROWS_JUDGED,
    c.INCOMPLETE_ROWS,
    c.FAILED_ROWS,
    c.ENDED,
    c.ENDED_EARLY,
    c.EMPTY_RESPONSE,
)
_INPUT: Final = ("run_id", "model_name", "benchmark_name", "judged_file", "sha256", "rows")


def as_object(analysis: Analysis) -> dict[str, Any]:
    """Put an analysis into the object that `analysis.json` holds and `--json` prints."""
    review = analysis.review
    return {
        "schema_version": c.SCHEMA_VERSION,
        "status": analysis.status,
        "options": analysis.options._asdict() | {"rules": analysis.rules_name},
        "included_dimensions": list(analysis.included_dimensions),
        "rules_sha256": analysis.rules_sha256,
        "inputs": [{key: getattr(run, key) for key in _INPUT} for run in analysis.inputs],
        "benchmarks": {name: _benchmark(analysis, name) for name in analysis.benchmarks},
        "review": {
            "failed_rows": analysis.failed_rows,
            "decided": len(review.decided),
            "disputed": len(review.in_state("disputed")),
            "stale": len(review.in_state("stale")),
            "gate_missing": gate_missing(review.missing),
            "findings": [_finding(finding) for finding in review.findings],
        },
        "notes": [asdict(note) for note in analysis.notes],
    }


def _benchmark(analysis: Analysis, benchmark: str) -> dict[str, Any]:
    models = analysis.models(benchmark)
    turns = analysis.records("turn_difficulty", benchmark)
    several = len(models) > 1
    return {
        "models": {model: _model(analysis, benchmark, model) for model in models},
        "turns": len(turns),
        "comparable": sum(row[c.COMPARABLE] for row in turns),
        c.FAILED_BY_ALL: _turns(analysis, benchmark, c.FAILED_BY_ALL, "") if several else None,
        **{
            name: {model: _turns(analysis, benchmark, name, model) for model in models} if several else None
            for name in (c.UNIQUE_FAIL, c.UNIQUE_PASS)
        },
    }


def _turns(analysis: Analysis, benchmark: str, name: str, model: str) -> list[int]:
    return [row[c.TURN] for row in analysis.records("turn_sets", benchmark, model) if row[c.SET] == name]


def _model(analysis: Analysis, benchmark: str, model: str) -> dict[str, Any]:
    (top_line,) = analysis.records("model_counts", benchmark, model)
    dimensions = analysis.records("dimension_counts", benchmark, model)
    modes = analysis.records("error_mode_counts", benchmark, model)
    return {
        **{key: top_line[key] for key in _TOP_LINE},
        "failed_dimensions": {row[c.DIMENSION]: row[c.FAILED] for row in dimensions if row[c.FAILED]},
        "scored_dimensions": {row[c.DIMENSION]: row[c.SCORED] for row in dimensions if row[c.SCORED]},
        "error_modes": {row[c.ERROR_MODE]: row[c.FAILED_ROWS] for row in modes},
        "buckets": {
            row[c.BUCKET]: {name: row[name] for name in (c.REVIEWED, c.PROVISIONAL)}
            for row in analysis.records("bucket_counts", benchmark, model)
        },
    }


def gate_missing(missing: Iterable[BucketStatus]) -> list[dict[str, Any]]:
    """List what the gate asks for before the report can be final: decided rows and a finding per major bucket."""
    return [
        {
            c.BENCHMARK: standing.unit[0],
            c.MODEL: standing.unit[1],
            c.BUCKET: standing.bucket,
            "rows": standing.decided,
            "rows_needed": standing.rows_needed,
            "finding": standing.finding is not None,
        }
        for standing in missing
    ]


def _finding(finding: Finding) -> dict[str, Any]:
    names = (c.BENCHMARK, c.MODEL, c.BUCKET, "what_goes_wrong", "triggers", "reviewer", "reviewer_kind")
    return {name: getattr(finding, name) for name in names} | {"row_ids": list(finding.row_ids)}


def to_bytes(analysis: Analysis) -> bytes:
    """Write the object as the file holds it."""
    return msgspec.json.format(msgspec.json.encode(as_object(analysis)), indent=2) + b"\n"


def _write(_: Report, analysis: Analysis, stream: BinaryIO) -> None:
    stream.write(to_bytes(analysis))


OUTPUTS: Final = (Output(c.ANALYSIS_JSON, _write, order=2),)
