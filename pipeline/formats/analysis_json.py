"""The numbers as one JSON object, for programs and agents (DESIGN: `analysis.json`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from pipeline import schema as c
from pipeline import stats, turnsets
from pipeline.formats.interface import Output

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.document import Analysis, Report

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
    return {
        "schema_version": c.SCHEMA_VERSION,
        "status": analysis.status,
        "options": asdict(analysis.options) | {"rules": analysis.rules_name},
        "included_dimensions": list(analysis.included_dimensions),
        "rules_sha256": analysis.rules_sha256,
        "inputs": [{key: getattr(run, key) for key in _INPUT} for run in analysis.inputs],
        "benchmarks": {name: _benchmark(analysis, name) for name in analysis.benchmarks},
        "review": {
            "failed_rows": int(analysis.turns[c.FAILED].sum()),
            "decided": 0,
            "disputed": 0,
            "stale": 0,
            "gate_missing": _gate_missing(analysis),
            "findings": [],
        },
        "notes": [asdict(note) for note in analysis.notes],
    }


def _benchmark(analysis: Analysis, benchmark: str) -> dict[str, Any]:
    models = analysis.models(benchmark)
    difficulty = analysis.turn_difficulty
    difficulty = difficulty[difficulty[c.BENCHMARK] == benchmark]
    sets = analysis.turn_sets[analysis.turn_sets[c.BENCHMARK] == benchmark]
    several = len(models) > 1

    def turns(name: str, model: str) -> list[int]:
        return [int(t) for t in sets.loc[(sets[c.SET] == name) & (sets[c.MODEL] == model), c.TURN]]

    return {
        "models": {model: _model(analysis, benchmark, model) for model in models},
        "turns": len(difficulty),
        "comparable": int(difficulty[turnsets.COMPARABLE].sum()),
        c.FAILED_BY_ALL: turns(c.FAILED_BY_ALL, "") if several else None,
        c.UNIQUE_FAIL: {model: turns(c.UNIQUE_FAIL, model) for model in models} if several else None,
        c.UNIQUE_PASS: {model: turns(c.UNIQUE_PASS, model) for model in models} if several else None,
    }


def _model(analysis: Analysis, benchmark: str, model: str) -> dict[str, Any]:
    def own(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[(frame[c.BENCHMARK] == benchmark) & (frame[c.MODEL] == model)]

    top_line = own(analysis.model_counts).to_dict("records")[0]
    dimensions = own(analysis.dimension_counts)
    modes = own(analysis.error_mode_counts)
    buckets: dict[str, dict[str, int]] = {}
    counts = own(analysis.bucket_counts)
    for bucket, source, n in zip(
        counts[c.BUCKET], counts[c.BUCKET_SOURCE], counts[c.FAILED_ROWS], strict=True
    ):
        entry = buckets.setdefault(bucket, {"reviewed": 0, "provisional": 0})
        entry["reviewed" if source == "review" else "provisional"] += int(n)
    return {
        **{key: int(top_line[key]) for key in _TOP_LINE},
        "failed_dimensions": _nonzero(dimensions, c.DIMENSION, c.FAILED),
        "scored_dimensions": _nonzero(dimensions, c.DIMENSION, c.SCORED),
        "error_modes": _nonzero(modes, c.ERROR_MODE, c.FAILED_ROWS),
        "buckets": buckets,
    }


def _nonzero(frame: pd.DataFrame, names: str, numbers: str) -> dict[str, int]:
    return {name: int(n) for name, n in zip(frame[names], frame[numbers], strict=True) if n}


def _gate_missing(analysis: Analysis) -> list[dict[str, Any]]:
    """List what the gate asks for before the report can be final: decided rows and a finding per major bucket."""
    return [
        {
            c.BENCHMARK: benchmark,
            c.MODEL: model,
            c.BUCKET: bucket,
            "rows": 0,
            "rows_needed": min(2, rows),
            "finding": False,
        }
        for benchmark in analysis.benchmarks
        for model in analysis.models(benchmark)
        for bucket, rows in stats.major_bucket_sizes(analysis.failures(benchmark, model)).items()
    ]


def _write(_: Report, analysis: Analysis, stream: BinaryIO) -> None:
    stream.write(msgspec.json.format(msgspec.json.encode(as_object(analysis)), indent=2) + b"\n")


OUTPUTS: Final = (Output(c.ANALYSIS_JSON, _write, last=True),)
