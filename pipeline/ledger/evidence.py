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

    `tool_calls`, `tool_results` and `scores` are given as JSON text.
    """
    evidence = {name: row[name] for name in ("user_text", "assistant_text", "judge_reasoning")}
    evidence |= {name: json.loads(row[name]) for name in ("tool_calls", "tool_results", "scores")}
    return hashlib.sha256(_compact(evidence).encode(errors="replace")).hexdigest()


def quote_stands(quote: str, row: Mapping[str, Any]) -> bool:
    """Whether a quote is a substring of one of the row's five texts once white space is collapsed."""
    words = _collapsed(quote)
    return bool(words) and any(words in _collapsed(row[name]) for name in c.TEXTS)


def _collapsed(text: str) -> str:
    return " ".join(text.split())
