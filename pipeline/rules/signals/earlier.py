"""Signals of the run's earlier turns, in the order of their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from pipeline import schema
from pipeline.rules.signals.calls import ENDING

if TYPE_CHECKING:
    from pipeline.rules.signals.failed_rows import FailedRows


def meanings() -> dict[str, str]:
    """Return the signals of this group with their meanings."""
    return {
        "ended-before": "the session had ended in an earlier turn of the run",
        "tools-in-run": "a tool was called in some turn of the run",
        "same-call-before": "the same calls as in an earlier turn of the run",
    }


def find(rows: FailedRows) -> dict[str, np.ndarray]:
    """Return per signal and failed row whether it holds."""
    turns, run = rows.turns, rows.run
    turn = np.asarray(turns["turn"])
    calls = turns["tool_calls"].combine_chunks()
    called = ~np.asarray(pc.match_substring_regex(calls, schema.NO_PAYLOAD))
    ending_call = called & np.asarray(pc.match_substring_regex(calls, ENDING, ignore_case=True))
    kinds = turns["response_kind"]
    as_expected = np.asarray(pc.equal(kinds, schema.EXPECTED_ENDING))
    ended = (ending_call & ~as_expected) | np.asarray(pc.equal(kinds, schema.ENDED))
    same = run.astype(np.int64) * (len(calls) + 1) + np.asarray(calls.dictionary_encode().indices)
    same = np.unique(same, return_inverse=True)[1]
    first_end, first_same = _least(run, turn, ended), _least(same, turn, called)
    here = rows.places
    alone = rows.independent[here]
    return {
        "ended-before": ~alone & (first_end[run[here]] < turn[here]),
        "tools-in-run": np.where(alone, called[here], np.isin(run[here], run[called])),
        "same-call-before": ~alone & called[here] & (first_same[same[here]] < turn[here]),
    }


def _least(group: np.ndarray, values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return per group the least value of the rows in `among`, the largest integer where there are none."""
    least = np.full(int(group.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, group[among], values[among])
    return least
