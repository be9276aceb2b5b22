"""Signals from the run's earlier turns; turns are ordered by their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from pipeline import schema as c
from pipeline.columns import where_equal
from pipeline.rules.signals.calls import ENDING
from pipeline.schema import NO_PAYLOAD

if TYPE_CHECKING:
    from pipeline.rules.signals.rows import Rows


def meanings() -> dict[str, str]:
    """Name the signals of this group."""
    return {
        "ended-before": "the session had ended in an earlier turn of the run",
        "tools-in-run": "a tool was called in some turn of the run",
        "same-call-before": "the same calls as in an earlier turn of the run",
    }


def find(rows: Rows) -> dict[str, np.ndarray]:
    """Tell where each holds."""
    turns = rows.turns
    run = np.asarray(turns[c.RUN_ID].combine_chunks().indices)
    turn = np.asarray(turns[c.TURN])
    calls = turns[c.TOOL_CALLS].combine_chunks()
    called = ~np.asarray(pc.match_substring_regex(calls, NO_PAYLOAD))
    ended = where_equal(turns[c.RESPONSE_KIND], c.ENDED) | (
        called & np.asarray(pc.match_substring_regex(calls, ENDING, ignore_case=True))
    )
    same = run.astype(np.int64) * (len(calls) + 1) + np.asarray(calls.dictionary_encode().indices)
    same = np.unique(same, return_inverse=True)[1]
    first_end, first_same = _least(run, turn, ended), _least(same, turn, called)
    here = rows.places
    return {
        "ended-before": first_end[run[here]] < turn[here],
        "tools-in-run": np.isin(run[here], run[called]),
        "same-call-before": called[here] & (first_same[same[here]] < turn[here]),
    }


def _least(group: np.ndarray, values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Give per group the least of the values among some rows; a very large number where there is none."""
    least = np.full(int(group.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, group[among], values[among])
    return least
