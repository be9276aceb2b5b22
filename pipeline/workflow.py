"""The whole chain of stages, from judged files to an Analysis and its folder."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from pipeline import schema
from pipeline.analysis import Analysis
from pipeline.errors import GateError, InputError, Problem, UsageError
from pipeline.export.staging import staged
from pipeline.export.target import Target, choose_target, refuse_unfit
from pipeline.ledger.replay import Ledger
from pipeline.ledger.review import ReviewedRow, review_of
from pipeline.ledger.store import read_ledger
from pipeline.load.artifacts import read_artifacts
from pipeline.load.facts import RunFacts, facts_of, read_metadata
from pipeline.load.files import plain, read_bytes, shown
from pipeline.load.moving import finish_move
from pipeline.load.plan import Plan, make_plan
from pipeline.load.records import Options, RejectedLine, Request, RunInput
from pipeline.load.rows import JudgedRun, RunBatch, greatest_turn, read_batches
from pipeline.load.texts import JudgedFile, read_texts
from pipeline.report.sections import build_report
from pipeline.rules.ruleset import RuleSet, builtin_rules, parse_rules
from pipeline.stages import checks
from pipeline.stages.buckets import assign_buckets, reviewed_rows, reviews_table
from pipeline.stages.call_check import add_call_check
from pipeline.stages.categories import category_counts, turn_metadata_table
from pipeline.stages.comparability import check_alike
from pipeline.stages.compared import compared_by, compared_units
from pipeline.stages.counts import count_tables, own_rows_by_bucket
from pipeline.stages.endings import Endings, ending_turns
from pipeline.stages.error_modes import assign_error_modes
from pipeline.stages.loaded import Loaded
from pipeline.stages.losses import losses_table
from pipeline.stages.recurring import recurring_phrases
from pipeline.stages.reference import add_reference, check_reference
from pipeline.stages.signs import signs_table
from pipeline.stages.tables import (
    add_response_kind,
    concat,
    include_dimensions,
    leave_unmeasured,
    mark_failures,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pipeline.load.artifacts import Artifacts
    from pipeline.load.records import Run

    AnyPath = str | os.PathLike[str]
    Progress = Callable[[int, int], None]
    """Is told how many bytes have been read, and of how many."""

_KEPT_TEXTS: Final = 16_000_000
"""A command keeps the texts of failed rows in memory as long as they take no more bytes than this."""


# --- The chain -----------------------------------------------------------------------------------------------


def no_progress(done: int, whole: int) -> None:
    """Show no progress."""


def label_runs(
    plan: Plan,
    ledger: Ledger,
    progress: Progress,
    write: Callable[[pd.DataFrame], None],
    kept_texts: int | None,
) -> Loaded:
    """Read, mark, label and settle the runs batch by batch; `write` receives the finished turns with all texts.

    Of every row its numbers are kept, of a failed row its label too, and its texts as long as those of all failed
    rows take no more than `kept_texts` bytes (`None`: always). Raises `InputError` with every problem of every file.
    """
    loaded, problems = Loaded(kept_texts), list[Problem]()
    metadata = {folder: read_metadata(folder) for folder in plan.listed.comparison_dirs}
    endings = _endings(plan, metadata)
    for batch in read_batches(plan.listed.runs, plan.listed.name, _advance(progress, plan.size)):
        for judged, rows in batch.by_run():
            problems += _bad_lines(judged, plan.options, loaded.rejected)
            artifacts = read_artifacts(judged.run)
            facts = facts_of(judged.run, artifacts, _metadata_of(judged.run, metadata), plan.options)
            loaded.facts[judged.run.run_id] = facts
            loaded.inputs.append(_as_input(judged, facts, artifacts))
            loaded.notes += checks.check_run(judged, rows, artifacts, facts)
            if reference := plan.references.by_benchmark.get(judged.run.benchmark_name):
                loaded.notes += check_reference(judged.run.run_id, rows, reference)
        loaded.dimensions |= dict.fromkeys(batch.scores["dimension"].cat.categories)  # a dict as an ordered set
        if not problems:
            loaded.add(*_label(batch, plan, ledger, loaded.facts, endings, write))
        del batch, rows  # or they would lie in memory beside the next ones
    _refuse(plan, loaded, problems)
    return loaded


def _label(  # noqa: PLR0913, PLR0917 - a batch, and all that its rows are labelled by
    batch: RunBatch,
    plan: Plan,
    ledger: Ledger,
    facts: Mapping[str, RunFacts],
    endings: Endings,
    write: Callable[[pd.DataFrame], None],
) -> tuple[pd.DataFrame, pd.DataFrame, list[ReviewedRow]]:
    """Return the finished turns of a batch, its scores over the included dimensions, and its reviewed rows."""
    excluded = plan.options.exclude_dimensions
    of_batch = {judged.run.run_id: facts[judged.run.run_id] for judged in batch.runs}
    lost = [f"{run_id}:{turn}" for run_id, of_run in of_batch.items() for turn in of_run.lost_turns]
    no_turn_taking = [run_id for run_id, of_run in of_batch.items() if not of_run.measures_turn_taking]
    independent = [run_id for run_id, of_run in of_batch.items() if of_run.independent]
    turns, scores = leave_unmeasured(batch.turns, include_dimensions(batch.scores, excluded), lost, no_turn_taking)
    turns = (
        turns.pipe(add_response_kind, endings)
        .pipe(mark_failures, scores)  # adds judged, failed, failed_dimensions
        .pipe(add_reference, plan.references.by_benchmark)  # adds golden_text, expected_calls, categories
        .pipe(add_call_check, independent)
        .pipe(assign_error_modes, plan.rules, excluded)  # adds error_mode, its rule, evidence, ...
    )
    reviewed = reviewed_rows(turns, ledger)
    turns = assign_buckets(turns, reviewed)  # adds bucket, bucket_source
    write(turns)
    return turns, scores, reviewed


def count(plan: Plan, ledger: Ledger, loaded: Loaded) -> Analysis:
    """Put the batches together, count, compare, and apply the review."""
    turns, failures, scores = loaded.united()
    units = compared_units(loaded.inputs, plan.options.compare_by)
    losses = losses_table(loaded.inputs, loaded.facts)
    benchmarks = dict.fromkeys(run.benchmark_name for run in loaded.inputs)
    metadata = turn_metadata_table(plan.references.by_benchmark, plan.metadata, benchmarks)
    counts = count_tables(turns, failures, scores, units, plan.options, ledger.buckets, losses)
    review = review_of(
        ledger, loaded.reviewed, own_rows_by_bucket(counts["bucket_counts"]), len(failures), plan.options.compare_by
    )
    notes = [
        *plan.listed.notes,
        *plan.references.notes,
        *loaded.notes,
        *checks.check_rows(turns, pd.concat(loaded.silent), losses),
        *checks.check_turn_taking(loaded.inputs),
        *check_alike(scores, plan.listed.runs, loaded.facts, plan.references.of_runs),
        *loaded.questions.notes(),
        *checks.check_comparable(counts["turn_outcomes"], _run_ids(loaded.inputs, plan.options)),
    ]
    files = {
        run.run_id: JudgedFile(run.judged_file, read.sha256)
        for run, read in zip(plan.listed.runs, loaded.inputs, strict=True)
    }
    judged = turns.groupby("run_id", observed=True)["judged"].sum()
    inputs = (
        run if run.turns is None else replace(run, turns_judged=int(judged.get(run.run_id, 0))) for run in loaded.inputs
    )
    of_units, included = compared_by(turns, units, plan.options.compare_by), _included(loaded, plan.options)
    return Analysis(
        name=plan.listed.name,
        review=review,
        options=plan.options,
        included_dimensions=included,
        rules_sha256=plan.rules.sha256,
        rules_name="built-in" if plan.rules_file is None else plain(plan.rules_file.name),
        inputs=tuple(inputs),
        notes=tuple(notes),
        rejected=tuple(loaded.rejected),
        given=plan.given_files,
        missing_runs=plan.listed.missing,
        light_turns=turns,
        failures=failures,
        failure_texts=loaded.texts_of(failures),
        failure_sizes=concat(loaded.sizes, schema.TEXT_SIZES).set_axis(failures.index),
        long_scores=scores,
        **counts,
        turn_metadata=metadata,
        category_counts=category_counts(of_units, metadata, units),
        verdict_candidates=concat(loaded.candidates, schema.VERDICT_CANDIDATES),
        signs=signs_table(of_units, concat(loaded.signs, schema.SIGN_FLAGS), units),
        recurring=recurring_phrases(loaded.complaints, failures, included),
        reviews=reviews_table(failures, review),
        read_texts=partial(read_texts, files=files),
    )


# --- Into a folder, or into memory -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """An analysis and where its report and folder are."""

    analysis: Analysis
    report: Path
    target: Target
    digests: Mapping[str, str]
    """The SHA-256 of every output but `analysis.json`, by name."""


def analyze_into(
    request: Request,
    output: AnyPath | None,
    progress: Progress = no_progress,
    *,
    final: bool = False,
    kept_texts: int | None = _KEPT_TEXTS,
) -> Written:
    """Analyse and write the analysis folder (`results/<name>/` when `output` is `None`), with its ledger applied.

    With `final` a report that would not be final is not written; raises `GateError` with what is missing.
    """
    if output is not None and not os.fspath(output):
        raise UsageError(Problem("--output", "is empty", "name a folder, or leave it out"))
    plan = make_plan(request, _read_rules(request))
    runs = {(run.benchmark_name, run.run_id) for run in plan.listed.runs}
    target = choose_target(None if output is None else Path(output), plan.listed.name, runs)
    finish_move(target.folder)
    refuse_unfit(target, plan.input_folders, runs)
    ledger = read_ledger(target.folder)
    with staged(target) as staging:
        with staging.batches() as write:
            loaded = label_runs(plan, ledger, progress, write, kept_texts)
        analysis = count(plan, ledger, loaded)
        if final:
            _refuse_unless_final(analysis)
        staging.write_all(build_report(analysis), analysis)
        staging.write_local(plan.input_files, plan.local_facts)
        report = staging.move_in()
    return Written(analysis, report, target, staging.digests)


def analyze_in_memory(request: Request, progress: Progress = no_progress, ledger: Ledger | None = None) -> Analysis:
    """Analyse and write nothing."""
    plan, ledger = make_plan(request, _read_rules(request)), ledger or Ledger()
    return count(plan, ledger, label_runs(plan, ledger, progress, lambda _: None, kept_texts=None))


def analyze(  # noqa: PLR0913 - one parameter per option of the command
    comparison_dir: AnyPath | Iterable[AnyPath] | None = None,
    *,
    run_dir: AnyPath | Iterable[AnyPath] = (),
    output: AnyPath | None = None,
    judge: str | None = None,
    runs_root: AnyPath | None = None,
    rules: AnyPath | None = None,
    reference: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    turn_metadata: AnyPath | None = None,
    exclude_dimension: str | Iterable[str] = (),
    compare_by: schema.CompareBy = "model",
    repeat_policy: schema.RepeatPolicy = "majority",
    skip_bad_rows: bool = False,
    skip_missing_runs: bool = False,
    turns: schema.TurnsMode = "auto",
    ending_call: str | Iterable[str] = (),
) -> Analysis:
    """Analyse one comparison folder or several, or the run folders given as `run_dir`; the options are the command's.

    With `output` the analysis folder is written there, without it nothing is written. Raises
    `PipelineError` (see `pipeline.errors`) with every problem for anything that input can cause.
    """
    options = Options(
        judge=judge,
        exclude_dimensions=_tuple(exclude_dimension),
        compare_by=compare_by,
        repeat_policy=repeat_policy,
        skip_bad_rows=skip_bad_rows,
        skip_missing_runs=skip_missing_runs,
        turns=turns,
        ending_calls=_tuple(ending_call),
    )
    request = Request(
        comparison_dirs=() if comparison_dir is None else tuple(Path(path) for path in _tuple(comparison_dir)),
        run_dirs=tuple(Path(path) for path in _tuple(run_dir)),
        runs_root=None if runs_root is None else Path(runs_root),
        rules=None if rules is None else Path(rules),
        references=tuple(os.fspath(value) for value in _tuple(reference)),
        turn_metadata=None if turn_metadata is None else Path(turn_metadata),
        options=options,
    )
    if output is None:
        return analyze_in_memory(request)
    return analyze_into(request, output, kept_texts=None).analysis


def _tuple(value: object) -> tuple[str, ...]:
    """Return one value or several as a tuple."""
    if isinstance(value, str | Path) or not hasattr(value, "__iter__"):
        return (value,)  # type: ignore[return-value]
    return tuple(value)


# --- Smaller steps ------------------------------------------------------------------------------------------------


def _read_rules(request: Request) -> RuleSet:
    return builtin_rules() if request.rules is None else parse_rules(read_bytes(request.rules), request.rules.name)


def _advance(progress: Progress, whole: int) -> Callable[[int], None]:
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        progress(done, whole)

    return advance


def _bad_lines(judged: JudgedRun, options: Options, rejected: list[RejectedLine]) -> list[Problem]:
    """Return what is wrong with a run's file; the bad lines that are left out on request go to `rejected`."""
    if judged.unreadable:
        return list(judged.unreadable)
    if options.skip_bad_rows:
        rejected += [
            RejectedLine(judged.run.source, line, reason, raw.decode(errors="backslashreplace"))
            for line, (reason, raw) in judged.bad_lines.items()
        ]
        return []
    place = shown(judged.run.judged_file)
    problems = [Problem(f"{place}:{bad.line}", bad.what, bad.fix) for bad in judged.bad]
    if not judged.bad and not judged.turns:
        fix = "judge the run, or go on without its rows with --skip-bad-rows"
        problems.append(Problem(place, "no judged row in this file", fix))
    return problems


