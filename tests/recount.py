"""Write small runs, and count runs again in plain Python: nothing here comes from the pipeline."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from builders import write_comparison, write_run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SENTINELS = {
    "model_ended_session_early": "[MODEL_ENDED_SESSION_EARLY]",
    "model_ended_session": "[MODEL_ENDED_SESSION]",
    "empty_response": "[EMPTY_RESPONSE",
}


@dataclass(frozen=True)
class RunFolder:
    """One run: what it is called, and its judged file."""

    benchmark: str
    model: str
    run_id: str
    file: Path


def listed_runs(comparison: Path) -> list[RunFolder]:
    """Find the runs of a comparison folder, by the last part of `run_dir` when the path is another machine's."""
    with (comparison / "run_results.csv").open(newline="", encoding="utf-8-sig") as stream:
        lines = list(csv.DictReader(stream))
    runs = []
    for line in lines:
        folder = comparison / line["run_dir"]
        if not folder.is_dir():
            name = line["run_dir"].rstrip("/").rpartition("/")[2]
            (folder,) = (comparison.parent.parent / "runs").glob(f"*/{name}")
        file = folder / "openai_judged.jsonl"
        runs.append(RunFolder(line["benchmark_name"], line["model_name"], line["run_id"], file))
    return runs


def write_runs(base: Path, runs: dict[tuple[str, str, str], list[dict]]) -> Path:
    """Write (benchmark, model, run id) -> rows as `base/runs/<benchmark>/<run id>`; give the comparison folder."""
    cells = [
        {
            "model_name": model,
            "run_index": index,
            "run_id": run_id,
            "run_dir": f"../runs/{write_run(base / 'runs' / benchmark / run_id, rows).relative_to(base / 'runs')}",
            "benchmark_name": benchmark,
        }
        for index, ((benchmark, model, run_id), rows) in enumerate(runs.items(), 1)
    ]
    return write_comparison(base / "cmp", cells)


def judged_rows(run: RunFolder, excluded: Iterable[str] = ()) -> dict[int, dict]:
    """Read a run: turn -> row, a turn judged twice counting as its last row; excluded dimensions are taken out."""
    rows = {}
    for line in run.file.read_text(encoding="utf-8-sig").split("\n"):
        if line.strip():
            row = json.loads(line)
            row["ended_rightly"] = row["scores"].get("tool_use_correct") is True and "end_session" in {
                call["name"] for call in row.get("tool_calls") or ()
            }
            row["scores"] = {name: score for name, score in row["scores"].items() if name not in excluded}
            rows[row["turn"]] = row
    return rows


def is_judged(row: dict) -> bool:
    """Say whether some dimension has a score."""
    return any(score is not None for score in row["scores"].values())


def is_failed(row: dict) -> bool:
    """Say whether some dimension's score is false."""
    return any(score is False for score in row["scores"].values())


def failed_row_ids(runs: Iterable[RunFolder], excluded: Iterable[str] = ()) -> set[str]:
    """Name every failed row."""
    return {
        f"{run.run_id}:{turn}" for run in runs for turn, row in judged_rows(run, excluded).items() if is_failed(row)
    }


def recount(
    runs: Iterable[RunFolder],
    compare_by: str = "model",
    repeat_policy: str = "majority",
    excluded: Iterable[str] = (),
) -> dict[str, dict]:
    """Give what `analysis.json` must hold under `benchmarks`, but the error modes, their confidence, and buckets."""
    grouped: dict[str, dict[str, list[dict[int, dict]]]] = {}
    lost: dict[str, dict[str, int]] = {}
    for run in runs:
        name = run.model if compare_by == "model" else run.run_id
        grouped.setdefault(run.benchmark, {}).setdefault(name, []).append(judged_rows(run, excluded))
        of_benchmark = lost.setdefault(run.benchmark, {})
        of_benchmark[name] = of_benchmark.get(name, 0) + len(lost_turns(run))
    found = {benchmark: _benchmark(models, repeat_policy) for benchmark, models in grouped.items()}
    of_models = [(model, lost[name][each]) for name in found for each, model in found[name]["models"].items()]
    said = any(model["expected_endings"] or turns for model, turns in of_models)
    for model, turns in of_models:
        model["pipeline_losses"] = turns
        if not said:
            del model["expected_endings"], model["pipeline_losses"]
    return found


def lost_turns(run: RunFolder) -> list[int]:
    """Give the turns that the harness says it lost; none of them has a row in the runs that are counted again."""
    runtime = run.file.with_name("runtime.json")
    return json.loads(runtime.read_text())["failed_turns"] if runtime.exists() else []


def _benchmark(models: dict[str, list[dict[int, dict]]], policy: str) -> dict:
    turns = sorted({turn for runs in models.values() for run in runs for turn in run})
    outcomes = {turn: {name: model_outcome(runs, turn, policy) for name, runs in models.items()} for turn in turns}
    comparable = [turn for turn in turns if "not_judged" not in outcomes[turn].values()]
    failing = {turn: {name for name, outcome in outcomes[turn].items() if outcome == "failed"} for turn in comparable}
    several = len(models) > 1
    everyone = set(models)
    return {
        "models": {name: _model(runs, max(turns, default=-1)) for name, runs in models.items()},
        "turns": len(turns),
        "comparable": len(comparable),
        "failed_by_all": [t for t in comparable if failing[t] == everyone] if several else None,
        "unique_fail": {name: [t for t in comparable if failing[t] == {name}] for name in models} if several else None,
        "unique_pass": {name: [t for t in comparable if failing[t] == everyone - {name}] for name in models}
        if several
        else None,
    }


def model_outcome(runs: list[dict[int, dict]], turn: int, policy: str) -> str:
    """Say whether a model fails a turn, its runs taken as repeats."""
    judged = [run[turn] for run in runs if turn in run and is_judged(run[turn])]
    if not judged:
        return "not_judged"
    failed = sum(map(is_failed, judged))
    enough = {"majority": 2 * failed >= len(judged), "any": failed >= 1, "all": failed == len(judged)}
    return "failed" if enough[policy] else "passed"


def _model(runs: list[dict[int, dict]], last: int) -> dict:
    rows = [row for run in runs for row in run.values()]
    counts = {
        "runs": len(runs),
        "rows_judged": sum(map(is_judged, rows)),
        "incomplete_rows": sum(not is_judged(row) for row in rows),
        "failed_rows": sum(map(is_failed, rows)),
    }
    counts |= {
        kind: sum((row.get("assistant_text") or "").startswith(sentinel) for row in rows)
        for kind, sentinel in SENTINELS.items()
    }
    ended = [row for row in rows if (row.get("assistant_text") or "").startswith(SENTINELS["model_ended_session"])]
    counts["expected_endings"] = sum(row["turn"] == last and row["ended_rightly"] for row in ended)
    counts["model_ended_session"] -= counts["expected_endings"]
    failed: dict[str, int] = {}
    scored: dict[str, int] = {}
    for row in rows:
        for dimension, score in row["scores"].items():
            if score is not None:
                scored[dimension] = scored.get(dimension, 0) + 1
            if score is False:
                failed[dimension] = failed.get(dimension, 0) + 1
    return counts | {"failed_dimensions": failed, "scored_dimensions": scored}
