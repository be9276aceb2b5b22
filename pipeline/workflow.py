"""The whole chain of stages, from judged files to an Analysis and its folder."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

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
from pipeline.load.files import plain, read_bytes, shown
from pipeline.load.moving import finish_move
from pipeline.load.plan import Plan, make_plan
from pipeline.load.records import Note, Options, RejectedLine, Request, RunInput
from pipeline.load.rows import JudgedRun, RunBatch, read_batches
from pipeline.load.texts import JudgedFile, read_texts
from pipeline.report.sections import build_report
from pipeline.rules.ruleset import RuleSet, builtin_rules, parse_rules
from pipeline.stages import checks
from pipeline.stages.buckets import assign_buckets, reviewed_rows, reviews_table
from pipeline.stages.call_check import add_call_check
from pipeline.stages.candidates import verdict_candidates
from pipeline.stages.categories import category_counts, turn_metadata_table
from pipeline.stages.compared import compared_by, compared_units
from pipeline.stages.counts import count_tables, own_rows_by_bucket
from pipeline.stages.error_modes import assign_error_modes
from pipeline.stages.reference import add_reference, check_reference
from pipeline.stages.tables import add_response_kind, concat, include_dimensions, mark_failures, text_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
    for batch in read_batches(plan.listed.runs, plan.listed.name, _advance(progress, plan.size)):
        for judged, rows in batch.by_run():
            problems += _bad_lines(judged, plan.options, loaded.rejected)
            loaded.inputs.append(_as_input(judged))
            loaded.notes += checks.check_run(judged, rows, read_artifacts(judged.run))
            if reference := plan.references.by_benchmark.get(judged.run.benchmark_name):
                loaded.notes += check_reference(judged.run.run_id, rows, reference)
        loaded.dimensions |= dict.fromkeys(batch.scores["dimension"].cat.categories)  # a dict as an ordered set
        if not problems:
            loaded.add(*_label(batch, plan, ledger, write))
        del batch, rows  # or they would lie in memory beside the next ones
    _refuse(plan, loaded, problems)
    return loaded


def _label(
    batch: RunBatch, plan: Plan, ledger: Ledger, write: Callable[[pd.DataFrame], None]
) -> tuple[pd.DataFrame, pd.DataFrame, list[ReviewedRow]]:
    """Return the finished turns of a batch, its scores over the included dimensions, and its reviewed rows."""
    excluded = plan.options.exclude_dimensions
    scores = include_dimensions(batch.scores, excluded)
    turns = (
        batch.turns.pipe(add_response_kind)
        .pipe(mark_failures, scores)  # adds judged, failed, failed_dimensions
        .pipe(add_reference, plan.references.by_benchmark)  # adds golden_text, expected_calls, categories
        .pipe(add_call_check)
        .pipe(assign_error_modes, plan.rules, excluded)  # adds error_mode, its rule, evidence and runner-up
    )
    reviewed = reviewed_rows(turns, ledger)
    turns = assign_buckets(turns, reviewed)  # adds bucket, bucket_source
    write(turns)
    return turns, scores, reviewed


def count(plan: Plan, ledger: Ledger, loaded: Loaded) -> Analysis:
    """Put the batches together, count, compare, and apply the review."""
    turns, failures, scores = loaded.united()
    units = compared_units(loaded.inputs, plan.options.compare_by)
    benchmarks = dict.fromkeys(run.benchmark_name for run in loaded.inputs)
    metadata = turn_metadata_table(plan.references.by_benchmark, plan.metadata, benchmarks)
    counts = count_tables(turns, failures, scores, units, plan.options, ledger.buckets)
    review = review_of(
        ledger, loaded.reviewed, own_rows_by_bucket(counts["bucket_counts"]), len(failures), plan.options.compare_by
    )
    notes = [
        *plan.listed.notes,
        *plan.references.notes,
        *loaded.notes,
        *checks.check_rows(turns, pd.concat(loaded.silent)),
        *checks.check_comparison(scores, plan.listed.runs),
        *loaded.questions.notes(),
        *checks.check_comparable(counts["turn_outcomes"], _run_ids(loaded.inputs, plan.options)),
    ]
    files = {
        run.run_id: JudgedFile(run.judged_file, read.sha256)
        for run, read in zip(plan.listed.runs, loaded.inputs, strict=True)
    }
    return Analysis(
        name=plan.listed.name,
        review=review,
        options=plan.options,
        included_dimensions=tuple(name for name in loaded.dimensions if name not in plan.options.exclude_dimensions),
        rules_sha256=plan.rules.sha256,
        rules_name="built-in" if plan.rules_file is None else plain(plan.rules_file.name),
        inputs=tuple(loaded.inputs),
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
        category_counts=category_counts(compared_by(turns, units, plan.options.compare_by), metadata, units),
        verdict_candidates=concat(loaded.candidates, schema.VERDICT_CANDIDATES),
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
    target = choose_target(None if output is None else Path(output), plan.listed.name)
    finish_move(target.folder)
    refuse_unfit(target, plan.input_folders, {(run.benchmark_name, run.run_id) for run in plan.listed.runs})
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
    comparison_dir: AnyPath | None = None,
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
) -> Analysis:
    """Analyse a comparison folder, or the run folders given as `run_dir`; the options are the command's.

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
    )
    request = Request(
        comparison_dir=None if comparison_dir is None else Path(comparison_dir),
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


# --- What is kept of all runs ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Loaded:
    """What is kept of all runs: light parts of the frames, one per batch, and what was noted on the way.

    `failures`, `texts` and `sizes` have the failed rows of `turns` in the same order.
    """

    kept_texts: int | None
    """How many bytes the texts of failed rows may take to be kept; `None`: any number."""
    turns: list[pd.DataFrame] = field(default_factory=list)
    failures: list[pd.DataFrame] = field(default_factory=list)
    texts: list[pd.DataFrame] | None = field(default_factory=list)
    sizes: list[pd.DataFrame] = field(default_factory=list)
    scores: list[pd.DataFrame] = field(default_factory=list)
    silent: list[pd.DataFrame] = field(default_factory=list)
    candidates: list[pd.DataFrame] = field(default_factory=list)
    questions: checks.Questions = field(default_factory=checks.Questions)
    dimensions: dict[str, None] = field(default_factory=dict)
    reviewed: list[ReviewedRow] = field(default_factory=list)
    inputs: list[RunInput] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    rejected: list[RejectedLine] = field(default_factory=list)
    _size_of_texts: int = 0

    def add(self, turns: pd.DataFrame, scores: pd.DataFrame, reviewed: list[ReviewedRow]) -> None:
        """Keep what the counting needs of a batch."""
        failures = turns[turns["failed"]]
        self.turns.append(turns[list(schema.LIGHT_TURNS)])
        self.failures.append(failures[list(schema.FAILURES)])
        self.sizes.append(text_sizes(failures))
        self.scores.append(scores.reset_index(drop=True))  # the index is half of their size
        self.silent.append(checks.silent_rows(turns))
        self.candidates.append(verdict_candidates(turns))
        self.questions.add(turns)
        self.reviewed += reviewed
        if self.texts is not None:
            texts = failures[list(schema.FAILURE_TEXTS)]
            self.texts.append(texts)
            self._size_of_texts += int(self.sizes[-1].to_numpy().sum())
            if self.kept_texts is not None and self._size_of_texts > self.kept_texts:
                self.texts = None

    def united(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Return turns, failures (under their index in turns) and scores of all batches, each in one piece.

        The parts are given up one table after the other, or everything would be in memory twice.
        """
        turns = concat(self.turns, schema.LIGHT_TURNS)
        self.turns.clear()
        failures = concat(self.failures, schema.FAILURES).set_axis(turns.index[turns["failed"]])
        self.failures.clear()
        scores = concat(self.scores, schema.LONG_SCORES)
        self.scores.clear()
        return turns, failures, scores

    def texts_of(self, failures: pd.DataFrame) -> pd.DataFrame | None:
        """Return the texts of all failed rows under their index, if they were kept."""
        return None if self.texts is None else concat(self.texts, schema.FAILURE_TEXTS).set_axis(failures.index)


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


def _as_input(judged: JudgedRun) -> RunInput:
    return RunInput(
        run_id=judged.run.run_id,
        model_name=judged.model_name,
        benchmark_name=judged.run.benchmark_name,
        judged_file=judged.run.source,
        sha256=judged.sha256,
        rows=len(judged.turns),
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


def _run_ids(inputs: Iterable[RunInput], options: Options) -> dict[tuple[str, str], list[str]]:
    """Return the runs of each (benchmark, model), or of each run itself."""
    run_ids: dict[tuple[str, str], list[str]] = defaultdict(list)
    for run in inputs:
        run_ids[run.benchmark_name, run.model_name if options.compare_by == "model" else run.run_id].append(run.run_id)
    return run_ids
