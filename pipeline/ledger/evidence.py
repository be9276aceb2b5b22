"""A row's evidence: the digest that ties a decision to what the reviewer read, and quotes of it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from pipeline import schema as c

if TYPE_CHECKING:
    from collections.abc import Mapping

_compact: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def evidence_digest(row: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of the sorted compact JSON of a row's texts, tool calls, tool results and scores.

    With a reference, its expected answer and calls belong to the evidence. `tool_calls`, `tool_results`, `scores` and
    `expected_calls` are given as JSON text; a row without reference has no `expected_calls`, or none that is text.
    """
    return _digest(_evidence(row) | _expected(row))


def fitting_digests(row: Mapping[str, Any]) -> frozenset[str]:
    """Return the digests of the decisions that fit a row: its own, and the one that it has without a reference."""
    return frozenset({evidence_digest(row), _digest(_evidence(row))})


def _evidence(row: Mapping[str, Any]) -> dict[str, Any]:
    evidence = {name: row[name] for name in ("user_text", "assistant_text", "judge_reasoning")}
    return evidence | {name: json.loads(row[name]) for name in ("tool_calls", "tool_results", "scores")}


def _expected(row: Mapping[str, Any]) -> dict[str, Any]:
    calls = row.get("expected_calls")
    if not isinstance(calls, str):
        return {}
    return {"golden_text": row["golden_text"], "expected_calls": json.loads(calls)}


def _digest(evidence: Mapping[str, Any]) -> str:
    return hashlib.sha256(_compact(evidence).encode(errors="replace")).hexdigest()


def quote_stands(quote: str, row: Mapping[str, Any]) -> bool:
    """Whether a quote is a substring of one of the row's five texts once white space is collapsed."""
    words = _collapsed(quote)
    return bool(words) and any(words in _collapsed(row[name]) for name in c.TEXTS)


def _collapsed(text: str) -> str:
    return " ".join(text.split())
