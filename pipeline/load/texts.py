"""Read the texts of any rows again from the judged files, since the texts of passed rows are not kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

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
    found: dict[tuple[str, int], JudgedRow] = {}
    for run_id, lines in rows.groupby("run_id", sort=False, observed=True)["source_line"]:
        file = files[str(run_id)]
        of_run, sha256 = read_lines(file.path, lines.tolist())
        if sha256 != file.sha256:
            raise InputError(Problem(shown(file.path), "has changed since it was analysed", "analyse it again"))
        found |= {(str(run_id), line): row for line, row in of_run.items()}
    places = zip(rows["run_id"], rows["source_line"], strict=True)
    texts, _ = text_columns([found[place] for place in places])
    frame: pd.DataFrame = texts.to_pandas()
    return frame.set_index(pd.Index(rows["row_id"], dtype="str", name="row_id"))
