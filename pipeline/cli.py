"""The command: parse, call, print, exit code."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from pipeline import printing, startup
from pipeline.commands import export, report
from pipeline.errors import PipelineError, Problem
from pipeline.options import AsJson, spread, takes_inputs
from pipeline.records import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="error-analysis",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:
    """Find out why conversational models fail a judged benchmark."""


@app.command()
@takes_inputs
def analyze(
    request: Request,
    output: Annotated[
        str | None,
        typer.Option("--output", metavar="PATH", help="Analysis folder, or the report's name if it ends in .md."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count and compare failures, label them provisionally, and write the report and the review packet."""
    startup.make_page_ready()
    startup.keep_pandas_out()
    from pipeline.workflow import analyze_into

    with printing.listening() as listener:
        written = analyze_into(request, output, listener)
    printing.print_written(written, as_json=as_json)


@app.command()
@takes_inputs
def check(request: Request, as_json: AsJson = False) -> None:
    """Check the artifacts and write nothing; the exit code is 2 when the checks find an error."""
    startup.keep_pandas_out()
    from pipeline.workflow import read_and_count

    with printing.listening() as listener:
        analysis = read_and_count(request, listener)
    raise typer.Exit(printing.print_checks(analysis, as_json=as_json))


app.command()(report.report)
app.command()(report.summary)
app.command()(export.export)
_GROUPS: Final = ("review", "rules", "skill")
_loaded: set[str] = set()


def load_groups(command: str) -> None:
    """Add the groups that a command needs: its own, none for stage 1, which should start fast, or all."""
    wanted = (command,) if command in _GROUPS else () if command in ("analyze", "check") else _GROUPS
    for name in wanted:
        if name not in _loaded:
            _loaded.add(name)
            app.add_typer(import_module(f"pipeline.commands.{name}").app, name=name)


GROUPS: Final = (["rules"], ["review"], ["review", "bucket"], ["skill"])
"""Commands that do nothing by themselves: without more words they show their help."""


def run(arguments: list[str]) -> int:
    """Run the command and return its exit code; every error a user can cause is printed, none raised."""
    try:
        return _run(arguments, as_json="--json" in arguments)
    except SystemExit:  # how Typer says that the reader of its help has gone
        return 0
    except OSError as error:
        place = str(error.filename or "")
        problem = Problem(place, f"the file system refuses: {error.strerror or error}", "see the path and its rights")
        as_json = "--json" in arguments and bool(place)  # without a place it is stdout itself that refuses
        printing.print_problems([problem], PipelineError.exit_code, as_json=as_json)
        return PipelineError.exit_code


def _run(arguments: list[str], *, as_json: bool) -> int:
    problems: Sequence[Problem]
    load_groups(next(iter(arguments), ""))
    if not arguments or arguments in GROUPS:
        app([*arguments, "--help"], prog_name="error-analysis", standalone_mode=False)
        return PipelineError.exit_code
    try:
        code = app(spread(arguments), prog_name="error-analysis", standalone_mode=False) or 0
        problems = [Problem("", "interrupted")] if code == printing.INTERRUPTED else []
    except PipelineError as error:
        code, problems = error.exit_code, error.problems
    except typer.TyperException as error:
        code = error.exit_code
        problems = [Problem("", error.format_message().rstrip("."), "see error-analysis --help")]
    if problems:
        printing.print_problems(problems, code, as_json=as_json)
    return int(code)


def main() -> NoReturn:
    """Enter here: `error-analysis` and `python -m pipeline`."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        startup.prepare()
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = printing.INTERRUPTED
    startup.leave(code)
