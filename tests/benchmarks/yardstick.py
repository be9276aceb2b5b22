"""Analyse a comparison the obvious way: the script that an engineer writes in an afternoon, to measure against.

It imports nothing of the project, and it trusts its input: one benchmark, relative run folders, valid rows.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

Row = dict[str, Any]
Counts = Counter[tuple[str, str]]
WHICH = ("run_id", "run_index", "benchmark_name", "model_name", "turn")
EVIDENCE = ("user_text", "assistant_text", "judge_reasoning", "scores", "tool_calls", "tool_results")
MEASURED = ("latency_ms", "ttfb_ms", "source")
SENTINELS = {
    "[MODEL_ENDED_SESSION_EARLY]": "model_ended_session_early",
    "[MODEL_ENDED_SESSION]": "model_ended_session",
    "[EMPTY_RESPONSE": "empty_response",
}
DATAPOINTS = 3


def main() -> None:
    """Read the arguments, analyse, and write the packet and the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("comparison_dir", type=Path)
    parser.add_argument("output_dir", type=Path)
    arguments = parser.parse_args()
    rows = load(arguments.comparison_dir)
    packet = [packet_row(row) for row in rows if False in row["scores"].values()]
    packet.sort(key=lambda row: (row["benchmark_name"], row["model_name"], row["run_id"], row["turn"]))
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    write_packet(packet, arguments.output_dir)
    (arguments.output_dir / "report.md").write_text(report(rows, packet), encoding="utf-8")
    print(f"{len(packet)}/{len(rows)} rows failed")


