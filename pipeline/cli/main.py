"""The command: parse, call, print, exit code."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli import analyze, export, printing, report, review, rules, skill
from pipeline.cli.options import spread
from pipeline.errors import PipelineError, Problem
from pipeline.load.files import unicode_argument

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="error-analysis",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    """Print the installed version and end."""
    from importlib.metadata import PackageNotFoundError, version

    if wanted:
        try:
            printing.say(f"error-analysis {version('model-run-error-analysis')}")
        except PackageNotFoundError:
            printing.say("error-analysis, not installed: run from its source files")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find out why conversational models fail a judged benchmark."""


app.command()(analyze.analyze)
app.command()(analyze.check)
app.command()(report.report)
app.command()(report.summary)
app.command()(export.export)
app.add_typer(review.app, name="review")
app.add_typer(rules.app, name="rules")
app.add_typer(skill.app, name="skill")
GROUPS: Final = (["rules"], ["review"], ["review", "bucket"], ["skill"])
"""Commands that do nothing by themselves: without more words they show their help."""


def run(arguments: list[str]) -> int:
    """Run the command and return its exit code; every error a user can cause is printed, none raised."""
    arguments = [given if os.path.lexists(given) else unicode_argument(given) for given in arguments]
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
    if not arguments or arguments in GROUPS:
        app([*arguments, "--help"], prog_name="error-analysis", standalone_mode=False)
        return PipelineError.exit_code
    try:
        code = app(spread(arguments), prog_name="error-analysis", standalone_mode=False) or 0
        problems = []
    except PipelineError as error:
        code, problems = error.exit_code, error.problems
    except typer.TyperException as error:
        code = error.exit_code
        problems = [Problem("", error.format_message().rstrip("."), "see error-analysis --help")]
    if problems:
        printing.print_problems(problems, code, as_json=as_json)
    return int(code)


def _open_closed_streams() -> None:
    """Open a standard stream that the caller closed: the next file opened must not become our stdout."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def command(arguments: list[str]) -> int:
    """Run the command as a process of its own and return its exit code."""
    gc.set_threshold(100_000, 50, 100)  # imports and rows make many objects, and hardly any garbage
    _open_closed_streams()
    code = run(arguments)
    gc.freeze()  # or the interpreter would look for garbage in everything once more before it ends
    return code
