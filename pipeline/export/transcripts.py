"""The chain for transcripts alone: turns that nobody judged, with what is suspicious about each."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from pipeline import schema
from pipeline.errors import GateError, InputError, Problem
from pipeline.export.formats.analysis_json import indented
from pipeline.export.formats.markdown import render
from pipeline.export.formats.packet_csv import VISIBLE, guard
from pipeline.export.staging import staged
from pipeline.export.target import Target, choose_target, refuse_unfit
from pipeline.load.artifacts import read_artifacts
from pipeline.load.facts import facts_of, read_metadata
from pipeline.load.moving import finish_move
from pipeline.load.plan import make_plan
from pipeline.load.records import Note
from pipeline.load.transcripts import read_transcript, transcript_turns
from pipeline.report.text import escaped_json, visible_name
from pipeline.report.transcripts import build_transcript_report
from pipeline.rules.ruleset import builtin_rules
from pipeline.stages.call_check import add_call_check
from pipeline.stages.endings import Endings, ending_turns
from pipeline.stages.reference import add_reference
from pipeline.stages.suspicions import add_suspicions, missing_turns
from pipeline.stages.tables import add_response_kind

if TYPE_CHECKING:
    import os

    from pipeline.load.plan import Plan
    from pipeline.load.records import Request
    from pipeline.load.transcripts import TranscriptRun

_CSV: Final = (
    *("row_id", "run_id", "benchmark_name", "model_name", "turn", "suspicions", "response_kind", "user_text"),
    *("assistant_text", "golden_text", "tool_calls", "tool_results", "expected_calls", "call_check"),
)
_JSON: Final = ("tool_calls", "tool_results", "expected_calls", "call_check")


@dataclass(frozen=True, slots=True)
class TranscriptReview:
    """Where the review of transcripts is, and its numbers as `analysis.json` has them."""

    target: Target
    report: Path
    numbers: dict[str, Any]


def review_transcripts_into(
    request: Request, output: str | os.PathLike[str] | None, *, final: bool = False
) -> TranscriptReview:
    """Read transcripts and write the packet for a manual review. Raises `GateError` with `final`."""
    if final:
        raise GateError(Problem("transcripts", "nothing was judged, so no report on them is final", "judge the runs"))
    plan = make_plan(request, builtin_rules())
    ids = {(run.benchmark_name, run.run_id) for run in plan.listed.runs}
    target = choose_target(None if output is None else Path(output), plan.listed.name, ids)
    target = Target(target.folder, schema.MANUAL_STEM if target.stem == schema.REPORT_STEM else target.stem)
    finish_move(target.folder)
    refuse_unfit(target, plan.input_folders, ids)
    runs = _read(plan)
    turns, notes = suspicious_turns(plan, runs)
    numbers = _numbers(plan, runs, turns, notes)
    with staged(target) as staging:
        contents = {
            f"{target.stem}.md": render(build_transcript_report(plan.listed.name, turns, notes)),
            schema.MANUAL_CSV: _as_csv(turns),
            schema.REVIEW_METADATA: indented(_metadata(turns, numbers)),
            schema.ANALYSIS_JSON: indented(numbers),
        }
        for name, content in contents.items():
            with staging.file(name) as stream:
                stream.write(content)
        staging.write_local(plan.input_files, plan.local_facts)
        report = staging.move_in()
    return TranscriptReview(target, report, numbers)


def suspicious_turns(plan: Plan, runs: list[TranscriptRun]) -> tuple[pd.DataFrame, list[Note]]:
    """Return one row per run x turn with `suspicions`, in the order of the runs, and the notes on the runs."""
    references = plan.references.by_benchmark
    metadata = {folder: read_metadata(folder) for folder in plan.listed.comparison_dirs}
    facts = {}
    for each in runs:
        beside = metadata.get(each.run.comparison_dir, {}) if each.run.comparison_dir else {}
        facts[each.run.run_id] = facts_of(each.run, read_artifacts(each.run), beside, plan.options)
    named = plan.options.ending_calls
    expecting = {benchmark: ending_turns(reference, named) for benchmark, reference in references.items()}
    independent = [run_id for run_id, of_run in facts.items() if of_run.independent]
    there = (
        transcript_turns(runs)
        .pipe(add_response_kind, Endings(lambda _: None, named, expecting))
        .pipe(add_reference, references)
        .pipe(add_call_check, independent)
        .pipe(add_suspicions, references)
    )
    gone = missing_turns(there, references, facts)
    gone = add_reference(gone, references).assign(response_kind="missing", call_check=None) if len(gone) else gone
    order = {each.run.run_id: number for number, each in enumerate(runs)}
    turns = pd.concat([each.astype("object") for each in (there, gone) if len(each)], ignore_index=True)
    turns = turns.assign(order=turns["run_id"].map(order)).sort_values(["order", "turn"], ignore_index=True)
    notes = [*plan.listed.notes, *plan.references.notes]
    for run_id, of_run in facts.items():
        if lost := sorted(of_run.lost_turns):
            notes.append(Note("warning", run_id, f"turns lost by the harness: {', '.join(map(str, lost))}"))
    return turns, notes


def _read(plan: Plan) -> list[TranscriptRun]:
    runs: list[TranscriptRun] = []
    problems: list[Problem] = []
    for run in plan.listed.runs:
        try:
            runs.append(read_transcript(run, skip_bad_rows=plan.options.skip_bad_rows))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    if not any(run.turns for run in runs):
        raise InputError(Problem(plan.listed.name, "no turn in any transcript", "give run folders with transcripts"))
    return runs


def _numbers(plan: Plan, runs: list[TranscriptRun], turns: pd.DataFrame, notes: list[Note]) -> dict[str, Any]:
    """Return the object of `analysis.json`: no count of failures, since nothing was judged."""
    benchmarks: dict[str, Any] = {}
    for (benchmark, model), rows in turns.groupby(["benchmark_name", "model_name"], sort=False):
        counts = {"runs": int(rows["run_id"].nunique()), "turns": len(rows), "rows_judged": 0}
        counts["suspicious_turns"] = int(rows["suspicions"].map(bool).sum())
        benchmarks.setdefault(str(benchmark), {"models": {}})["models"][str(model)] = counts
    for name, of_benchmark in benchmarks.items():
        of_benchmark["turns"] = int(turns.loc[turns["benchmark_name"].eq(name), "turn"].nunique())
        of_benchmark["comparable"] = 0
        of_benchmark.update(dict.fromkeys(("failed_by_all", "unique_fail", "unique_pass")))
    options = asdict(plan.options)
    return {
        "schema_version": schema.SCHEMA_VERSION,
        "status": "not_judged",
        "options": options | {"rules": ""},
        "included_dimensions": [],
        "rules_sha256": "",
        "inputs": [
            {
                "run_id": each.run.run_id,
                "model_name": each.model_name,
                "benchmark_name": each.run.benchmark_name,
                "judged_file": each.run.source,
                "sha256": each.sha256,
                "rows": len(each.turns),
            }
            for each in runs
        ],
        "benchmarks": benchmarks,
        "review": {"failed_rows": None, "decided": 0, "disputed": 0, "stale": 0, "gate_missing": [], "findings": []},
        "notes": [asdict(note) for note in notes],
    }


def _metadata(turns: pd.DataFrame, numbers: dict[str, Any]) -> dict[str, Any]:
    kinds = Counter(text for texts in turns["suspicions"] for text in texts)
    names = ("schema_version", "status", "inputs", "benchmarks", "notes")
    return {name: numbers[name] for name in names} | {
        "turns": len(turns),
        "turns_judged": 0,
        "suspicious_turns": int(turns["suspicions"].map(bool).sum()),
        "suspicions": dict(kinds.most_common()),
    }


def _as_csv(turns: pd.DataFrame) -> bytes:
    """Return every turn for a spreadsheet: names visible, JSON escaped, safe against formulas."""
    flat = turns.assign(
        suspicions=turns["suspicions"].map("; ".join),
        **{name: turns[name].map(visible_name, na_action="ignore") for name in VISIBLE if name in turns},
        **{name: turns[name].map(escaped_json, na_action="ignore") for name in _JSON},
    )
    columns = {}
    for name in _CSV:
        texts = pa.chunked_array([pa.array(flat[name].astype("str").where(flat[name].notna(), ""), pa.large_string())])
        column = flat[name].astype("int64") if name == "turn" else None
        columns[f"{name}_json" if name in _JSON else name] = guard(texts) if column is None else pa.array(column)
    stream = BytesIO()
    csv.write_csv(pa.table(columns), stream)
    return stream.getvalue()
