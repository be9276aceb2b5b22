"""Embed what the reference expects on each turn, and what the check of the calls found on each failed row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pipeline.report.calls import checked_calls
from pipeline.report.text import shorten, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.analysis import Analysis

_LIMIT: Final = 3000


def encode_expected(analysis: Analysis, packet: Sequence[int]) -> dict[str, Any]:
    """Return `expected` (by benchmark and turn: answer, calls), and `check`: per failed row a place in `checks`.

    Nothing where there is no reference and no call was checked.
    """
    found: dict[str, Any] = {}
    turns = analysis.light_turns[["benchmark_name", "turn", "golden_text", "expected_calls"]].dropna()
    expected: dict[str, dict[str, list[str]]] = {}
    for benchmark, turn, golden, calls in turns.drop_duplicates(["benchmark_name", "turn"]).itertuples(index=False):
        texts = (golden, "" if calls == "[]" else calls)
        expected.setdefault(benchmark, {})[str(turn)] = [visible(shorten(text, _LIMIT)) for text in texts]
    if expected:
        found["expected"] = expected
    of_rows = analysis.failures["call_check"].astype("object").loc[list(packet)].tolist()
    checks: dict[str, int] = {}
    places = [checks.setdefault(text, len(checks)) if isinstance(text, str) else -1 for text in of_rows]
    if checks:
        found["checks"] = [
            [[visible(shorten(part, _LIMIT)) for part in call] for call in checked_calls(json.loads(text))]
            for text in checks
        ]
        found["check"] = places
    return found
