"""Signals of the scores: which kinds of dimensions failed and which passed."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from pipeline.rules.signals.failed_rows import FailedRows, ScoreSet

KINDS: Final = {
    "tool": r"tool|function|action|api|call",
    "facts": r"ground|fact|knowledge|kb|accura|hallucin|faithful|truth",
    "state": r"state|memory|context|consisten|coheren|recall|retention",
    "choice": r"ambig|clarif",
    "talk": r"turn_?taking|interrupt|latency|timing",
    "form": r"instruction|format|tone|style|policy|safety|polite",
    "goal": r"success|goal|complet|help|resol|quality|overall",
}
"""Kinds of dimensions, by expressions that match their names; the first match counts."""
_MANY: Final = 3


def meanings() -> dict[str, str]:
    """Return the signals of this group with their meanings."""
    return {
        **{f"failed-{kind}": f"a {kind} dimension failed" for kind in KINDS},
        **{f"only-{kind}": f"nothing but {kind} dimensions failed" for kind in KINDS},
        **{f"passed-{kind}": f"a {kind} dimension passed and none failed" for kind in KINDS},
        "failed-one": "one dimension failed",
        "failed-many": "three dimensions or more failed",
        "only-form-scored": "no dimension was scored but those about form or the goal",
    }


def find(rows: FailedRows) -> dict[str, np.ndarray]:
    """Return per signal and failed row whether it holds."""
    distinct = {id(scores): scores for scores in rows.scores}
    of_set = {key: _signals(scores) for key, scores in distinct.items()}
    found = np.array([of_set[id(scores)] for scores in rows.scores], dtype=bool).reshape(len(rows), len(meanings()))
    return {name: found[:, column] for column, name in enumerate(meanings())}


def _signals(scores: ScoreSet) -> list[bool]:
    """Return the signals of one set of scores, in the order of `meanings`."""
    failing = [_kind(name) for name in scores.failed]
    passing = {_kind(name) for name, score in scores.scores.items() if score} - set(failing)
    applying = {_kind(name) for name, score in scores.scores.items() if score is not None}
    return [
        *(kind in failing for kind in KINDS),
        *(set(failing) == {kind} for kind in KINDS),
        *(kind in passing for kind in KINDS),
        len(failing) == 1,
        len(failing) >= _MANY,
        applying <= {"form", "goal", None},
    ]


@cache
def _kind(dimension: str) -> str | None:
    return next((kind for kind, words in KINDS.items() if re.search(words, dimension.lower())), None)
