"""Read a CSV file with a header line: every cell of any size, every fault with its line."""

from __future__ import annotations

import csv
import io

from pipeline.errors import InputError, Problem


def csv_rows(data: bytes, where: str, needed: str) -> list[tuple[int, dict[str, str]]]:
    """Return the rows with the number of the line on which each ends: cells by column, blanks around them removed.

    `where` names the file. Raises `InputError` if it is not CSV in UTF-8, holds NUL, or has no column `needed`.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(Problem(where, f"not UTF-8 at byte {error.start + 1}", "save the file as UTF-8")) from None
    if "\0" in text:
        lines_with_nul = [number for number, line in enumerate(text.split("\n"), 1) if "\0" in line]
        raise InputError(*(Problem(f"{where}:{line}", "holds a NUL character", "remove it") for line in lines_with_nul))
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="", strict=True)
    usual_limit = csv.field_size_limit(max(len(text), 1))
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        if needed not in header:
            found = ", ".join(header) or "none"
            what, fix = f"no column {needed} (columns: {found})", f"add a column {needed}"
            raise InputError(Problem(f"{where}:1", what, fix))
        return [
            (reader.line_num, {name: cell.strip(" ") for name, cell in row.items() if isinstance(cell, str)})
            for row in reader
        ]
    except csv.Error as error:
        raise InputError(Problem(f"{where}:{reader.line_num}", f"not CSV: {error}", "quote the cell")) from None
    finally:
        csv.field_size_limit(usual_limit)
