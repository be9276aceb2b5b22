"""Signals of the texts of the turn: expressions (`builtin/signals.toml`), blank and long responses."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from pipeline import schema
from pipeline.rules.builtin_files import read_builtin

if TYPE_CHECKING:
    from pipeline.rules.signals.failed_rows import FailedRows

_NO_WORDS: Final = r"^(?:<\|?[\w/ ]*\|?>|\[[\w/ ]*\]|[[:punct:]]|[\s\x{2000}-\x{206f}\x{a0}])*$"
"""Matches a text of control tokens, punctuation and white space only."""
_LONG: Final = 600


@cache
def _patterns() -> dict[str, dict[str, str]]:
    return read_builtin("signals.toml")


def meanings() -> dict[str, str]:
    """Return the signals of this group with their meanings."""
    return {
        "blank": "no word in the response: nothing, control tokens, or punctuation",
        "long": "the response has more than 600 characters",
        "session-ended": "the harness recorded that the model ended the session in this turn",
        "session-ended-bare": "the model ended the session in this turn and said nothing with it",
        "session-ended-early": "the harness recorded that the session had been ended before this turn",
        "nothing-came": "the harness recorded an empty response",
        "empty": "the response is empty: neither words nor calls",
        "ended-as-expected": "the session ended where it should; perhaps closing_turn_contract_mismatch",
        **{name: entry["why"] for name, entry in _patterns().items()},
    }


def find(rows: FailedRows) -> dict[str, np.ndarray]:
    """Return per signal and failed row whether it holds."""
    wordless = rows.matches("assistant_text", _NO_WORDS)
    kinds = (schema.ENDED, schema.ENDED_EARLY, schema.EXPECTED_ENDING, schema.NOT_STORED)
    ended, ended_early, as_expected, not_stored = (rows.response_kinds == kind for kind in kinds)
    empty = np.isin(rows.response_kinds, (schema.NO_TEXT, schema.EMPTY_RESPONSE))
    return {
        "blank": (wordless & ~ended & ~ended_early & ~as_expected & ~not_stored) | empty,
        "long": np.asarray(pc.utf8_length(rows.text("assistant_text"))) > _LONG,
        "session-ended": ended,
        "session-ended-bare": ended & wordless,
        "session-ended-early": ended_early,
        "empty": empty,
        "ended-as-expected": as_expected,
        "nothing-came": rows.response_kinds == schema.EMPTY_RESPONSE,
        **{name: rows.matches(entry["look_in"], entry["pattern"]) for name, entry in _patterns().items()},
    }
