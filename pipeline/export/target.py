"""Choose the analysis folder, and refuse one that is not fit for it."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.errors import OutputError, Problem
from pipeline.load.files import file_name, irregular, refuse_nul
from pipeline.load.moving import OWN_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable


_LOG: Final = logging.getLogger(__name__)
Runs = set[tuple[str, str]]
"""Benchmark and run id of some runs."""
_ANOTHER: Final = "choose another --output"
_PAGE_MARK: Final = b'<meta name="generator" content="error-analysis">'
"""What a page of ours has in its head."""
_BESIDE: Final = {"reviews.jsonl", "reviews.torn", "suggestions.jsonl", "charts", c.WORKBOOK, c.MAKE_OPTIONS}
"""What commands of ours write into an analysis folder apart from its outputs."""
_LONGEST_NAME: Final = 200
_HEAD: Final = 1000


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
    def page(self) -> Path:
        """The same report for a browser."""
        return self.folder / f"{self.stem}.html"

    @property
    def new_report(self) -> Path:
        """Where the report goes when the present one was edited by hand."""
        return self.folder / f"{self.stem}.new.md"


def choose_target(output: Path | None, name: str, runs: Runs) -> Target:
    """Choose the analysis folder: `output`, which may name the report file, else `results/<name>/`.

    Where that default belongs to another comparison than that of `runs`, it is `results/<benchmark>__<name>/`.
    """
    if output is None:
        target = _default_target(name)
        if not _belongs_elsewhere(target, runs):
            return target
        named = _default_target(f"{'+'.join(sorted({benchmark for benchmark, _ in runs}))}__{name}")
        _LOG.info("%s belongs to another comparison; this one goes to %s", target.folder.name, named.folder.name)
        return named
    if output.suffix == ".md":
        return Target(_absolute(output.parent), output.stem)
    return Target(_absolute(output))


def _default_target(name: str) -> Target:
    plain = "".join("_" if char in "/\\\0" or ord(char) < ord(" ") else char for char in name).lstrip(".")
    short = plain if len(os.fsencode(plain)) <= _LONGEST_NAME else f"{cut_name(plain, _LONGEST_NAME)}-and-more"
    return Target(_absolute(Path("results") / (short or "analysis")))


def _belongs_elsewhere(target: Target, runs: Runs) -> bool:
    """Whether a folder is the readable analysis of other runs alone."""
    there = _runs_in(target.folder)
    return bool(there) and not there & runs


def _runs_in(folder: Path) -> Runs:
    """Return the runs of the analysis in a folder; none where there is no analysis, or none that can be read."""
    try:
        inputs = json.loads((folder / c.ANALYSIS_JSON).read_bytes())["inputs"]
        return {(run["benchmark_name"], run["run_id"]) for run in inputs}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def cut_name(name: str, size: int) -> str:
    """Return a file name cut to at most `size` bytes."""
    return os.fsencode(name)[:size].decode(errors="ignore")


def listed_outputs(folder: Path) -> list[str] | None:
    """Return what an earlier analysis wrote into a folder, by its own account; `None` where none did."""
    try:
        listed = json.loads((folder / c.LOCAL_JSON).read_bytes())["outputs"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else None


def other_files(target: Target) -> list[str]:
    """Return what lies in an analysis folder and was written by no command of ours; hidden files are left out."""
    own = {Path(name).parts[0] for name in listed_outputs(target.folder) or ()} | _BESIDE
    names = sorted(path.name for path in target.folder.iterdir())
    return [
        name
        for name in names
        if name not in own
        and not name.startswith(".")
        and not (name.startswith(f"{target.stem}.new") and name[-3:] == ".md")
    ]


def is_analysis_folder(folder: Path) -> bool:
    """Whether an earlier analysis, whole or cut short, wrote this folder."""
    return (folder / c.ANALYSIS_JSON).exists() or listed_outputs(folder) is not None


def refuse_unfit(target: Target, input_folders: Iterable[Path], runs: Runs) -> None:
    """Refuse a folder inside an input folder, one of another comparison, or one with files that are not ours.

    `runs` holds the (benchmark, run id) pairs of this call. Raises `OutputError`.
    """
    folder = _real(target.folder)
    for source in input_folders:
        if folder.is_relative_to(_real(source)):
            raise OutputError(Problem(str(target.folder), f"lies inside the input folder {source}", _ANOTHER))
    if folder.exists() and not folder.is_dir():
        raise OutputError(Problem(str(target.folder), "is a file, not a folder", _ANOTHER))
    if problems := irregular(_places(target)):
        raise OutputError(*problems)
    if foreign := _foreign(target, folder):
        raise OutputError(Problem(str(target.folder), f"holds {', '.join(foreign)}, from no analysis", _ANOTHER))
    path = folder / c.ANALYSIS_JSON
    if not path.exists():
        return
    there = _runs_in(folder)
    if not there:
        what = "is no analysis that can be read"
        raise OutputError(Problem(str(path), what, f"remove it, or {_ANOTHER}"))
    if not there & runs:
        what = "belongs to another comparison: it shares no run with this one"
        raise OutputError(Problem(str(target.folder), what, _ANOTHER))


def _places(target: Target) -> list[Path]:
    """Return where an analysis may write, or an earlier one may have written."""
    fixed = (target.folder / name for name in sorted(OWN_NAMES))
    return [target.report, target.new_report, target.page, *fixed, *sorted(target.folder.glob("tables/*.parquet"))]


def _foreign(target: Target, folder: Path) -> list[str]:
    """Return what somebody else put where we would write; a report that was edited by hand is kept instead."""
    names = [] if is_analysis_folder(folder) else sorted(name for name in OWN_NAMES if (folder / name).exists())
    if target.page.is_file():
        with target.page.open("rb") as stream:
            names += [] if _PAGE_MARK in stream.read(_HEAD) else [target.page.name]
    return names


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve() raises for a loop of links


def _absolute(path: Path) -> Path:
    """Return an absolute path; `..` follows links, as the file system does."""
    refuse_nul(path)
    plain = os.path.expanduser(file_name(os.fspath(path)))  # noqa: PTH111 - Path.expanduser() raises for an unknown user
    return Path(os.path.realpath(plain) if ".." in path.parts else os.path.abspath(plain))  # noqa: PTH100 - Path.absolute() keeps `.`
