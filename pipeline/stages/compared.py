"""What is compared: the models, their runs pooled as repeats, or each run by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.load.records import RunInput
    from pipeline.schema import CompareBy


def compared_units(inputs: Iterable[RunInput], compare_by: CompareBy) -> pd.DataFrame:
    """Return one row per benchmark x model (or run id, as `model_name`) in input order, with its number of `runs`."""
    runs = pd.DataFrame(
        [(run.benchmark_name, run.model_name if compare_by == "model" else run.run_id) for run in inputs],
        columns=["benchmark_name", "model_name"],
        dtype="str",
    )
    units = runs.groupby(["benchmark_name", "model_name"], sort=False).size().rename("runs").reset_index()
    return units.astype(
        {name: pd.CategoricalDtype(list(units[name].unique())) for name in ("benchmark_name", "model_name")}
    )


def compared_by(frame: pd.DataFrame, units: pd.DataFrame, compare_by: CompareBy) -> pd.DataFrame:
    """Return a frame whose `model_name` is what is compared, with the categories of `units`.

    Where runs are compared that is the run id: from here on, "model" means the compared unit.
    """
    names = frame["model_name"] if compare_by == "model" else frame["run_id"]
    return frame.assign(
        benchmark_name=frame["benchmark_name"].cat.set_categories(units["benchmark_name"].cat.categories),
        model_name=names.cat.set_categories(units["model_name"].cat.categories),
    )
