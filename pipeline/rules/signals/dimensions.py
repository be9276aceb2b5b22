"""Signals from the scores: which kinds of dimensions failed and which passed."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from pipeline.rules.signals.rows import Rows

KINDS: Final = {
    "tool": r"tool|function|action|api|call",
    "facts": r"ground|fact|knowledge|kb|accura|hallucin|faithful|truth",
    "state": r"state|memory|context|consisten|coheren|recall|retention",
    "choice": r"ambig|clarif",
    "talk": r"turn_?taking|interrupt|latency|timing",
    "form": r"instruction|format|tone|style|policy|safety|polite",
    "goal": r"success|goal|complet|help|resol|quality|overall",
}
"""Kinds of dimensions, by what their names hold; the first that fits counts."""
_MANY: Final = 3


def meanings() -> dict[str, str]:
    """Name the signals of this group."""
    return {
        **{f"failed-{kind}": f"a {kind} dimension failed" for kind in KINDS},
        **{f"only-{kind}": f"nothing but {kind} dimensions failed" for kind in KINDS},
        **{f"passed-{kind}": f"a {kind} dimension passed and none failed" for kind in KINDS},
        "failed-one": "one dimension failed",
        "failed-many": "three dimensions or more failed",
        "only-form-scored": "no dimension was scored but those about form or the goal",
    }


def find(rows: Rows) -> dict[str, np.ndarray]:
    """Tell where each holds; most rows share their scores with many others."""
    numbers: dict[tuple[tuple[str, ...], tuple[tuple[str, bool | None], ...]], int] = {}
    pairs = zip(rows.failed_dimensions, rows.scores, strict=True)
    of_row = [numbers.setdefault((tuple(failed), tuple(scores.items())), len(numbers)) for failed, scores in pairs]
    found = np.array([_signals(failed, scores) for failed, scores in numbers], dtype=bool)
    found = found.reshape(len(numbers), len(meanings()))[of_row]
    return {name: found[:, column] for column, name in enumerate(meanings())}


def _signals(failed: tuple[str, ...], scores: tuple[tuple[str, bool | None], ...]) -> list[bool]:
    """Work out the signals of one set of scores, in the order of `meanings`."""
    failing = [_kind(name) for name in failed]
    passing = {_kind(name) for name, score in scores if score} - set(failing)
    scored = {_kind(name) for name, score in scores if score is not None}
    return [
        *(kind in failing for kind in KINDS),
        *(set(failing) == {kind} for kind in KINDS),
        *(kind in passing for kind in KINDS),
        len(failing) == 1,
        len(failing) >= _MANY,
        scored <= {"form", "goal", None},
    ]


@cache
def _kind(dimension: str) -> str | None:
    return next((kind for kind, words in KINDS.items() if re.search(words, dimension.lower())), None)
