"""Signals that patterns give on the texts of the turn (`builtin/signals.toml`), and blank responses."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.rules.builtin_files import read_builtin

if TYPE_CHECKING:
    from pipeline.rules.signals.rows import Rows

_NO_WORDS: Final = r"^(?:<\|?[\w/ ]*\|?>|\[[\w/ ]*\]|[[:punct:]]|[\s\x{2000}-\x{206f}\x{a0}])*$"
"""Control tokens, punctuation and white space only."""


_LONG: Final = 600


@cache
def _patterns() -> dict[str, dict[str, str]]:
    return read_builtin("signals.toml")


def meanings() -> dict[str, str]:
    """Name the signals of this group."""
    return {
        "blank": "no word in the response: nothing, control tokens, or punctuation",
        "long": "the response has more than 600 characters",
        "session-ended": "the harness recorded that the model ended the session in this turn",
        "session-ended-bare": "the model ended the session in this turn and said nothing with it",
        "session-ended-early": "the harness recorded that the session had been ended before this turn",
        "nothing-came": "the harness recorded an empty response",
        **{name: entry["why"] for name, entry in _patterns().items()},
    }


def find(rows: Rows) -> dict[str, np.ndarray]:
    """Tell where each holds."""
    return {
        "blank": (rows.says(c.ASSISTANT_TEXT, _NO_WORDS) & ~np.isin(rows.kinds, (c.ENDED, c.ENDED_EARLY)))
        | np.isin(rows.kinds, (c.NO_TEXT, c.EMPTY_RESPONSE)),
        "long": np.asarray(pc.utf8_length(rows.text(c.ASSISTANT_TEXT))) > _LONG,
        "session-ended": rows.kinds == c.ENDED,
        "session-ended-bare": (rows.kinds == c.ENDED) & rows.says(c.ASSISTANT_TEXT, _NO_WORDS),
        "session-ended-early": rows.kinds == c.ENDED_EARLY,
        "nothing-came": rows.kinds == c.EMPTY_RESPONSE,
        **{name: rows.says(entry["look_in"], entry["pattern"]) for name, entry in _patterns().items()},
    }
