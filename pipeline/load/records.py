"""The records of the input: options, runs, notes, rejected lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.schema import INDEPENDENT_MODES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.schema import CompareBy, RepeatPolicy, Severity, TurnsMode


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may choose about counting and comparing; part of `analysis.json`."""

    judge: str | None = None
    exclude_dimensions: tuple[str, ...] = ()
    compare_by: CompareBy = "model"
    repeat_policy: RepeatPolicy = "majority"
    skip_bad_rows: bool = False
    skip_missing_runs: bool = False
    turns: TurnsMode = "auto"
    ending_calls: tuple[str, ...] = ()
    transcripts: bool = False
    """Whether transcripts are read in place of judged files."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to analyse, and how; paths as the user gave them."""

    comparison_dirs: tuple[Path, ...] = ()
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
    mode: str = ""
    """The mode of the run as `run_results.csv` gives it."""
    comparison_dir: Path | None = None
    """The comparison folder that lists the run."""
    cells: Mapping[str, str] = field(default_factory=dict)
    """The run's line of `run_results.csv`, by column."""


@dataclass(frozen=True, slots=True)
class RunInput:
    """One run after loading, as `analysis.json` lists it under `inputs`."""

    run_id: str
    model_name: str
    benchmark_name: str
    judged_file: str
    sha256: str
    rows: int
    mode: str = ""
    """The mode of the run as the harness or the user says; empty where nobody does."""
    turn_taking: str = ""
    """`not_measured` where the harness says so."""
    turns: int | None = None
    """The turns of the run, where some have no row or were lost; `None` where each has a row."""
    turns_judged: int | None = None
    """How many of them were judged, a row without any score not counted; `None` where each turn has a row."""

    @property
    def independent(self) -> bool:
        """Whether each turn stands alone: its past is the reference's, not the run's."""
        return self.mode in INDEPENDENT_MODES


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
