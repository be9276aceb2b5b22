"""Read the texts of any rows again from the judged files, since the texts of passed rows are not kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pipeline import schema
from pipeline.errors import InputError, Problem
from pipeline.load.files import shown
from pipeline.load.rows import read_lines, text_columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.load.judged import JudgedRow


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """A judged file as it was read: where it lies, and its digest."""

    path: Path
    sha256: str


def read_texts(rows: pd.DataFrame, files: Mapping[str, JudgedFile]) -> pd.DataFrame:
    """Return the five texts of rows, one row per row and in their order, indexed by `row_id`.

    `rows` has `row_id`, `run_id` and `source_line`; `files` maps the run id to the file that was read.
    Raises `InputError` when a file has changed since.
    """
    places = list(zip(rows["run_id"].tolist(), rows["source_line"].tolist(), strict=True))
    lines: dict[str, list[int]] = {}
    for run_id, line in places:
        lines.setdefault(run_id, []).append(line)
    found: dict[str, dict[int, JudgedRow]] = {}
    for run_id, wanted in lines.items():
        file = files[run_id]
        found[run_id], sha256 = read_lines(file.path, wanted)
        if sha256 != file.sha256:
            raise InputError(Problem(shown(file.path), "has changed since it was analysed", "analyse it again"))
    texts, _ = text_columns([found[run_id][line] for run_id, line in places])
    found_texts: pd.DataFrame = texts.select(schema.TEXTS).to_pandas()
    return found_texts.set_index(pd.Index(rows["row_id"], dtype="str", name="row_id"))
