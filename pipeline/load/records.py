"""The records of the input: options, runs, notes, rejected lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.schema import CompareBy, RepeatPolicy, Severity


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may choose about counting and comparing; part of `analysis.json`."""

    judge: str | None = None
    exclude_dimensions: tuple[str, ...] = ()
    compare_by: CompareBy = "model"
    repeat_policy: RepeatPolicy = "majority"
    skip_bad_rows: bool = False
    skip_missing_runs: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What to analyse, and how; paths as the user gave them."""

    comparison_dir: Path | None = None
    run_dirs: tuple[Path, ...] = ()
    runs_root: Path | None = None
    rules: Path | None = None
    references: tuple[str, ...] = ()
    """Each as `PATH` or `BENCHMARK=PATH`."""
    turn_metadata: Path | None = None
    options: Options = Options()


@dataclass(frozen=True, slots=True)
class Run:
    """One judged run before its rows are read: where it lies and what it is called."""

    run_id: str
    run_index: int | None
    model_name: str | None
    """The name `run_results.csv` gives; `None` leaves it to the rows, then to the folder's name."""
    benchmark_name: str
    directory: Path
    judged_file: Path
    judge: str
    source: str
    """The judged file as outputs name it: POSIX, relative to the comparison folder or the common parent."""


@dataclass(frozen=True, slots=True)
class RunInput:
    """One run after loading, as `analysis.json` lists it under `inputs`."""

    run_id: str
    model_name: str
    benchmark_name: str
    judged_file: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A reference or the turn metadata as it was read, as `analysis.json` lists it."""

    source: str
    sha256: str
    turns: int
    benchmark_name: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One remark on the artifacts, for `check`, the report and `analysis.json`."""

    severity: Severity
    where: str
    what: str

    def __post_init__(self) -> None:
        """Make both texts valid Unicode: file names need not be, and every output of ours is."""
        for name in ("where", "what"):
            text = getattr(self, name).encode(errors="replace").decode()
            object.__setattr__(self, name, text)


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that was left out under `--skip-bad-rows`: its place, why, and its text as it stood."""

    file: str
    line: int
    reason: str
    raw: str
