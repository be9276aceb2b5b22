"""The whole chain of stages, from judged files to an Analysis and its folder."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from pipeline import schema as c
from pipeline.analysis import Analysis
from pipeline.counting import Long, count_tables
from pipeline.errors import GateError, Problem, UsageError
from pipeline.export.formats.parquet import TableWriter
from pipeline.export.staging import staged
from pipeline.export.target import Target, choose_target, refuse_unfit
from pipeline.ingest import Rows, read_rows, unite
from pipeline.ledger.replay import Ledger
from pipeline.ledger.store import read_ledger
from pipeline.listener import SILENT, Listener
from pipeline.load.files import plain
from pipeline.load.records import Options, Request
from pipeline.load.texts import Source, fetch_texts
from pipeline.plan import Plan, input_files, local_facts, make_plan
from pipeline.report.sections import build_report
from pipeline.stages import buckets
from pipeline.stages import checks as validate

if TYPE_CHECKING:
    from collections.abc import Iterable

    AnyPath = str | os.PathLike[str]


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
    return analyze_into(request, output).analysis


class Written(NamedTuple):
    """An analysis and where its report and folder are."""

    analysis: Analysis
    report: Path
    target: Target


def analyze_into(
    request: Request, output: AnyPath | None, listener: Listener = SILENT, *, final: bool = False
) -> Written:
    """Analyse and write the analysis folder (`results/<name>/` when `output` is `None`), with its ledger applied.

    With `final` a report that would not be final is not written; raises `GateError` with what is missing.
    """
    if output is not None and not os.fspath(output):
        raise UsageError(Problem("--output", "is empty", "name a folder, or leave it out"))
    plan = make_plan(request, listener)
    target = choose_target(None if output is None else Path(output), plan.listed.name)
    sources = [run.directory for run in plan.listed.runs] + [plan.listed.base] * (
        plan.listed.comparison_dir is not None
    )
    refuse_unfit(target, sources, {(run.benchmark_name, run.run_id) for run in plan.listed.runs})
    ledger = read_ledger(target.folder)
    with staged(target) as staging:
        with staging.file(c.TURNS_PARQUET) as stream, TableWriter(stream, c.TURNS) as table:
            rows = read_rows(plan, listener, ledger, table.write)
        analysis = _count(plan, rows, ledger)
        if final:
            refuse_unless_final(analysis)
        staging.write_all(build_report(analysis), analysis)
        staging.write_local(input_files(plan), local_facts(plan))
        report = staging.move_in()
    return Written(analysis, report, target)


def read_and_count(request: Request, listener: Listener = SILENT, ledger: Ledger | None = None) -> Analysis:
    """Analyse and write nothing."""
    plan = make_plan(request, listener)
    ledger = ledger or Ledger()
    return _count(plan, read_rows(plan, listener, ledger, lambda _: None), ledger)


def refuse_unless_final(analysis: Analysis) -> None:
    """Raise `GateError` with everything that keeps a report from being final."""
    if analysis.status == "final":
        return
    missing = [Problem(where, what, "see review next and review describe") for where, what in analysis.review.wants()]
    what = f"is {analysis.status.replace('_', ' ')}, not final"
    raise GateError(*missing, Problem(analysis.name, what, "see error-analysis review status"))


def _count(plan: Plan, rows: Rows, ledger: Ledger) -> Analysis:
    """Put the batches together, count, compare, and apply the review."""
    turns, failures, scores = (unite(parts) for parts in (rows.turns, rows.failures, rows.scores))
    counted = count_tables(Long(turns, failures, scores), rows.inputs, plan.options, ledger.buckets)
    review = buckets.review_of(ledger, rows.reviewed, counted.tables["bucket_counts"], plan.options.compare_by)
    notes = [
        *plan.listed.notes,
        *rows.notes,
        *validate.check_comparison(turns, failures, scores, plan.listed.runs),
        *rows.questions.notes(),
        *validate.check_comparable(counted.grids, counted.units),
    ]
    sources = {
        run.run_id: Source(run.judged_file, read.sha256)
        for run, read in zip(plan.listed.runs, rows.inputs, strict=True)
    }
    return Analysis(
        name=plan.listed.name,
        review=review,
        options=plan.options,
        included_dimensions=tuple(name for name in rows.dimensions if name not in plan.options.exclude_dimensions),
        rules_sha256=plan.rules.sha256,
        rules_name="built-in" if plan.rules_file is None else plain(plan.rules_file.name),
        inputs=tuple(rows.inputs),
        notes=tuple(notes),
        rejected=tuple(rows.rejected),
        missing_runs=plan.listed.missing,
        tables={**counted.tables, "reviews": buckets.reviews_table(failures, review)},
        fetch_texts=partial(fetch_texts, turns=turns, sources=sources),
        kept_texts=pa.concat_tables(rows.texts) if rows.texts else None,
    )


def _tuple(value: object) -> tuple[str, ...]:
    """Take one value or several."""
    if isinstance(value, str | Path) or not hasattr(value, "__iter__"):
        return (value,)  # type: ignore[return-value]
    return tuple(value)
