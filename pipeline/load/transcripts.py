"""Read the transcripts of runs that nobody judged: every turn with what was said and called."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.errors import InputError, Problem
from pipeline.ledger.lines import lines_of
from pipeline.load.files import plain, read_bytes, shown
from pipeline.load.repair import MAX_TURN, LineError, json_value, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.load.records import Run


@dataclass(frozen=True, slots=True)
class TranscriptRun:
    """One run and its turns, by number; of a turn written more than once the last row."""

    run: Run
    model_name: str
    turns: Mapping[int, Mapping[str, Any]]
    sha256: str


def read_transcript(run: Run, *, skip_bad_rows: bool) -> TranscriptRun:
    """Read the transcript of a run. Raises `InputError` with every line that is no turn, unless they are skipped."""
    text = read_bytes(run.judged_file)
    turns: dict[int, Mapping[str, Any]] = {}
    models: Counter[str] = Counter()
    problems: list[Problem] = []
    for number, line in lines_of(text):
        try:
            row = json_value(line, "a turn", [])
            turn = row["turn"]
        except (LineError, LookupError, TypeError):
            turn = None
        if not isinstance(turn, int) or isinstance(turn, bool) or not 0 <= turn <= MAX_TURN:
            problems.append(Problem(f"{shown(run.judged_file)}:{number}", "no turn of a transcript", "mend the line"))
            continue
        if not row.get("recovery_turn"):
            turns[turn] = row
            models[str(row.get("model_name") or "")] += 1
    if problems and not skip_bad_rows:
        raise InputError(*problems)
    del models[""]
    common = models.most_common(1)
    model = run.model_name or (common[0][0] if common else plain(run.directory.name))
    return TranscriptRun(run, model, turns, hashlib.sha256(text).hexdigest())


def transcript_turns(runs: list[TranscriptRun]) -> pd.DataFrame:
    """Return one row per run x turn of its transcript, with texts, and payloads as JSON text."""
    rows = [
        {
            "row_id": f"{each.run.run_id}:{turn}",
            "run_id": each.run.run_id,
            "benchmark_name": each.run.benchmark_name,
            "model_name": each.model_name,
            "turn": turn,
            "user_text": str(row.get("user_text") or ""),
            "assistant_text": str(row.get("assistant_text") or ""),
            "tool_calls": to_json(row.get("tool_calls")).decode(),
            "tool_results": to_json(row.get("tool_results")).decode(),
            "stored": row.get("assistant_text") is not None or row.get("tool_calls") is not None,
        }
        for each in runs
        for turn, row in sorted(each.turns.items())
    ]
    names = ["row_id", "run_id", "benchmark_name", "model_name", "user_text", "assistant_text"]
    frame = pd.DataFrame(rows, columns=[*names[:4], "turn", *names[4:], "tool_calls", "tool_results", "stored"])
    kinds = dict.fromkeys([*names, "tool_calls", "tool_results"], "str") | {"turn": "int64", "stored": "bool"}
    nothing = pd.Series(None, frame.index, dtype="str")
    return frame.astype(kinds).assign(oracle_continuation=nothing, scores="{}")
