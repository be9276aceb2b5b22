"""Score labelled rows as the command scores the failed rows of runs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyarrow as pa
from runs import write_runs

from pipeline import schema
from pipeline.load.records import Options
from pipeline.load.rows import read_batches
from pipeline.load.runs import find_runs
from pipeline.rules.scorer import Scorer
from pipeline.stages.tables import add_response_kind, concat, mark_failures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cases import Case

    from pipeline.rules.ruleset import RuleSet

_MARKED = ("response_kind", "judged", "failed", "failed_dimensions")


def score(cases: Sequence[Case], rules: RuleSet) -> Scorer:
    """Return the scorer of cases that were written and read as runs; its rows are in the order of the cases."""
    with TemporaryDirectory() as folder:
        listed = find_runs((write_runs(cases, Path(folder)),), (), None, Options())
        batches = list(read_batches(listed.runs, "", lambda _: None))
    marked = [batch.turns.pipe(add_response_kind).pipe(mark_failures, batch.scores) for batch in batches]
    turns = concat(marked, schema.LOADED_TURNS | {name: schema.TURNS[name] for name in _MARKED})
    failed = turns[turns["failed"]]
    assert failed["run_id"].tolist() == [case.id for case in cases], (
        "a case's row is its run's only failed one, and runs keep their order"
    )
    return Scorer(pa.Table.from_pandas(failed, preserve_index=False), rules)
