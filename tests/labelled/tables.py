"""Score labelled rows as the command scores the failed rows of runs."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
from cases import Case, Turn
from runs import write_runs

from pipeline import schema
from pipeline.load.records import Options
from pipeline.load.rows import read_batches
from pipeline.load.runs import find_runs
from pipeline.rules.scorer import Scorer
from pipeline.stages.tables import add_response_kind, concat, mark_failures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.rules.ruleset import RuleSet

_EARLIER = 5
_MARKED = ("response_kind", "judged", "failed", "failed_dimensions")


def score(cases: Sequence[Case], rules: RuleSet) -> Scorer:
    """Return the scorer of cases that were written and read as runs; its rows are in the order of the cases."""
    with TemporaryDirectory() as folder:
        listed = find_runs((write_runs(cases, Path(folder)),), (), None, Options())
        batches = list(read_batches(listed.runs, "", lambda _: None))
    marked = [batch.turns.pipe(add_response_kind).pipe(mark_failures, batch.scores) for batch in batches]
    turns = concat(marked, schema.LOADED_TURNS | {name: schema.TURNS[name] for name in _MARKED})
    labelled = turns.loc[turns["failed"], "run_id"].tolist()
    assert labelled == [case.id for case in cases], (
        "a case's row is its run's only failed one, and runs keep their order"
    )
    return Scorer(pa.Table.from_pandas(turns, preserve_index=False), turns["failed"].to_numpy(), rules)


def with_earlier_turns(cases: Sequence[Case]) -> list[Case]:
    """Return the cases with turns of other cases of their domain before them, since real rows have earlier turns.

    As written, cases about something lost have earlier turns more often than others do.
    """
    chooser = random.Random(1)  # noqa: S311 - the same turns each time
    domains = defaultdict(list)
    for case in cases:
        domains[case.domain].append(case)
    padded = []
    for case in cases:
        others = [other for other in domains[case.domain] if other is not case]
        chosen = chooser.sample(others, min(_EARLIER - len(case.earlier), len(others)))
        turns = [
            Turn(user_text=other.user_text, assistant_text="All right.", tool_calls=other.tool_calls)
            for other in chosen
        ]
        padded.append(msgspec.structs.replace(case, earlier=[*turns, *case.earlier]))
    return padded
