"""Signals of the tool calls and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from pipeline import schema

if TYPE_CHECKING:
    from pipeline.rules.signals.failed_rows import FailedRows

ENDING: Final = (
    r'"name":\s*"[^"]*(?:(?:end|close|terminate|finish|hang|quit|exit|leave|disconnect|stop|conclude)[_ ]?(?:the_)?'
    r'(?:up|call|session|conversation|chat|dialog\w*|interaction|line)|hangup|goodbye)[^"]*"'
)
"""Matches a call that ends the session, in the JSON text of a turn's calls."""
_PLACEHOLDER: Final = (
    r':\s*"(?:\s*|<[^"]*>|\[[^"]*\]|\{[^"]*\}|unknown|n/?a|none|null|tbd|todo|x{3,}|placeholder|string|user_?id|'
    r'(?:your|some|example|sample|dummy|test)[ _-][^"]*|123456?7?8?9?0?|abc123|(?:john|jane) doe|[^"]*_here)"'
)
_ERROR: Final = (
    r'"(?:error\w*|exception|fault)":\s*(?:"[^"]|\{\s*"|\[\s*[^\s\]]|true|[1-9])'
    r'|"(?:status|result|outcome|state|code)":\s*"?(?:\w*err|\w*fail|invalid|reject|denied|declined|not[_ ]found'
    r"|timeout|timed[_ ]out|unavailable|conflict|bad[_ ]|4\d\d\b|5\d\d\b)"
    r'|"(?:ok|success|successful|found|valid)":\s*false'
)
_SEVERAL: Final = r"\[\s*\{[^\[\]]*\}\s*,\s*\{|\[\s*\"[^\"]*\"\s*,"


def meanings() -> dict[str, str]:
    """Return the signals of this group with their meanings."""
    return {
        "called": "a tool was called",
        "called-nothing": "no tool was called",
        "called-several": "two calls or more",
        "repeated-call": "the same call twice in the turn",
        "placeholder": "an argument that stands for a value instead of giving it",
        "failed-call": "a tool returned an error",
        "found-several": "a tool returned a list of two or more",
        "ending-call": "a call that ends the session, where that is not expected",
    }


def find(rows: FailedRows) -> dict[str, np.ndarray]:
    """Return per signal and failed row whether it holds."""
    distinct = [len({_canonical(call) for call in calls}) if len(calls) > 1 else len(calls) for calls in rows.calls]
    count = np.array([len(calls) for calls in rows.calls], dtype=np.int64)
    return {
        "called": rows.called,
        "called-nothing": ~rows.called,
        "called-several": count > 1,
        "repeated-call": np.array(distinct, dtype=np.int64) < count,
        "placeholder": rows.called & rows.matches("tool_calls", _PLACEHOLDER),
        "failed-call": rows.matches("tool_results", _ERROR),
        "found-several": rows.matches("tool_results", _SEVERAL),
        "ending-call": rows.called
        & rows.matches("tool_calls", ENDING)
        & (rows.response_kinds != schema.EXPECTED_ENDING),
    }


def _canonical(call: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return bytes that are equal for equal calls."""
    return msgspec.json.encode(call, order="sorted")
