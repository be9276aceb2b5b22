"""What is suspicious about turns that nobody judged, from their shape, their calls and the reference."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from pipeline import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline.load.facts import RunFacts
    from pipeline.load.reference import Reference

_SHAPES: Final = {
    "empty_response": "empty response",
    "no_text": "empty response",
    schema.ENDED: "ended the session",
    schema.ENDED_EARLY: "filled in after the session had ended",
    schema.NOT_STORED: "response not stored",
}
_FAR: Final = 0.2
"""An answer with a smaller share of the reference's words is far from it."""
_NEAR: Final = 0.6
_FEWEST_WORDS: Final = 4
_SHORTEST_WORD: Final = 4
_WORD: Final = re.compile(r"\w+")


def add_suspicions(turns: pd.DataFrame, references: Mapping[str, Reference]) -> pd.DataFrame:
    """Add `suspicions`, a list of texts that is empty for an inconspicuous turn: one row per run x turn.

    `turns` has `response_kind`, `golden_text` and `call_check` (JSON text).
    """
    found = []
    before: dict[tuple[str, str], int] = {}
    rows: Iterable[Any] = turns.itertuples(index=False)
    for row in rows:
        answer = " ".join(_words(row.assistant_text))
        first = before.setdefault((row.run_id, answer), row.turn)
        suspicions = [_SHAPES[row.response_kind]] if row.response_kind in _SHAPES else []
        suspicions += _of_calls(row.call_check) if isinstance(row.call_check, str) else []
        reference = references.get(row.benchmark_name)
        suspicions += _of_texts(row.turn, row.user_text, row.assistant_text, reference) if reference else []
        if first != row.turn and len(answer.split()) > _FEWEST_WORDS:
            suspicions.append(f"the same answer as on turn {first}")
        found.append(suspicions)
    return turns.assign(suspicions=pd.Series(found, turns.index, dtype="object"))


def missing_turns(
    turns: pd.DataFrame, references: Mapping[str, Reference], facts: Mapping[str, RunFacts]
) -> pd.DataFrame:
    """Return one row per turn that a run lacks: the reference or another run has it, or the harness lost it."""
    asked: dict[str, dict[int, str]] = {}
    for benchmark, turn, text in zip(turns["benchmark_name"], turns["turn"], turns["user_text"], strict=True):
        asked.setdefault(benchmark, {}).setdefault(turn, text)
    rows = []
    of_run = turns.groupby(["run_id", "benchmark_name", "model_name"], sort=False, observed=True)["turn"]
    for key, present in of_run:
        run_id, benchmark, model = map(str, key)
        lost = facts[run_id].lost_turns
        reference = references.get(benchmark)
        known = {
            **asked[benchmark],
            **({turn: each.input for turn, each in reference.turns.items()} if reference else {}),
        }
        for turn in sorted({*known, *lost} - set(present)):
            said = "lost by the harness" if turn in lost else "missing from the transcript"
            rows.append(
                (f"{run_id}:{turn}", run_id, benchmark, model, turn, known.get(turn, ""), "", "null", "null", [said])
            )
    columns = ["row_id", "run_id", "benchmark_name", "model_name", "turn", "user_text", "assistant_text", "tool_calls"]
    return pd.DataFrame(rows, columns=[*columns, "tool_results", "suspicions"])


def _of_calls(text: str) -> Iterator[str]:
    """Yield what differs from the expected calls."""
    for call in json.loads(text):
        differing = ", ".join(f"{each['name']} ({each['difference']})" for each in call.get("arguments", ()))
        match call["status"]:
            case "made":
                if differing:
                    yield f"call {call['name']} differs in {differing}"
            case "unexpected":
                yield f"unexpected call {call['name']}"
            case "wrong":
                yield f"expected call {call['name']} differs" + (f" in {differing}" if differing else "")
            case status:
                yield f"expected call {call['name']} is {status}"


def _of_texts(turn: int, asked: str, answer: str, reference: Reference) -> Iterator[str]:
    """Yield whether the texts are those of another turn, or the answer is far from the reference."""
    own = reference.turns.get(turn)
    others = [each for each in reference.turns.values() if each.turn != turn]
    same = [each.turn for each in others if asked.strip() and each.input.split() == asked.split()]
    if own and same and asked.split() != own.input.split():
        yield f"the user text is that of turn {same[0]}"
    if not own or not own.golden_text.strip() or not answer.strip():
        return
    share = _share(own.golden_text, answer)
    if share is None or share >= _FAR:
        return
    near = [each for each in others if (_share(each.golden_text, answer) or 0) >= _NEAR]
    yield f"the answer is that of turn {near[0].turn}" if near else "the answer is far from the reference"


def _share(expected: str, answer: str) -> float | None:
    """Return the share of the longer words of a reference that an answer has; `None` where it has too few of them."""
    words = {word for word in _words(expected) if len(word) >= _SHORTEST_WORD}
    return None if len(words) < _FEWEST_WORDS else len(words & set(_words(answer))) / len(words)


def _words(text: str) -> Iterable[str]:
    return _WORD.findall(text.lower())
