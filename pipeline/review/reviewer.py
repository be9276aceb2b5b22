"""Who reviews: a name and a kind, given with the command or set in the environment."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pipeline.errors import Problem, UsageError
from pipeline.load.files import unicode_argument

if TYPE_CHECKING:
    from pipeline.ledger.events import Identity

NAME: Final = "ERROR_ANALYSIS_REVIEWER"
KIND: Final = "ERROR_ANALYSIS_REVIEWER_KIND"
KINDS: Final = ("human", "agent")


def reviewer(name: str | None, kind: str | None) -> Identity:
    """Return who reviews: name and kind.

    Raises `UsageError` if either is not given, so that nobody signs as somebody else by default.
    """
    name = unicode_argument(name if name is not None else os.environ.get(NAME, "")).strip()
    kind = (kind if kind is not None else os.environ.get(KIND, "")).strip()
    problems = []
    if not name:
        problems.append(Problem("--reviewer", "nobody is named", f"give --reviewer NAME or set {NAME}"))
    elif any(sign < " " or "\ud800" <= sign <= "\udfff" for sign in name):
        problems.append(Problem("--reviewer", f"{name!r} is no name", "write it on one line, in UTF-8"))
    if not kind:
        fix = f"give --reviewer-kind human or agent, or set {KIND}; an agent never signs as a human"
        problems.append(Problem("--reviewer-kind", "not said", fix))
    elif kind not in KINDS:
        near = get_close_matches(kind, KINDS, n=1)
        fix = f"did you mean {near[0]!r}?" if near else "choose human or agent"
        problems.append(Problem("--reviewer-kind", f"unknown kind {kind!r}", fix))
    if problems:
        raise UsageError(*problems)
    return name, kind
