"""Signals of the calls beside the expected ones (`call_check`); none holds where nothing is known to be expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pipeline.rules.signals.failed_rows import FailedRows

_PATTERNS: Final = {
    "expected-call-missing": r'"status":"missing"',
    "expected-call-elsewhere": r'"status":"(?:early|late)"',
    "expected-call-wrong": r'"status":"wrong"',
    "unexpected-call": r'"status":"unexpected"',
}
_FORMAT: Final = r'"difference":"format"'
_OTHERWISE: Final = r'"status":"(?:missing|early|late|wrong|unexpected)"'


def meanings() -> dict[str, str]:
    """Return the signals of this group with their meanings."""
    return {
        "expected-call-missing": "an expected call was not made",
        "expected-call-elsewhere": "an expected call was made on an earlier or a later turn",
        "expected-call-wrong": "an expected call was made, and an argument differs in value",
        "unexpected-call": "a call was made that the turn does not expect",
        "format-only": "every expected call was made, and arguments differ in format only",
    }


def find(rows: FailedRows) -> dict[str, np.ndarray]:
    """Return per signal and failed row whether it holds."""
    if "call_check" not in rows.turns.column_names:
        return {name: np.zeros(len(rows), dtype=bool) for name in meanings()}
    checks = pc.fill_null(rows.text("call_check"), "")

    def holds(pattern: str) -> np.ndarray:
        return np.asarray(pc.match_substring_regex(checks, pattern))

    return {
        **{name: holds(pattern) for name, pattern in _PATTERNS.items()},
        "format-only": holds(_FORMAT) & ~holds(_OTHERWISE),
    }
