"""`export`: the charts of an analysis folder, for slides, and its tables as a workbook."""

from __future__ import annotations

import os
import sys
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli import printing
from pipeline.cli.options import AnalysisFolder, AsJson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.review.answer import Answer

_FORMATS: Final = ("png", "svg", "xlsx")
_NO_SETTINGS: Final = {"MATPLOTLIBRC": os.devnull, "MPLBACKEND": "agg"}
_EXTRA: Final = "pip install 'model-run-error-analysis[{}]'"


def export(
    folder: AnalysisFolder,
    form: Annotated[str, typer.Option("--format", metavar="png|svg|xlsx", help="Charts as images, or a workbook.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="FOLDER",
            help="Where they go; without it DIR/charts, and DIR for a workbook, whose name may be given (.xlsx).",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the charts for slides, or write a workbook.

    Both hold what the ledger says now.
    """
    from pipeline.errors import Problem, UsageError
    from pipeline.ledger.buckets import nearest

    if form not in _FORMATS:
        raise UsageError(Problem("--format", f"no format {form!r}", nearest(form, _FORMATS)))
    if output == "":
        raise UsageError(Problem("--output", "is empty", "name a folder, or leave it out"))
    answer = _workbook(folder, output) if form == "xlsx" else _charts(folder, output, form)
    printing.print_answer(answer, as_json=as_json)


def _workbook(folder: Path, output: str | None) -> Answer:
    from pipeline import schema
    from pipeline.errors import Problem, UsageError
    from pipeline.export.reading import read_back

    try:
        from pipeline.export.workbook import export_workbook
    except ImportError as error:
        raise UsageError(Problem("export", f"needs openpyxl: {error}", _EXTRA.format("xlsx"))) from None
    path = Path(output) if output else folder
    return export_workbook(read_back(folder), folder, path if path.suffix == ".xlsx" else path / schema.WORKBOOK)


def _charts(folder: Path, output: str | None, form: str) -> Answer:
    import logging

    from pipeline.errors import Problem, UsageError
    from pipeline.export.reading import read_back

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its messages on caches, fonts and settings do not matter
    try:
        with _without_user_settings():
            import matplotlib  # noqa: F401, ICN001 - it reads its settings when it is first imported
        from pipeline.export.charts.files import export_charts
    except ImportError as error:
        raise UsageError(Problem("export", f"needs matplotlib: {error}", _EXTRA.format("charts"))) from None
    analysis = read_back(folder)
    return export_charts(analysis, folder, Path(output) if output else folder / "charts", form)


@contextmanager
def _without_user_settings() -> Iterator[None]:
    """Hide the user's settings from matplotlib, which reads them on import and fails if they are invalid.

    It looks in the working directory first, and then where the environment variables say.
    https://matplotlib.org/stable/users/explain/customizing.html#the-matplotlibrc-file
    """
    before = {name: os.environ.get(name) for name in _NO_SETTINGS}
    os.environ.update(_NO_SETTINGS)
    try:
        with chdir(sys.prefix) if Path("matplotlibrc").exists() else nullcontext():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
