"""`export`: the charts of an analysis folder, for slides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from pipeline import printing, startup
from pipeline.options import AnalysisFolder, AsJson

_FORMATS: Final = ("png", "svg")
_EXTRA: Final = "pip install 'model-run-error-analysis[charts]'"


def export(
    folder: AnalysisFolder,
    form: Annotated[str, typer.Option("--format", metavar="png|svg", help="What the charts are written as.")],
    output: Annotated[
        str | None, typer.Option("--output", metavar="FOLDER", help="Where they go; DIR/charts if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the main charts for slides, with the ledger as it is now."""
    import logging

    from pipeline.errors import Problem, UsageError
    from pipeline.ledger.buckets import nearest

    if form not in _FORMATS:
        raise UsageError(Problem("--format", f"no format {form!r}", nearest(form, _FORMATS)))
    if output == "":
        raise UsageError(Problem("--output", "is empty", "name a folder, or leave it out"))
    startup.keep_pandas_out()
    from pipeline.reporting import request_of
    from pipeline.review.back import read_back

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its caches, fonts and settings are not our user's worry
    try:
        from pipeline.charts.files import export_charts
    except ImportError as error:
        raise UsageError(Problem("export", f"needs matplotlib: {error}", _EXTRA)) from None
    analysis = read_back(folder, request_of(folder).options)
    printing.print_answer(
        export_charts(analysis, folder, Path(output) if output else folder / "charts", form), as_json=as_json
    )
