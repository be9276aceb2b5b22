"""Read, check and label the runs, batch by batch, and keep what the counting needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa

from pipeline import schema as c
from pipeline.errors import InputError, Problem, UsageError
from pipeline.load.artifacts import read_artifacts
from pipeline.load.files import shown
from pipeline.load.records import Note, Options, RejectedLine, RunInput
from pipeline.load.rows import LoadedRun, read_batches
from pipeline.pipelined import one_behind
from pipeline.stages import buckets as decisions
from pipeline.stages import checks as validate
from pipeline.stages import error_modes
from pipeline.stages import tables as frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.ledger.replay import Ledger
    from pipeline.ledger.review import ReviewedRow
    from pipeline.listener import Listener
    from pipeline.plan import Plan

_FEW_BYTES: Final = 50_000_000
"""As long as all rows' texts take no more they are kept, later only the failed ones'."""


class Labelled(NamedTuple):
    """The finished turns of a batch with all texts, its scores, its dimensions, and its reviewed rows."""

    turns: pa.Table
    scores: pa.Table
    dimensions: tuple[str, ...]
    reviewed: list[ReviewedRow]


@dataclass(slots=True)
class Rows:
    """What reading leaves behind: light tables, and what was noted on the way."""

    turns: list[pa.Table] = field(default_factory=list)
    failures: list[pa.Table] = field(default_factory=list)
    texts: list[pa.Table] | None = field(default_factory=list)
    """The texts of all rows, as long as these take little room."""
    scores: list[pa.Table] = field(default_factory=list)
    questions: validate.Questions = field(default_factory=validate.Questions)
    dimensions: dict[str, None] = field(default_factory=dict)
    reviewed: list[ReviewedRow] = field(default_factory=list)
    inputs: list[RunInput] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    rejected: list[RejectedLine] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, labelled: Labelled) -> None:
        """Keep what the counting needs of a labelled batch."""
        self.questions.add(labelled.turns)
        light, failures = frames.split_failures(labelled.turns)
        self.turns.append(light)
        self.failures.append(failures)
        self._keep_texts(labelled.turns)
        self.scores.append(labelled.scores)
        self.dimensions |= dict.fromkeys(labelled.dimensions)
        self.reviewed += labelled.reviewed

    def _keep_texts(self, turns: pa.Table) -> None:
        if self.texts is not None:
            self.texts.append(turns.select(list(c.TEXTS)))
            if sum(table.nbytes for table in self.texts) > _FEW_BYTES:
                self.texts = None


def read_rows(plan: Plan, listener: Listener, ledger: Ledger, store: Callable[[pa.Table], None]) -> Rows:
    """Read, check, label and settle run by run; `store` receives the finished turns with all texts."""
    rows = Rows()
    excluded = plan.options.exclude_dimensions

    def build(batch: list[LoadedRun]) -> frames.Frames | None:
        for loaded in batch:
            _check(loaded, plan.options, rows)
        if rows.problems:
            return None
        return frames.build_frames(batch, plan.listed.name, excluded, ledger.rows())

    def label(built: frames.Frames | None) -> Labelled | None:
        if built is None:
            return None
        turns = error_modes.assign_error_modes(built.turns, plan.rules, excluded)
        reviewed = decisions.settle_rows(turns, ledger)
        return Labelled(decisions.assign_buckets(turns, reviewed), built.scores, built.dimensions, reviewed)

    def keep(labelled: Labelled | None) -> None:
        if labelled is not None:
            store(labelled.turns)
            rows.add(labelled)

    for _ in one_behind(keep, one_behind(label, map(build, read_batches(plan.listed.runs, listener.advance)))):
        pass
    _refuse(plan, rows)
    return rows


def _refuse(plan: Plan, rows: Rows) -> None:
    if rows.problems:
        raise InputError(*rows.problems)
    if not any(run.rows for run in rows.inputs):
        raise InputError(
            Problem(plan.listed.name, "no judged row is left", "see the rejected lines, or judge the runs")
        )
    _check_excluded(plan.options, rows.dimensions)


def _check(loaded: LoadedRun, options: Options, rows: Rows) -> None:
    _note_bad_lines(loaded, options, rows)
    rows.inputs.append(_as_input(loaded))
    rows.notes += validate.check_run(loaded, read_artifacts(loaded.run))


def _note_bad_lines(loaded: LoadedRun, options: Options, rows: Rows) -> None:
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
    rows.rejected += [
        RejectedLine(loaded.run.source, line, reason, raw.decode(errors="backslashreplace"))
        for line, (reason, raw) in loaded.bad_lines.items()
    ]


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


def unite(parts: list[pa.Table]) -> pa.Table:
    """Put the tables of all batches below one another, each column in one piece with one dictionary.

    Empties `parts` and goes column by column, so that hardly anything is held twice.
    """
    united = pa.concat_tables(parts).unify_dictionaries()
    parts.clear()
    columns = {}
    for name in united.column_names:
        columns[name] = united[name].combine_chunks()
        united = united.drop_columns([name])
    return pa.table(columns)
