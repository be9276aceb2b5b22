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
    from pipeline import workflow
    from pipeline.export.reading import report_of

    if not verify:
        with printing.progress_shown() as progress:
            written = workflow.rebuild(folder, progress, final=final)
        printing.print_written(written, as_json=as_json)
        return
    with printing.progress_shown() as progress:
        status = workflow.verify(folder, progress).status
    path = str(report_of(folder))
    text = f"{path}: every line holds ({status.replace('_', ' ').upper()})"
    printing.print_text_or_json(text, {"report": path, "status": status, "verified": True}, as_json=as_json)


def summary(folder: AnalysisFolder, as_json: AsJson = False) -> None:
    """Print the findings as plain text."""
    from pipeline.export.formats.analysis_json import as_object
    from pipeline.export.reading import read_back, report_of
    from pipeline.report.summary import summarise

    analysis, path = read_back(folder), report_of(folder)
    stamp = "" if path.is_file() else " (not there: build it with error-analysis report)"
    text = f"{summarise(analysis)}\n\nReport: {path}{stamp}"
    data = as_object(analysis) | {"summary": text, "report": str(path)}
    printing.print_text_or_json(text, data, as_json=as_json)
