"""Put the agent skill, which ships with the package, into a repository."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from pipeline.errors import OutputError, Problem
from pipeline.review.answer import Answer

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "model-run-error-analysis"
PLACE: Final = f".agents/skills/{NAME}/SKILL.md"


def skill_text() -> bytes:
    """Read the skill file of the package."""
    return files("pipeline.cli").joinpath("SKILL.md").read_bytes()


def install(folder: Path) -> Answer:
    """Write the skill file where agents find it; a file that is there and differs is replaced, and said so."""
    path = folder / PLACE
    if not folder.is_dir():
        raise OutputError(Problem(str(folder), "no such folder", "name the repository that should get the skill"))
    try:
        before = path.read_bytes() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(skill_text())
    except OSError as error:
        fix = "see the rights there"
        raise OutputError(Problem(str(path), f"cannot be written: {error.strerror or error}", fix)) from None
    state = "installed" if before is None else "there already" if before == skill_text() else "replaced"
    return Answer(f"{path}: {state}", {"path": str(path), "state": state})
