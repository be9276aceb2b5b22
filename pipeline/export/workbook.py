"""Write the workbook of an analysis folder; one that was edited is not overwritten."""

from __future__ import annotations

import zipfile
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from pipeline.export.formats.xlsx import RATES, sheets
from pipeline.export.own_files import input_folders, write_own
from pipeline.export.target import Target, refuse_unfit
from pipeline.report.text import words
from pipeline.review.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpyxl.cell.cell import Cell as OpenpyxlCell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from pipeline.analysis import Analysis
    from pipeline.export.formats.xlsx import Cell, Sheet

_PROPERTIES: Final = "docProps/core.xml"
_NAMES: Final = (
    'xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
_ANY_TIME: Final = (1980, 1, 1, 0, 0, 0)


def export_workbook(analysis: Analysis, source: Path, path: Path) -> Answer:
    """Write the workbook of the analysis folder `source` to `path`.

    Returns the path, and what does not fit in, as the command's answer. Raises `OutputError` for a folder that cannot
    be used, or where another file is.
    """
    ids = {(run.benchmark_name, run.run_id) for run in analysis.inputs}
    refuse_unfit(Target(path.parent), input_folders(source), ids)
    made = sheets(analysis)
    write_own(path.parent, {path: to_bytes(made)}, is_ours, "workbook")
    cut, left_out = sum(sheet.cut_texts for sheet in made), sum(sheet.rows_left_out for sheet in made)
    lines = [str(path)]
    if cut:
        lines.append(f"{words('text', cut)} cut to what a cell holds; the packet has them whole")
    if left_out:
        lines.append(f"{words('row', left_out)} left out: a sheet holds no more")
    data = {"status": analysis.status, "format": "xlsx", "workbook": str(path), "cut_texts": cut}
    return Answer("\n".join(lines), data | {"rows_left_out": left_out, "sheets": [sheet.name for sheet in made]})


def to_bytes(made: Sequence[Sheet]) -> bytes:
    """Return the workbook: the same bytes for the same sheets and the same openpyxl."""
    book = Workbook(write_only=True)
    for sheet in made:
        _fill(book.create_sheet(sheet.name), sheet)
    stream = BytesIO()
    book.save(stream)
    return sealed(stream.getvalue())


def _fill(page: WriteOnlyWorksheet, sheet: Sheet) -> None:
    page.freeze_panes = "A2"
    for number, width in enumerate(sheet.widths, 1):
        page.column_dimensions[get_column_letter(number)].width = width  # type: ignore[attr-defined] # stubs lack it
    header = [WriteOnlyCell(page, name) for name in sheet.columns]
    for cell in header:
        cell.font = Font(bold=True)
    page.append(header)
    for row in zip(*sheet.columns.values(), strict=True):
        page.append([_cell(page, name, value) for name, value in zip(sheet.columns, row, strict=True)])


def _cell(page: WriteOnlyWorksheet, name: str, value: Cell) -> OpenpyxlCell | Cell:
    if isinstance(value, str):
        cell = WriteOnlyCell(page, value)
        cell.data_type = "s"  # or openpyxl takes `=1` for a formula, and `#N/A` for an error
        return cell
    if name in RATES and value is not None:
        cell = WriteOnlyCell(page, value)
        cell.number_format = "0.0%"
        return cell
    return value


def sealed(content: bytes) -> bytes:
    """Return a workbook without times, with a digest of its content, by which `is_ours` knows it until it is edited."""
    stream = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as given, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name in given.namelist():
            part = _properties(_digest(given)) if name == _PROPERTIES else given.read(name)
            made.writestr(zipfile.ZipInfo(name, _ANY_TIME), part, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def is_ours(content: bytes) -> bool:
    """Whether the content of a file is a workbook that we wrote and that nobody has edited."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as given:
            return given.read(_PROPERTIES) == _properties(_digest(given))
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, ValueError, EOFError):
        return False


def _digest(given: zipfile.ZipFile) -> str:
    """Return a digest of the names and contents of all parts but the properties."""
    parts = {name: given.read(name) for name in sorted(given.namelist()) if name != _PROPERTIES}
    each = (f"{name} {sha256(part).hexdigest()}\n" for name, part in parts.items())
    return sha256("".join(each).encode(errors="surrogatepass")).hexdigest()


def _properties(digest: str) -> bytes:
    text = f"<dc:creator>error-analysis</dc:creator><dc:description>sha256:{digest}</dc:description>"
    return f"<cp:coreProperties {_NAMES}>{text}</cp:coreProperties>".encode()
