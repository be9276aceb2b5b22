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
    """Rebuild report and tables from the inputs and the ledger."""
    from pipeline.export.reading import report_of, request_of
    from pipeline.export.transcripts import review_transcripts_into
    from pipeline.export.verify import verify_folder
    from pipeline.ledger.store import read_ledger
    from pipeline.load.folder import read_facts, refuse_unjudged
    from pipeline.workflow import analyze_in_memory, analyze_into

    request, path = request_of(folder), report_of(folder)
    if request.options.transcripts:
        if verify:
            refuse_unjudged(read_facts(folder), folder)
        with printing.progress_shown():
            read = review_transcripts_into(request, path, final=final)
        printing.print_transcripts(read, as_json=as_json)
        return
    if not verify:
        with printing.progress_shown() as progress:
            written = analyze_into(request, path, progress, final=final)
        printing.print_written(written, as_json=as_json)
        return
    with printing.progress_shown() as progress:
        analysis = analyze_in_memory(request, progress, read_ledger(folder))
    verify_folder(folder, path, analysis)
    text = f"{path}: every line holds ({analysis.status.replace('_', ' ').upper()})"
    data = {"report": str(path), "status": analysis.status, "verified": True}
    printing.print_text_or_json(text, data, as_json=as_json)


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
