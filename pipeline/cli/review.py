"""The `review` commands: read rows, decide their causes, describe what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import printing
from pipeline.cli.options import AnalysisFolder, AsJson

if TYPE_CHECKING:
    from pipeline.load.folder_rows import AllRows
    from pipeline.review.folder import Folder

app = typer.Typer(help="Read failed rows, record their causes, describe the findings.")
bucket = typer.Typer(help="Declare new buckets.")
app.add_typer(bucket, name="bucket")

Name = Annotated[str | None, typer.Option("--reviewer", metavar="NAME", help="Who reviews.")]
Kind = Annotated[str | None, typer.Option("--reviewer-kind", metavar="human|agent", help="What the reviewer is.")]
RowId = Annotated[str, typer.Argument(metavar="ROW_ID", help="A row, such as run-1:17; the run may be shortened.")]
Everyone = Annotated[bool, typer.Option("--all", help="Show every other answer to the turn, not three.")]
Blind = Annotated[bool, typer.Option("--blind", help="Hide the provisional mode and the verdict until you decided.")]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why, in your own words.")]


@app.command("next")
def next_rows(
    folder: AnalysisFolder,
    model: Annotated[str | None, typer.Option("--model", metavar="NAME", help="Rows of one model.")] = None,
    bucket: Annotated[str | None, typer.Option("--bucket", metavar="NAME", help="Rows of one bucket.")] = None,
    dimension: Annotated[str | None, typer.Option("--dimension", metavar="NAME", help="Rows that failed it.")] = None,
    turn: Annotated[int | None, typer.Option("--turn", metavar="N", help="Rows of one turn.")] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", help="unopened, opened, decided, disputed or stale."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="So many rows, at most 25.")] = 5,
    everyone: Everyone = False,
    blind: Blind = False,
    reviewer: Name = None,
    reviewer_kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Show the next rows to read with all their evidence.

    It records that they were opened.
    """
    from pipeline.review.queue import Filters
    from pipeline.review.reviewer import reviewer as signed
    from pipeline.review.show import ViewOptions, next_rows

    who = signed(reviewer, reviewer_kind)
    filters = Filters(model, bucket, dimension, turn, state)
    answer = next_rows(_open(folder), who, filters, limit, ViewOptions(everyone, blind))
    printing.print_answer(answer, as_json=as_json)


