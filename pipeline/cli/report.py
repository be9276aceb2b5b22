"""`report` and `summary`: build the report again from inputs and ledger, and say what was found."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import printing
from pipeline.cli.options import AnalysisFolder, AsJson


def report(
    folder: AnalysisFolder,
    final: Annotated[bool, typer.Option("--final", help="Write it only if it is final.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Write nothing; name every line that does not hold.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build the report, the tables and analysis.json again from the inputs and the ledger."""
    from pipeline.reporting import rebuild, verify_report

    with printing.listening() as listener:
        if verify:
            answer = verify_report(folder, listener)
            printing.print_answer(answer, as_json=as_json)
            return
        written = rebuild(folder, listener, final=final)
    printing.print_written(written, as_json=as_json)


def summary(folder: AnalysisFolder, as_json: AsJson = False) -> None:
    """Print the findings as plain text."""
    from pipeline.reporting import summarise_folder

    printing.print_answer(summarise_folder(folder), as_json=as_json)
