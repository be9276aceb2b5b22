"""The options that say what to analyse, shared by every command that reads runs."""

from __future__ import annotations

import inspect
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from pipeline import schema as c
from pipeline.load.records import Options, Request

if TYPE_CHECKING:
    from collections.abc import Callable

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
AnalysisFolder = Annotated[Path, typer.Argument(metavar="DIR", help="An analysis folder.")]

SEVERAL: Final = ("--run-dir", "--exclude-dimension", "--secondary", "--row")
"""The options that take several values: `--run-dir A B` means `--run-dir A --run-dir B`."""


def spread(arguments: list[str]) -> list[str]:
    """Repeat the name of an option that takes several values before each of them."""
    spread: list[str] = []
    several: str | None = None
    fresh = False
    for argument in arguments:
        if argument.startswith("-"):
            name, equals, _ = argument.partition("=")
            several = name if name in SEVERAL else None
            fresh = not equals
        elif several and not fresh:
            spread.append(several)
        else:
            fresh = False
        spread.append(argument)
    return spread


def takes_inputs(command: Callable[..., None]) -> Callable[..., None]:
    """Add the input options to a command; it receives them as one `Request`, its own options as they are."""
    shared = inspect.signature(_request, eval_str=True).parameters
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @wraps(command)
    def wrapper(**values: Any) -> None:  # noqa: ANN401 - whatever Typer parsed
        command(
            _request(**{name: values[name] for name in shared}),
            **{option.name: values[option.name] for option in own},
        )

    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*shared.values(), *own)]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


def _request(
    comparison_dir: Annotated[
        Path | None,
        typer.Option("--comparison-dir", metavar="DIR", help="Folder whose run_results.csv lists the runs."),
    ] = None,
    run_dir: Annotated[
        list[Path] | None,
        typer.Option("--run-dir", metavar="DIR ...", help="Judged run folders, in place of a comparison."),
    ] = None,
    judge: Annotated[str | None, typer.Option("--judge", metavar="NAME", help="Read NAME_judged.jsonl.")] = None,
    runs_root: Annotated[
        Path | None,
        typer.Option("--runs-root", metavar="DIR", help="Where to look for runs that have moved."),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="Error-mode rules in place of the built-in ones, or with them."),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            metavar="[BENCHMARK=]PATH",
            help="What a benchmark expects: a JSONL file, or a folder with turns.py.",
        ),
    ] = None,
    turn_metadata: Annotated[
        Path | None,
        typer.Option("--turn-metadata", metavar="FILE", help="CSV or JSONL with turn and further columns."),
    ] = None,
    exclude_dimension: Annotated[
        list[str] | None,
        typer.Option("--exclude-dimension", metavar="NAME ...", help="Leave dimensions out of every count."),
    ] = None,
    compare_by: Annotated[
        str,
        typer.Option("--compare-by", metavar="model|run", help="Compare models, runs pooled, or each run."),
    ] = "model",
    repeat_policy: Annotated[
        str,
        typer.Option(
            "--repeat-policy", metavar="majority|any|all", help="How many failing repeats make a failed turn."
        ),
    ] = "majority",
    *,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Go on without the lines that cannot be read.")
    ] = False,
    skip_missing_runs: Annotated[
        bool, typer.Option("--skip-missing-runs", help="Go on without the runs that are not found.")
    ] = False,
) -> Request:
    options = Options(
        judge=judge,
        exclude_dimensions=tuple(exclude_dimension or ()),
        compare_by=cast("c.CompareBy", compare_by),
        repeat_policy=cast("c.RepeatPolicy", repeat_policy),
        skip_bad_rows=skip_bad_rows,
        skip_missing_runs=skip_missing_runs,
    )
    return Request(
        comparison_dir=comparison_dir,
        run_dirs=tuple(run_dir or ()),
        runs_root=runs_root,
        rules=rules,
        references=tuple(reference or ()),
        turn_metadata=turn_metadata,
        options=options,
    )
