"""The rule for make that names the files an analysis was made from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# What make can hold once it is quoted. Any other character may split a name, match other files or start a command.
_FIT: Final = re.compile(r"(?:[\w.,/+@'\"()!&$=%#: -]*)\w")
_GONE: Final = "outputs-that-are-gone"
_UNKNOWN: Final = "inputs-whose-names-make-cannot-hold"


def dependencies(goal: Path, inputs: Sequence[Path], outputs: Sequence[Path] = ()) -> str:
    """Return a rule for make: the goal, by its short and its full name, needs the inputs.

    The goal is made anew, too, when one of the `outputs` that came with it is gone, whatever their times are. Each
    input is a goal without a recipe, so that one may vanish. With an input that no rule can hold, the goal is made
    each time; for a goal that no rule can hold there is no rule.
    """
    here = Path.cwd()
    names = [goal.relative_to(here), goal] if goal.is_relative_to(here) else [goal]
    goals = " ".join(_quoted(name).replace("%", "\\%") for name in names if _is_fit(name))
    if not goals:
        return "# make cannot hold the name of this folder\n"
    needed = [_quoted(path) for path in inputs if _is_fit(path)]
    vanished = [f"{path}:".replace("%", "\\%") for path in needed]
    if len(needed) < len(inputs):
        needed.append(_UNKNOWN)
        vanished.append(f".PHONY: {_UNKNOWN}")
    rule = " \\\n  ".join([f"{goals}:", *needed])
    return "\n\n".join(["equals := =", rule, *vanished, *_gone(goals, outputs)]) + "\n"


def _gone(goals: str, outputs: Sequence[Path]) -> list[str]:
    """Return what makes the goals anew when not all outputs are there: `wildcard` lists those that are."""
    paths = [str(path) for path in outputs if _is_fit(path)]
    if not paths:
        return []
    listed = " ".join(re.sub(r"[ #]", r"\\\g<0>", path.replace("$", "$$")) for path in paths)
    words = sum(len(path.split()) for path in paths)  # make counts the words of a name with spaces
    condition = f"ifneq ($(words $(wildcard $(outputs))),{words})"
    return [f"outputs := {listed}", "\n".join([condition, f"{goals}: {_GONE}", f".PHONY: {_GONE}", "endif"])]


def _is_fit(path: Path) -> bool:
    return _FIT.fullmatch(str(path)) is not None


def _quoted(path: Path) -> str:
    """Return a path quoted for make, which takes an equals sign in a rule for an assignment."""
    text = str(path).replace("$", "$$").replace("=", "$(equals)")
    return re.sub(r"[ #:]", r"\\\g<0>", text)
