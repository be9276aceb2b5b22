"""The `rules` commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import printing
from pipeline.cli.options import AsJson

app = typer.Typer(help="List the error-mode rules, explain a row's mode, check a rules file.")


@app.command("list")
def list_rules(
    file: Annotated[Path | None, typer.Option("--rules", metavar="FILE", help="Rules of a file.")] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", metavar="MODE", help="Only rules that speak for a mode.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the rules: what each looks at, what it weighs, and why."""
    from pipeline.cli import rulebook

    printing.print_answer(rulebook.list_rules(file, mode), as_json=as_json)


@app.command("explain")
def explain_row(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An analysis folder.")],
    row_id: Annotated[str, typer.Argument(metavar="ROW_ID", help="A failed row, such as run-1:17.")],
    as_json: AsJson = False,
) -> None:
    """Show every signal that spoke for or against each mode on a failed row."""
    from pipeline.cli import rulebook

    printing.print_answer(rulebook.explain_row(folder, row_id), as_json=as_json)


@app.command("check")
def check_rules(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A rules file.")],
    as_json: AsJson = False,
) -> None:
    """Check a rules file: its form, and that each rule holds on its examples as they say."""
    from pipeline.cli import rulebook

    printing.print_answer(rulebook.check_rules(file), as_json=as_json)
