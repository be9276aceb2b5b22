"""Choose the analysis folder, and refuse one that is not fit for it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.errors import OutputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable


_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Target:
    """Where an analysis goes: the folder, and the report's name without its ending."""

    folder: Path
    stem: str = c.REPORT_STEM

    @property
    def report(self) -> Path:
        """The report file."""
        return self.folder / f"{self.stem}.md"

    @property
    def new_report(self) -> Path:
        """Where the report goes when the present one was edited by hand."""
        return self.folder / f"{self.stem}.new.md"


def choose_target(output: Path | None, name: str) -> Target:
    """Choose the analysis folder: `output`, which may name the report file, else `results/<name>/`."""
    if output is None:
        plain = "".join("_" if char in "/\\\0" or ord(char) < ord(" ") else char for char in name).lstrip(".")
        short = plain if len(os.fsencode(plain)) <= _LONGEST_NAME else f"{cut_name(plain, _LONGEST_NAME)}-and-more"
        return Target(_absolute(Path("results") / (short or "analysis")))
    if output.suffix == ".md":
        return Target(_absolute(output.parent), output.stem)
    return Target(_absolute(output))


def cut_name(name: str, size: int) -> str:
    """Cut a file name to at most `size` bytes."""
    return os.fsencode(name)[:size].decode(errors="ignore")


def refuse_unfit(target: Target, input_folders: Iterable[Path], runs: set[tuple[str, str]]) -> None:
    """Refuse a folder that lies inside an input folder or belongs to another comparison.

    `runs` holds the (benchmark, run id) pairs of this call. Raises `OutputError`.
    """
    folder = target.folder.resolve()
    for source in input_folders:
        if folder.is_relative_to(source.resolve()):
            raise OutputError(
                Problem(str(target.folder), f"lies inside the input folder {source}", "choose another --output")
            )
    if folder.exists() and not folder.is_dir():
        raise OutputError(Problem(str(target.folder), "is a file, not a folder", "choose another --output"))
    path = folder / c.ANALYSIS_JSON
    if not path.exists():
        return
    try:
        there = {(run[c.BENCHMARK], run[c.RUN_ID]) for run in json.loads(path.read_bytes())["inputs"]}
    except (OSError, ValueError, LookupError, TypeError):
        what = "is no analysis that can be read"
        raise OutputError(Problem(str(path), what, "remove it, or choose another --output")) from None
    if not there & runs:
        what = "belongs to another comparison: it shares no run with this one"
        raise OutputError(Problem(str(target.folder), what, "choose another --output"))


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - Path.absolute() keeps `..`
