"""`analyze` and `check`: from judged runs to the report, or to the notes of the checks."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from pipeline.cli import printing
from pipeline.cli.options import AsJson, takes_inputs
from pipeline.load.records import Request


@takes_inputs
def analyze(
    request: Request,
    output: Annotated[
        str | None,
        typer.Option("--output", metavar="PATH", help="Analysis folder, or the report's name if it ends in .md."),
    ] = None,
    transcripts: Annotated[
        bool, typer.Option("--transcripts", help="Read transcripts that nobody judged, for a manual review.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count failures, label them, write report and review packet.

    The labels are provisional until somebody reviews them.
    """
    from pyarrow import set_cpu_count, set_memory_pool, system_memory_pool

    from pipeline.export.transcripts import review_transcripts_into
    from pipeline.workflow import analyze_into

    set_memory_pool(system_memory_pool())  # it gives the memory of a batch back; the others keep it for the next one
    set_cpu_count(1)  # every thread would keep memory of its own
    if transcripts:
        with printing.progress_shown():
            read = review_transcripts_into(replace(request, options=replace(request.options, transcripts=True)), output)
        printing.print_transcripts(read, as_json=as_json)
        if output is not None and output.endswith(".md"):
            printing.print_other_files(read.target)
        return
    with printing.progress_shown() as progress:
        written = analyze_into(request, output, progress)
    printing.print_written(written, as_json=as_json)
    if output is not None and output.endswith(".md"):
        printing.print_other_files(written.target)


@takes_inputs
def check(request: Request, as_json: AsJson = False) -> None:
    """Check the artifacts and write nothing.

    The exit code is 2 when the checks find an error.
    """
    from pipeline.workflow import analyze_in_memory

    with printing.progress_shown() as progress:
        analysis = analyze_in_memory(request, progress)
    raise typer.Exit(printing.print_checks(analysis, as_json=as_json))
