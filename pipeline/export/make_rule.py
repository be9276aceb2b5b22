"""The rule for make that names the files an analysis was made from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNFIT_FOR_MAKE: Final = re.compile(r"[\n\t;|\\]")


def dependencies(goal: Path, inputs: Sequence[Path]) -> str:
    """Return a rule for make: the goal, by its short and its full name, needs the inputs.

    Each input is a goal without a recipe too, so that one may vanish. A path that no rule can hold is left out.
    """
    here = Path.cwd()
    names = [goal.relative_to(here), goal] if goal.is_relative_to(here) else [goal]
    goals = " ".join(map(_quoted, names)).replace("%", "\\%")
    needed = [_quoted(path) for path in inputs if not _UNFIT_FOR_MAKE.search(str(path))]
    rule = " \\\n  ".join([f"{goals}:", *needed])
    vanished = [f"{path}:".replace("%", "\\%") for path in needed]
    return "\n\n".join(["equals := =", rule, *vanished]) + "\n"


def _quoted(path: Path) -> str:
    """Return a path quoted for make, which takes an equals sign in a rule for an assignment."""
    text = str(path).replace("$", "$$").replace("=", "$(equals)")
    return re.sub(r"[ #:]", r"\\\g<0>", text)
