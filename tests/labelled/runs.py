"""Write labelled rows as judged runs, one run per case, which the command can read."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cases import Case, Turn


def write_runs(cases: Sequence[Case], folder: Path) -> Path:
    """Write a comparison of one run per case, named by the case's id; return the comparison folder."""
    comparison = folder / "comparison"
    comparison.mkdir(parents=True)
    for case in cases:
        run = folder / "runs" / case.id
        run.mkdir(parents=True)
        earlier = [_row(turn, number, {"instruction_following": True}, "") for number, turn in enumerate(case.earlier)]
        rows = [*earlier, _row(case, len(case.earlier), case.scores, case.judge_reasoning)]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (run / "openai_judged.jsonl").write_text(text, encoding="utf-8")
    with (comparison / "run_results.csv").open("w", encoding="utf-8", newline="") as file:
        results = csv.writer(file)
        results.writerow(("run_dir", "run_id", "model_name", "benchmark_name"))
        # Each case is a benchmark of its own, since its turns are its own.
        results.writerows((f"../runs/{case.id}", case.id, "model", case.id) for case in cases)
    return comparison


def _row(turn: Turn, number: int, scores: dict[str, bool | None], reasoning: str) -> dict[str, Any]:
    return {
        "turn": number,
        "model_name": "model",
        "user_text": turn.user_text,
        **({} if turn.assistant_text is None else {"assistant_text": turn.assistant_text}),
        "tool_calls": msgspec.to_builtins(turn.tool_calls),
        "tool_results": msgspec.to_builtins(turn.tool_results),
        "scores": scores,
        "judge_reasoning": reasoning,
    }
