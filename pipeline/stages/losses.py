"""The table of pipeline losses: what the harness lost, excluded or changed in each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline import schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.load.facts import RunFacts
    from pipeline.load.records import RunInput

_KINDS = pd.CategoricalDtype(list(schema.LOSS_KINDS))


def losses_table(inputs: Sequence[RunInput], facts: Mapping[str, RunFacts]) -> pd.DataFrame:
    """Return one row per run x loss, runs in input order; a loss of the whole run has no turn.

    `facts` maps the run id to what stands beside the run.
    """
    rows = [
        (run.benchmark_name, run.model_name, run.run_id, loss.kind, loss.turn)
        for run in inputs
        for loss in facts[run.run_id].losses
    ]
    found = pd.DataFrame(rows, columns=list(schema.PIPELINE_LOSSES))
    names = ("benchmark_name", "model_name", "run_id")
    kinds = {name: pd.CategoricalDtype(list(dict.fromkeys(getattr(run, name) for run in inputs))) for name in names}
    return schema.conform(found.astype(kinds | {"kind": _KINDS, "turn": "Int64"}), schema.PIPELINE_LOSSES)
