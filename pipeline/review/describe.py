"""`review describe` and `review bucket add`: findings in plain words, and new buckets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.errors import Problem, UsageError
from pipeline.ledger.buckets import PARENTS, nearest
from pipeline.ledger.events import later_than, write_event
from pipeline.report.text import visible_name
from pipeline.review.answer import Answer
from pipeline.review.names import meant
from pipeline.review.state import review_folder
from pipeline.review.text import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ledger.events import Identity
    from pipeline.review.folder import Folder
    from pipeline.review.state import FolderReview

_BUCKET_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def add_bucket(folder: Folder, who: Identity, name: str, description: str, parent: str) -> Answer:
    """Declare a new bucket under an error mode or `no_model_error`."""
    with folder.ledger_file.writing() as writer:
        ledger = writer.ledger
        problems = []
        if not _BUCKET_NAME.fullmatch(name):
            problems.append(Problem(name, "no name for a bucket", "write small words joined by _, such as lost_total"))
        if name in ledger.buckets:
            problems.append(Problem(name, "there is such a bucket", "use it, or choose another name"))
        if parent not in PARENTS:
            problems.append(Problem("--parent", f"no error mode {parent!r}", nearest(parent, PARENTS)))
        if not description.strip():
            problems.append(Problem("--description", "is empty", "say what belongs into the bucket"))
        if problems:
            raise UsageError(*problems)
        fields = {"bucket": name, "description": description.strip(), "parent": parent}
        event = write_event("bucket_declared", who, later_than(ledger.last), fields)
        writer.append([event])
    return Answer(f"new bucket {name}, which counts for {parent}", {"event": event})


def describe(  # noqa: PLR0913 - a finding has so many parts
    folder: Folder,
    who: Identity,
    *,
    model: str,
    benchmark: str | None,
    bucket: str,
    what_goes_wrong: str,
    triggers: str,
    rows: Sequence[str],
) -> Answer:
    """Record a finding: what a model does wrong in a bucket, what triggers it, and the rows that show it."""
    with folder.ledger_file.writing() as writer:
        ledger = writer.ledger
        problems: list[Problem] = []
        model, benchmark = _meant(folder, model), benchmark and meant(benchmark, _benchmarks(folder))
        if bucket not in ledger.buckets:
            problems.append(Problem("--bucket", f"no bucket {bucket!r}", nearest(bucket, ledger.buckets)))
        benchmarks = _benchmarks_of(folder, model, benchmark, problems)
        for option, text in (("--what-goes-wrong", what_goes_wrong), ("--triggers", triggers)):
            if not text.strip():
                problems.append(Problem(option, "is empty", "say it in a sentence or two"))
        if not rows:
            problems.append(Problem("--row", "no row is cited", "cite rows that were decided into the bucket"))
        unit = (benchmarks[0] if benchmarks else "", model)
        row_ids = _cited(review_folder(folder), unit, bucket, rows, problems)
        if problems:
            raise UsageError(*problems)
        fields = {
            "benchmark_name": unit[0],
            "model_name": model,
            "bucket": bucket,
            "what_goes_wrong": what_goes_wrong.strip(),
            "triggers": triggers.strip(),
            "row_ids": row_ids,
        }
        event = write_event("finding", who, later_than(ledger.last), fields)
        writer.append([event])
    cited = visible_name(f"{bucket} of {model}, citing {named(row_ids)}")
    return Answer(f"recorded a finding on {cited}", {"event": event})


def _meant(folder: Folder, model: str) -> str:
    return meant(model, {name for given in folder.facts.inputs for name in (given.model_name, given.run_id)})


def _benchmarks(folder: Folder) -> set[str]:
    return {given.benchmark_name for given in folder.facts.inputs}


def _benchmarks_of(folder: Folder, model: str, benchmark: str | None, problems: list[Problem]) -> list[str]:
    """Return the benchmark of a model; adds a problem where there is none, or several to choose from."""
    by_run = folder.facts.compare_by == "run"
    units = dict.fromkeys(
        (given.benchmark_name, given.run_id if by_run else given.model_name) for given in folder.facts.inputs
    )
    found = [name for name, unit in units if unit == model]
    if not found:
        problems.append(Problem("--model", f"no model {model!r}", nearest(model, [unit for _, unit in units])))
    elif benchmark is not None and benchmark not in found:
        problems.append(Problem("--benchmark", f"{model} has no benchmark {benchmark!r}", nearest(benchmark, found)))
    elif benchmark is None and len(found) > 1:
        problems.append(Problem("--benchmark", f"{model} has several", f"choose one of: {', '.join(found)}"))
    return [benchmark] if benchmark in found else found


def _cited(
    state: FolderReview, unit: tuple[str, str], bucket: str, rows: Sequence[str], problems: list[Problem]
) -> list[str]:
    """Return the full ids of the cited rows; adds a problem for each that was not decided into the bucket."""
    folder, parent = state.folder, state.ledger.buckets.parent
    cited = []
    for written in rows:
        try:
            row_id = folder.find(written)
        except UsageError as error:
            problems += error.problems
            continue
        row = folder.by_id.get(row_id)
        if row is None:
            problems.append(folder.no_such_row(row_id, "no such failed row"))
        elif folder.unit(row) != unit:
            problems.append(Problem(row_id, f"is a row of {folder.unit(row)[1]}", "cite rows of the model described"))
        elif row.early:
            what = "was filled in after the session had ended: a consequence, and no evidence of a cause"
            problems.append(Problem(row_id, what, "cite the row of the ending, or others of the bucket"))
        elif (decision := state.settled(row).decision) is None:
            problems.append(Problem(row_id, f"is {state.settled(row).state}", "decide it first: review record"))
        elif parent(decision.bucket) != parent(bucket):
            problems.append(Problem(row_id, f"was decided into {decision.bucket}", "cite rows of this bucket"))
        cited.append(row_id)
    return list(dict.fromkeys(cited))
