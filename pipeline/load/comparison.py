"""Read `run_results.csv`: which runs a comparison folder lists, and what it calls them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pipeline.errors import InputError, Problem
from pipeline.load.csv_rows import csv_rows
from pipeline.load.files import is_folder, read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RUN_RESULTS: Final = "run_results.csv"


@dataclass(frozen=True, slots=True)
class ListedRun:
    """One line of `run_results.csv`; a cell that is absent or empty is `None`."""

    where: str
    run_dir: str
    model_name: str | None = None
    run_index: int | None = None
    run_id: str | None = None
    benchmark_name: str | None = None
    runtime_mode: str | None = None
    cells: Mapping[str, str] = field(default_factory=dict)
    """All cells of the line, by column."""
    comparison_dir: Path | None = None


def read_run_results(folder: Path) -> list[ListedRun]:
    """Read the runs that a comparison folder lists, in their order.

    Raises `InputError` with every problem: no such file, no `run_dir` column, lines without one.
    """
    path = folder / RUN_RESULTS
    if not is_folder(folder):
        raise InputError(Problem(str(folder), "no such folder", "give the folder that holds run_results.csv"))
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists() raises for a name that is too long
        fix = "give the folder that holds it, or use --run-dir for single runs"
        raise InputError(Problem(str(folder), f"no {RUN_RESULTS} here", fix))
    lines = csv_rows(read_bytes(path), str(path), "run_dir")
    problems = [
        Problem(f"{path}:{line}", "no run_dir", "name the run's folder") for line, row in lines if not row["run_dir"]
    ]
    if not lines:
        problems.append(Problem(str(path), "lists no runs", "add a line per run"))
    if problems:
        raise InputError(*problems)
    return [
        ListedRun(
            where=f"{path}:{line}",
            run_dir=row["run_dir"],
            model_name=row.get("model_name") or None,
            run_index=_index(row.get("run_index")),
            run_id=row.get("run_id") or None,
            benchmark_name=row.get("benchmark_name") or None,
            runtime_mode=row.get("runtime_mode") or None,
            cells=row,
            comparison_dir=folder,
        )
        for line, row in lines
    ]


def _index(cell: str | None) -> int | None:
    """Read a run index; spreadsheets write 1 as 1.0, and one that is no number tells nothing."""
    try:
        number = float(cell or "")
    except ValueError:
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else None
