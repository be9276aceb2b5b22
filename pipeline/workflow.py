"""The whole chain of stages, from judged files to an Analysis and its folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import decisions, error_modes, export, frames, stats, turnsets, validate
from pipeline import schema as c
from pipeline.document import Analysis
from pipeline.errors import InputError, Problem, UsageError
from pipeline.formats.parquet import TableWriter
from pipeline.load.artifacts import read_artifacts, summary_file, transcript_file
from pipeline.load.comparison import RUN_RESULTS
from pipeline.load.reading import absolute, read_bytes, shown, size_of
from pipeline.load.rows import LoadedRun, read_batches
from pipeline.load.runs import RunList, find_runs
from pipeline.load.texts import Source, fetch_texts
from pipeline.pipelined import one_behind
from pipeline.records import Note, Options, RejectedLine, Request, RunInput
from pipeline.rules.ruleset import RuleSet, builtin_rules, parse_rules
from pipeline.sections import build_report
from pipeline.units import find_units

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    import pyarrow as pa

    AnyPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Listener:
    """What an analysis tells while it works: messages, the bytes there are to read, the bytes just read."""

    say: Callable[[str], None] = lambda _: None
    expect: Callable[[int], None] = lambda _: None
    advance: Callable[[int], None] = lambda _: None


def analyze(  # noqa: PLR0913 - one parameter per option of the command
    comparison_dir: AnyPath | None = None,
    *,
    run_dir: AnyPath | Iterable[AnyPath] = (),
    output: AnyPath | None = None,
    judge: str | None = None,
    runs_root: AnyPath | None = None,
    rules: AnyPath | None = None,
    exclude_dimension: str | Iterable[str] = (),
    compare_by: c.CompareBy = "model",
    repeat_policy: c.RepeatPolicy = "majority",
    skip_bad_rows: bool = False,
    skip_missing_runs: bool = False,
) -> Analysis:
    """Analyse a comparison folder, or the run folders given as `run_dir`; the options are the command's.

    With `output` the analysis folder is written there, without it nothing is written. Raises
    `PipelineError` (see `pipeline.errors`) carrying every problem for anything that input can cause.
    """
    options = Options(
        judge=judge,
        exclude_dimensions=_tuple(exclude_dimension),
        compare_by=compare_by,
        repeat_policy=repeat_policy,
        skip_bad_rows=skip_bad_rows,
        skip_missing_runs=skip_missing_runs,
    )
    request = Request(
        comparison_dir=None if comparison_dir is None else Path(comparison_dir),
        run_dirs=tuple(Path(path) for path in _tuple(run_dir)),
        runs_root=None if runs_root is None else Path(runs_root),
        rules=None if rules is None else Path(rules),
        options=options,
    )
    if output is None:
        return read_and_count(request)
    return analyze_into(request, Path(output)).analysis


@dataclass(frozen=True, slots=True)
class Written:
    """An analysis and where its report and folder are."""

    analysis: Analysis
    report: Path
    target: export.Target


def analyze_into(request: Request, output: Path | None, listener: Listener = Listener()) -> Written:
    """Analyse and write the analysis folder (`results/<name>/` when `output` is `None`)."""
    plan = _plan(request, listener)
    target = export.choose_target(output, plan.listed.name)
    sources = [run.directory for run in plan.listed.runs] + [plan.listed.base] * (
        plan.listed.comparison_dir is not None
    )
    export.refuse_unfit(target, sources, {(run.benchmark_name, run.run_id) for run in plan.listed.runs})
    with export.staged(target) as staging:
        with staging.file(c.TURNS_PARQUET) as stream, TableWriter(stream, c.TURNS) as table:
            rows = _read(plan, listener, table.write)
        analysis = _count(plan, rows)
        staging.write_all(build_report(analysis), analysis)
        staging.write_local(_input_files(plan), _local(plan))
        report = staging.move_in()
    return Written(analysis, report, target)


def read_and_count(request: Request, listener: Listener = Listener()) -> Analysis:
    """Analyse and write nothing."""
    plan = _plan(request, listener)
    return _count(plan, _read(plan, listener, lambda _: None))


# --- The stages --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    listed: RunList
    rules: RuleSet
    rules_file: Path | None
    options: Options


@dataclass(slots=True)
class _Rows:
    """What reading leaves behind: light tables, and what was noted on the way."""

    turns: list[pa.Table] = field(default_factory=list)
    failures: list[pa.Table] = field(default_factory=list)
    scores: list[pa.Table] = field(default_factory=list)
    questions: validate.Questions = field(default_factory=validate.Questions)
    dimensions: dict[str, None] = field(default_factory=dict)
    inputs: list[RunInput] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    rejected: list[RejectedLine] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def _plan(request: Request, listener: Listener) -> _Plan:
    listed = find_runs(request.comparison_dir, request.run_dirs, request.runs_root, request.options, listener.say)
    rules = builtin_rules() if request.rules is None else parse_rules(read_bytes(request.rules), request.rules.name)
    listener.expect(sum(size_of(run.judged_file) for run in listed.runs))
    return _Plan(listed, rules, request.rules and absolute(request.rules), request.options)


def _read(plan: _Plan, listener: Listener, store: Callable[[pa.Table], None]) -> _Rows:
    """Read, check and label run by run; `store` receives the finished turns with all texts."""
    rows = _Rows()

    def finish(batch: list[LoadedRun]) -> None:
        for loaded in batch:
            _note_bad_lines(loaded, plan.options, rows)
            rows.inputs.append(_as_input(loaded))
            rows.notes += validate.check_run(loaded, read_artifacts(loaded.run))
        if rows.problems:
            return
        built = frames.build_frames(batch, plan.listed.name, plan.options.exclude_dimensions)
        turns = decisions.assign_buckets(error_modes.assign_error_modes(built.turns, plan.rules))
        store(turns)
        rows.questions.add(turns)
        light, failures = frames.split_failures(turns)
        rows.turns.append(light)
        rows.failures.append(failures)
        rows.scores.append(built.scores)
        rows.dimensions |= dict.fromkeys(built.dimensions)

    for _ in one_behind(finish, read_batches(plan.listed.runs, listener.advance)):
        pass
    if rows.problems:
        raise InputError(*rows.problems)
    if not any(run.rows for run in rows.inputs):
        raise InputError(
            Problem(plan.listed.name, "no judged row is left", "see the rejected lines, or judge the runs")
        )
    _check_excluded(plan.options, rows.dimensions)
    return rows


def _count(plan: _Plan, rows: _Rows) -> Analysis:
    """Put the batches together, count, and compare."""
    options = plan.options
    turns, failures, scores = (frames.concat(parts) for parts in (rows.turns, rows.failures, rows.scores))
    units = find_units(rows.inputs, options.compare_by)
    grids = turnsets.turn_grids(turns, units, options.repeat_policy)
    difficulty = turnsets.turn_difficulty(grids)
    notes = [
        *plan.listed.notes,
        *rows.notes,
        *validate.check_comparison(turns, failures, scores, plan.listed.runs),
        *rows.questions.notes(),
        *validate.check_comparable(grids, units),
    ]
    sources = {
        run.source: Source(run.judged_file, read.sha256)
        for run, read in zip(plan.listed.runs, rows.inputs, strict=True)
    }
    return Analysis(
        name=plan.listed.name,
        status="provisional" if len(failures) else "final",
        options=options,
        included_dimensions=tuple(name for name in rows.dimensions if name not in options.exclude_dimensions),
        rules_sha256=plan.rules.sha256,
        rules_name="built-in" if plan.rules_file is None else plan.rules_file.name,
        inputs=tuple(rows.inputs),
        notes=tuple(notes),
        rejected=tuple(rows.rejected),
        missing_runs=plan.listed.missing,
        tables={
            "turns": turns,
            "failures": failures,
            "scores": scores,
            "model_counts": stats.model_counts(turns, units),
            "dimension_counts": stats.dimension_counts(scores, units),
            "error_mode_counts": stats.error_mode_counts(failures, units),
            "bucket_counts": stats.bucket_counts(failures, units),
            "turn_outcomes": turnsets.turn_outcomes(grids),
            "turn_difficulty": difficulty,
            "turn_sets": turnsets.turn_sets(grids),
            "hardest_turns": turnsets.hardest_turns(difficulty),
        },
        fetch_texts=partial(fetch_texts, turns=turns, sources=sources),
    )


# --- The small print -----------------------------------------------------------------------------------------


def _note_bad_lines(loaded: LoadedRun, options: Options, rows: _Rows) -> None:
    rows.problems += loaded.unreadable
    if loaded.unreadable:
        return
    if not options.skip_bad_rows:
        place = shown(loaded.run.judged_file)
        rows.problems += [Problem(f"{place}:{bad.line}", bad.what, bad.fix) for bad in loaded.bad]
        if not loaded.bad and not loaded.table.num_rows:
            fix = "judge the run, or go on without its rows with --skip-bad-rows"
            rows.problems.append(Problem(place, "no judged row in this file", fix))
        return
    for line in dict.fromkeys(bad.line for bad in loaded.bad):
        faults = [bad for bad in loaded.bad if bad.line == line]
        reason = "; ".join(bad.what for bad in faults)
        raw = faults[0].raw.decode(errors="backslashreplace")
        rows.rejected.append(RejectedLine(loaded.run.source, line, reason, raw))


def _as_input(loaded: LoadedRun) -> RunInput:
    return RunInput(
        run_id=loaded.run.run_id,
        model_name=loaded.model_name,
        benchmark_name=loaded.run.benchmark_name,
        judged_file=loaded.run.source,
        sha256=loaded.sha256,
        rows=loaded.table.num_rows,
    )


def _check_excluded(options: Options, dimensions: Iterable[str]) -> None:
    known = list(dimensions)
    if unknown := [name for name in options.exclude_dimensions if name not in known]:
        fix = f"the data has: {', '.join(known) or 'none'}"
        raise UsageError(*(Problem("--exclude-dimension", f"no dimension {name!r}", fix) for name in unknown))


def _input_files(plan: _Plan) -> list[Path]:
    """List the files whose change calls for a new analysis."""
    listed = plan.listed
    files = [] if listed.comparison_dir is None else [listed.comparison_dir / RUN_RESULTS]
    files += [] if plan.rules_file is None else [plan.rules_file]
    for run in listed.runs:
        beside = (transcript_file(run), summary_file(run))
        files += [run.judged_file, *(path for path in beside if path.exists())]
    return files


def _local(plan: _Plan) -> dict[str, object]:
    """Say where things lie on this machine, for whoever builds the report again."""
    listed = plan.listed
    return {
        "comparison_dir": listed.comparison_dir and str(listed.comparison_dir),
        "base": str(listed.base),
        "run_dirs": {run.run_id: str(run.directory) for run in listed.runs},
        "rules": plan.rules_file and str(plan.rules_file),
    }


def _tuple(value: object) -> tuple[str, ...]:
    """Take one value or several."""
    if isinstance(value, str | Path) or not hasattr(value, "__iter__"):
        return (value,)  # type: ignore[return-value]
    return tuple(value)
