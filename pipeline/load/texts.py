"""Read the texts of any rows again from the judged files, since the texts of passed rows are not kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pipeline import schema
from pipeline.errors import InputError, Problem
from pipeline.load.files import shown
from pipeline.load.rows import read_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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
    found = [pd.DataFrame(columns=list(schema.TEXTS), dtype="str")]
    for run_id, of_run in rows.groupby("run_id", sort=False, observed=True):
        file = files[str(run_id)]
        texts, sha256 = read_lines(file.path, of_run["source_line"].tolist())
        if sha256 != file.sha256:
            raise InputError(Problem(shown(file.path), "has changed since it was analysed", "analyse it again"))
        found.append(texts.loc[of_run["source_line"]].set_axis(of_run["row_id"]))
    return pd.concat(found).loc[rows["row_id"]].rename_axis("row_id")