@app.command()
def show(
    folder: AnalysisFolder,
    row_id: RowId,
    everyone: Everyone = False,
    blind: Blind = False,
    reviewer: Name = None,
    reviewer_kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Show one row with all its evidence.

    It records that the row was opened.
    """
    from pipeline.review.reviewer import reviewer as signed
    from pipeline.review.show import ViewOptions, show

    who = signed(reviewer, reviewer_kind)
    printing.print_answer(show(_open(folder), who, row_id, ViewOptions(everyone, blind)), as_json=as_json)


@app.command()
def record(
    folder: AnalysisFolder,
    row_id: RowId,
    bucket: Annotated[str, typer.Option("--bucket", metavar="NAME", help="The cause.")],
    attribution: Annotated[
        str,
        typer.Option("--attribution", metavar="WHOSE", help="model, grader, reference, pipeline or mixed."),
    ],
    secondary: Annotated[
        list[str] | None,
        typer.Option("--secondary", metavar="DIM ...", help="Failed dimensions that are only consequences."),
    ] = None,
    note: Note = None,
    quote: Annotated[
        str | None,
        typer.Option("--quote", metavar="TEXT", help="A piece of the row's texts that shows it."),
    ] = None,
    adjudicate: Annotated[bool, typer.Option("--adjudicate", help="Settle a row on which reviewers differ.")] = False,
    reviewer: Name = None,
    reviewer_kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Record the cause of a row's failure, and whose fault it is."""
    from pipeline.review.decide import Draft, record
    from pipeline.review.reviewer import reviewer as signed

    who = signed(reviewer, reviewer_kind)
    draft = Draft(row_id, bucket, attribution, tuple(secondary or ()), note, quote, adjudicate)
    printing.print_answer(record(_open(folder), who, draft), as_json=as_json)


@app.command()
def defer(
    folder: AnalysisFolder,
    row_id: RowId,
    note: Note = None,
    reviewer: Name = None,
    reviewer_kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Put a row off: it comes last until you decide it."""
    from pipeline.review.decide import defer
    from pipeline.review.reviewer import reviewer as signed

    who = signed(reviewer, reviewer_kind)
    printing.print_answer(defer(_open(folder), who, row_id, note), as_json=as_json)


@app.command()
def undo(folder: AnalysisFolder, reviewer: Name = None, reviewer_kind: Kind = None, as_json: AsJson = False) -> None:
    """Take back your latest decision or finding."""
    from pipeline.review.decide import undo
    from pipeline.review.reviewer import reviewer as signed

    who = signed(reviewer, reviewer_kind)
    printing.print_answer(undo(_open(folder), who), as_json=as_json)


@bucket.command("add")
def add_bucket(
    folder: AnalysisFolder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new bucket.")],
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="What belongs there.")],
    parent: Annotated[str, typer.Option("--parent", metavar="MODE", help="What it counts for.")],
    reviewer: Name = None,
    reviewer_kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Declare a new bucket under an error mode."""
    from pipeline.review.describe import add_bucket
    from pipeline.review.reviewer import reviewer as signed

    who = signed(reviewer, reviewer_kind)
    printing.print_answer(add_bucket(_open(folder), who, name, description, parent), as_json=as_json)


@app.command()
def describe(
    folder: AnalysisFolder,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model described.")],
    bucket: Annotated[str, typer.Option("--bucket", metavar="NAME", help="The bucket described.")],
    what_goes_wrong: Annotated[
        str, typer.Option("--what-goes-wrong", metavar="TEXT", help="What the model does wrong.")
    ],
    triggers: Annotated[str, typer.Option("--triggers", metavar="TEXT", help="Which turns trigger it.")],
    row: Annotated[list[str], typer.Option("--row", metavar="ROW_ID ...", help="Decided rows that show it.")],
    benchmark: Annotated[str | None, typer.Option("--benchmark", metavar="NAME", help="If there are several.")] = None,
    reviewer: Name = None,
    reviewer_kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Record a finding: what a model does wrong in a bucket.

    Say it in plain words, and cite the rows that show it.
    """
    from pipeline.review.describe import describe
    from pipeline.review.reviewer import reviewer as signed

    answer = describe(
        _open(folder),
        signed(reviewer, reviewer_kind),
        model=model,
        benchmark=benchmark,
        bucket=bucket,
        what_goes_wrong=what_goes_wrong,
        triggers=triggers,
        rows=row,
    )
    printing.print_answer(answer, as_json=as_json)


@app.command("import")
def import_decisions(
    folder: AnalysisFolder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Decisions, one JSON object per line.")],
    reviewer: Name = None,
    reviewer_kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Record the decisions of a file: all or none.

    If one cannot be recorded, every problem is listed.
    """
    from pipeline.review.decide import import_decisions
    from pipeline.review.reviewer import reviewer as signed

    who = signed(reviewer, reviewer_kind)
    printing.print_answer(import_decisions(_open(folder), who, file), as_json=as_json)


@app.command()
def merge(
    folder: AnalysisFolder,
    files: Annotated[list[Path], typer.Argument(metavar="FILE ...", help="Ledgers, or folders that hold them.")],
    skip_conflicts: Annotated[
        bool, typer.Option("--skip-conflicts", help="Leave out and list events whose id exists with other content.")
    ] = False,
    reviewer: Name = None,
    reviewer_kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Append the events of other ledgers that this one does not have."""
    from pipeline.review.merge import merge
    from pipeline.review.reviewer import reviewer as signed

    signed(reviewer, reviewer_kind)
    printing.print_answer(merge(_open(folder), files, skip_conflicts=skip_conflicts), as_json=as_json)


@app.command()
def status(folder: AnalysisFolder, reviewer: Name = None, reviewer_kind: Kind = None, as_json: AsJson = False) -> None:
    """Tell the progress, and what the gate still needs."""
    from pipeline.review.reviewer import reviewer as signed
    from pipeline.review.state import review_folder
    from pipeline.review.status import status

    signed(reviewer, reviewer_kind)
    printing.print_answer(status(review_folder(_open(folder))), as_json=as_json)


@app.command()
def agree(folder: AnalysisFolder, reviewer: Name = None, reviewer_kind: Kind = None, as_json: AsJson = False) -> None:
    """Measure how far reviewers agree (Cohen's kappa).

    The rows on which they differ are listed.
    """
    from pipeline.review.reviewer import reviewer as signed
    from pipeline.review.state import review_folder
    from pipeline.review.status import agree

    signed(reviewer, reviewer_kind)
    printing.print_answer(agree(review_folder(_open(folder))), as_json=as_json)


@app.command()
def repair(folder: AnalysisFolder, reviewer: Name = None, reviewer_kind: Kind = None, as_json: AsJson = False) -> None:
    """Set aside the lines of the ledger that are no events."""
    from pipeline.review.merge import repair
    from pipeline.review.reviewer import reviewer as signed

    signed(reviewer, reviewer_kind)
    printing.print_answer(repair(_open(folder)), as_json=as_json)


@app.command()
def serve(
    folder: AnalysisFolder,
    port: Annotated[
        int, typer.Option("--port", metavar="N", help="A port of your choice; a free one if left out.")
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    blind: Blind = False,
    reviewer: Name = None,
    reviewer_kind: Kind = None,
) -> None:
    """Review on a local page, by keyboard; Ctrl-C ends it."""
    from pipeline.errors import Problem, UsageError

    try:
        from pipeline.review.serve.launch import launch
        from pipeline.review.serve.session import Session
    except ModuleNotFoundError as error:
        fix = "pip install 'model-run-error-analysis[serve]'"
        raise UsageError(Problem("review serve", f"needs {error.name}, which is not installed", fix)) from None
    from pipeline.review.reviewer import reviewer as signed

    session = Session(folder, signed(reviewer, reviewer_kind), blind)
    launch(session, port, printing.say, _rebuild, browser=browser)


def _open(folder: Path) -> Folder:
    """Open an analysis folder; the tables are read, and pyarrow imported, only for rows that are not in the packet."""
    from pipeline.review.folder import open_folder

    return open_folder(folder, _read_rows)


def _read_rows(folder: Path) -> AllRows:
    from pipeline.load.folder_rows import open_rows

    return open_rows(folder)


def _rebuild(folder: Path, final: bool) -> Path:
    """Build the report again for the page; return its path."""
    from pipeline.export.reading import report_of, request_of
    from pipeline.workflow import analyze_into

    return analyze_into(request_of(folder), report_of(folder), final=final).report