def load(comparison: Path) -> list[Row]:
    """Read every judged row of every run, each with what `run_results.csv` says about its run."""
    rows = []
    with (comparison / "run_results.csv").open(encoding="utf-8", newline="") as results:
        for run in csv.DictReader(results):
            path = comparison / run["run_dir"] / "openai_judged.jsonl"
            with path.open(encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    row = json.loads(line)
                    row |= {name: run[name] for name in ("run_id", "benchmark_name", "model_name")}
                    row["run_index"] = int(run["run_index"])
                    row["source"] = f"{run['run_dir']}/{path.name}:{number}"
                    rows.append(row)
    return rows


def packet_row(row: Row) -> Row:
    """Keep of a failed row what a reviewer needs, and guess its error mode."""
    failed = [name for name, score in row["scores"].items() if score is False]
    kind = response_kind(row)
    mode, rule, evidence = error_mode(kind, " ".join([*failed, row["judge_reasoning"]]).lower())
    return {
        "row_id": f"{row['run_id']}:{row['turn']}",
        **{name: row[name] for name in WHICH},
        "failed_dimensions": failed,
        "error_mode_candidate": mode,
        "error_mode_rule": rule,
        "error_mode_evidence": evidence,
        "response_kind": kind,
        **{name: row[name] for name in (*EVIDENCE, *MEASURED)},
    }


def response_kind(row: Row) -> str:
    """Name what came back."""
    for sentinel, kind in SENTINELS.items():
        if row["assistant_text"].startswith(sentinel):
            return kind
    if row["assistant_text"].strip():
        return "text"
    return "tool_call_only" if row["tool_calls"] else "no_text"


def error_mode(kind: str, remarks: str) -> tuple[str, str, str]:
    """Guess why a row failed, from the dimensions and the judge's words: the mode, the rule, what the rule saw."""

    def said(*words: str) -> str:
        return next((word for word in words if word in remarks), "")

    if kind in ("model_ended_session", "model_ended_session_early"):
        found = "premature_end_session", "sentinel", kind
    elif kind in ("empty_response", "no_text"):
        found = "empty_response", "sentinel", kind
    elif word := said("only one of", "partial", "second action", "both actions"):
        found = "partial_multi_tool_execution", "keyword", word
    elif word := said("asked again", "forgot", "already gave", "earlier correction", "contradict"):
        found = "state_memory_failure", "keyword", word
    elif word := said("ambigu", "clarif", "assumed one", "possible matches"):
        found = "ambiguity_handling_failure", "keyword", word
    elif word := said("invented", "hallucinat", "knowledge base", "kb_grounding"):
        found = "knowledge_grounding_error", "keyword", word
    elif word := said("tool call", "wrong arguments", "tool_use_correct"):
        found = "tool_or_action_selection_error", "keyword", word
    else:
        found = "other", "none", ""
    return found


def write_packet(packet: list[Row], output: Path) -> None:
    """Write the failed rows as JSONL and for a spreadsheet."""
    with (output / "failure_review_rows.jsonl").open("w", encoding="utf-8") as file:
        for row in packet:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    flat = []
    for row in packet:
        cells = {**row, "failed_dimensions": ",".join(row["failed_dimensions"])}
        for name in ("scores", "tool_calls", "tool_results"):
            cells[f"{name}_json"] = json.dumps(cells.pop(name), ensure_ascii=False)
        flat.append(cells)
    pd.DataFrame(flat).to_csv(output / "failure_review_rows.csv", index=False)


def report(rows: list[Row], packet: list[Row]) -> str:
    """Write a short Markdown report."""
    judged = Counter(row["model_name"] for row in rows)
    failed = Counter(row["model_name"] for row in packet)
    modes = Counter((row["error_mode_candidate"], row["model_name"]) for row in packet)
    scored = Counter((d, row["model_name"]) for row in rows for d, score in row["scores"].items() if score is not None)
    missed = Counter((d, row["model_name"]) for row in packet for d in row["failed_dimensions"])
    lines = ["# Error analysis", "", f"{len(packet)}/{len(rows)} rows failed.", ""]
    lines += ["| model | failed rows |", "| --- | ---: |"]
    lines += [f"| {m} | {failed[m]}/{n}, {failed[m] / n:.1%} |" for m, n in judged.items()]
    lines += ["", "## Failed dimensions", "", *table("dimension", list(judged), missed, scored)]
    of_failed = Counter({(mode, m): failed[m] for mode, _ in modes for m in judged})
    lines += ["", "## Error modes", "", *table("error mode", list(judged), modes, of_failed)]
    lines += ["", "## Shared turns", "", *shared_turns(rows, packet)]
    for model in judged:
        lines += ["", f"## {model}"]
        for row in [row for row in packet if row["model_name"] == model][:DATAPOINTS]:
            lines += ["", f"### Turn {row['turn']}: {row['error_mode_candidate']}", ""]
            lines += [f"- User: {row['user_text']}", f"- Assistant: {row['assistant_text']}"]
            lines += [f"- Judge: {row['judge_reasoning']}", f"- Tool calls: `{json.dumps(row['tool_calls'])}`"]
    return "\n".join(lines) + "\n"


def table(title: str, models: list[str], counts: Counts, of: Counts) -> list[str]:
    """Lay out counts by name and model."""
    lines = [f"| {title} | {' | '.join(models)} |", f"| --- |{' ---: |' * len(models)}"]
    names = dict.fromkeys(name for name, _ in of)
    cells = {name: " | ".join(f"{counts[name, model]}/{of[name, model]}" for model in models) for name in names}
    return lines + [f"| {name} | {cells[name]} |" for name in names]


def shared_turns(rows: list[Row], packet: list[Row]) -> list[str]:
    """List the turns that all models fail, that one alone fails, and that one alone passes."""
    judged: defaultdict[int, set[str]] = defaultdict(set)
    failing: defaultdict[int, set[str]] = defaultdict(set)
    for row in rows:
        judged[row["turn"]].add(row["model_name"])
    for row in packet:
        failing[row["turn"]].add(row["model_name"])
    models = {row["model_name"] for row in rows}
    comparable = sorted(turn for turn in judged if judged[turn] == models)
    lines = [f"Failed by all: {', '.join(str(turn) for turn in comparable if failing[turn] == models)}"]
    for model in sorted(models):
        fails = ", ".join(str(turn) for turn in comparable if failing[turn] == {model})
        passes = ", ".join(str(turn) for turn in comparable if failing[turn] == models - {model})
        lines.append(f"- {model}: unique fails {fails}; unique passes {passes}")
    hardest = sorted(comparable, key=lambda turn: (-len(failing[turn]), turn))[:10]
    return [*lines, "", f"Hardest: {', '.join(f'{turn} ({len(failing[turn])})' for turn in hardest)}"]


if __name__ == "__main__":
    main()
