"""Find the reference of each benchmark: the one that an option names, else the one beside the `runs/` folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.errors import InputError, Problem, UsageError
from pipeline.load.files import absolute, is_file, is_folder, relative
from pipeline.load.records import Note
from pipeline.load.reference import TURNS_FILE, Reference, read_reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.load.records import Run

_OPTION: Final = "--reference"


@dataclass(frozen=True, slots=True)
class References:
    """The references of an analysis."""

    by_benchmark: Mapping[str, Reference] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    given: tuple[str, ...] = ()
    """Those that an option named, as `BENCHMARK=PATH` with absolute paths."""


def find_references(values: Sequence[str], runs: Sequence[Run], base: Path) -> References:
    """Read the reference of every benchmark that has one; outputs name it relative to `base`.

    `values` are `PATH`, for an analysis of one benchmark, or `BENCHMARK=PATH`. Raises `UsageError` for a benchmark that
    is not there or has two, and `InputError` for a named reference that cannot be read; one that was only found is
    then a warning.
    """
    benchmarks = list(dict.fromkeys(run.benchmark_name for run in runs))
    given = _given(values, benchmarks)
    problems: list[Problem] = []
    references: dict[str, Reference] = {}
    notes: list[Note] = []
    for benchmark in benchmarks:
        path = given.get(benchmark) or _beside([run for run in runs if run.benchmark_name == benchmark])
        if path is None:
            continue
        source = relative(path, base)
        try:
            references[benchmark] = read_reference(path, source)
        except InputError as error:
            if benchmark in given:
                problems += error.problems
            else:
                notes.append(Note("warning", source, _unread(error)))
            continue
        if benchmark not in given:
            what = f"taken as the reference of {benchmark} ({len(references[benchmark].turns)} turns)"
            notes.append(Note("info", source, f"{what}; {_OPTION} names another"))
    if problems:
        raise InputError(*problems)
    return References(references, tuple(notes), tuple(f"{benchmark}={path}" for benchmark, path in given.items()))


def _unread(error: InputError) -> str:
    first, more = error.problems[0], len(error.problems) - 1
    rest = f" (and {more} more)" if more else ""
    return f"not used as the reference: {first.where}: {first.what}{rest}; {first.fix}"


def _given(values: Sequence[str], benchmarks: Sequence[str]) -> dict[str, Path]:
    """Return the path that the options name for each benchmark."""
    paths: dict[str, Path] = {}
    problems: list[Problem] = []
    known = f"the benchmarks are: {', '.join(benchmarks)}"
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or (name not in benchmarks and Path(value).expanduser().exists()):
            if len(benchmarks) > 1:
                problems.append(Problem(_OPTION, f"{value} is for which benchmark?", f"write BENCHMARK=PATH; {known}"))
                continue
            name, rest = benchmarks[0], value
        if name not in benchmarks:
            problems.append(Problem(_OPTION, f"no benchmark {name!r}", known))
        elif not rest:
            problems.append(Problem(_OPTION, f"no path for {name}", "write BENCHMARK=PATH"))
        elif name in paths:
            problems.append(Problem(_OPTION, f"two references for {name}", "give one"))
        else:
            paths[name] = absolute(rest)
    if problems:
        raise UsageError(*problems)
    return paths


def _beside(runs: Sequence[Run]) -> Path | None:
    """Return the benchmark's folder in `benchmarks/` beside the `runs/` folder above one of its runs."""
    name = runs[0].benchmark_name
    if Path(name).name != name:
        return None
    for run in runs:
        for parent in run.directory.parents:
            folder = parent.parent / "benchmarks" / name
            if parent.name == "runs" and is_folder(folder) and is_file(folder / TURNS_FILE):
                return folder
    return None
