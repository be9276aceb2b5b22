"""A row's evidence: the digest that ties a decision to what the reviewer read, and quotes of it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pipeline import schema as c

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAIN = (c.USER_TEXT, c.ASSISTANT_TEXT, c.JUDGE_REASONING)
PAYLOADS = (c.TOOL_CALLS, c.TOOL_RESULTS, c.SCORES)


def evidence_digest(row: Mapping[str, Any]) -> str:
    """Digest a row: SHA-256 of the sorted compact JSON of its texts, tool calls, tool results and scores.

    The last three are given as JSON text.
    """
    evidence = {name: row[name] for name in PLAIN} | {name: json.loads(row[name]) for name in PAYLOADS}
    text = json.dumps(evidence, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def quote_stands(quote: str, row: Mapping[str, Any]) -> bool:
    """Tell whether a quote is a piece of one of the row's five texts, white space collapsed."""
    words = _collapsed(quote)
    return bool(words) and any(words in _collapsed(row[name]) for name in c.TEXTS)


def _collapsed(text: str) -> str:
    return " ".join(text.split())