def _metadata_of(run: Run, metadata: Mapping[Path, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return what the comparison folder that lists a run says about its runs."""
    return {} if run.comparison_dir is None else metadata.get(run.comparison_dir, {})


def _endings(plan: Plan, metadata: Mapping[Path, Mapping[str, Any]]) -> Endings:
    """Return where the session should end; the last turn of a benchmark is looked for when a row asks for it."""

    @cache
    def last_turn(benchmark: str) -> int | None:
        runs = [run for run in plan.listed.runs if run.benchmark_name == benchmark]
        facts = (facts_of(run, read_artifacts(run), _metadata_of(run, metadata), plan.options) for run in runs)
        lost = [turn for of_run in facts for turn in of_run.lost_turns]
        judged = greatest_turn(run.judged_file for run in runs)
        return max([*lost, *([] if judged is None else [judged])], default=None)

    expecting = {
        benchmark: ending_turns(reference, plan.options.ending_calls)
        for benchmark, reference in plan.references.by_benchmark.items()
    }
    return Endings(last_turn, plan.options.ending_calls, expecting)


def _as_input(judged: JudgedRun, facts: RunFacts, artifacts: Artifacts) -> RunInput:
    said = artifacts.transcript.said.keys() if artifacts.transcript else set[int]()
    lost = facts.lost_turns.keys()
    turns, counted = len({*judged.turns, *said, *lost}), len(set(judged.turns) - lost)
    return RunInput(
        run_id=judged.run.run_id,
        model_name=judged.model_name,
        benchmark_name=judged.run.benchmark_name,
        judged_file=judged.run.source,
        sha256=judged.sha256,
        rows=len(judged.turns),
        mode=facts.mode,
        turn_taking="" if facts.measures_turn_taking else "not_measured",
        turns=turns if counted < turns else None,
    )


def _refuse(plan: Plan, loaded: Loaded, problems: list[Problem]) -> None:
    if problems:
        raise InputError(*problems)
    if not any(run.rows for run in loaded.inputs):
        fix = "see the rejected lines, or judge the runs"
        raise InputError(Problem(plan.listed.name, "no judged row is left", fix))
    if unknown := [name for name in plan.options.exclude_dimensions if name not in loaded.dimensions]:
        fix = f"the data has: {', '.join(loaded.dimensions) or 'none'}"
        raise UsageError(*(Problem("--exclude-dimension", f"no dimension {name!r}", fix) for name in unknown))


def _refuse_unless_final(analysis: Analysis) -> None:
    if analysis.status == "final":
        return
    missing = [Problem(where, what, "see review next and review describe") for where, what in analysis.review.wants()]
    what = f"is {analysis.status.replace('_', ' ')}, not final"
    raise GateError(*missing, Problem(analysis.name, what, "see error-analysis review status"))


def _included(loaded: Loaded, options: Options) -> tuple[str, ...]:
    return tuple(name for name in loaded.dimensions if name not in options.exclude_dimensions)


def _run_ids(inputs: Iterable[RunInput], options: Options) -> dict[tuple[str, str], list[str]]:
    """Return the runs of each (benchmark, model), or of each run itself."""
    run_ids: dict[tuple[str, str], list[str]] = defaultdict(list)
    for run in inputs:
        run_ids[run.benchmark_name, run.model_name if options.compare_by == "model" else run.run_id].append(run.run_id)
    return run_ids
