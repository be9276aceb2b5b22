"""Lay out one failed row as evidence: its facts and its texts, long ones shortened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.document import Code, Datapoint, Quote
from pipeline.judged import NO_PAYLOAD
from pipeline.untrusted import shorten

if TYPE_CHECKING:
    from pipeline.analysis import Record

_LIMITS = {
    c.USER_TEXT: ("User", 600),
    c.ASSISTANT_TEXT: ("Assistant", 800),
    c.JUDGE_REASONING: ("Judge", 900),
}
_PAYLOADS = {c.TOOL_CALLS: ("Tool calls", 600), c.TOOL_RESULTS: ("Tool results", 600)}


def datapoint(row: Record) -> Datapoint:
    """Make a datapoint of one failed row (columns of the turns frame)."""
    dimensions = [part for name in row[c.FAILED_DIMENSIONS] for part in (", ", Code(name))][1:]
    quotes = [Quote(label, shorten(row[name], limit), len(row[name])) for name, (label, limit) in _LIMITS.items()]
    quotes += [
        Quote(label, shorten(row[name], limit), len(row[name]), "json")
        for name, (label, limit) in _PAYLOADS.items()
        if not re.match(NO_PAYLOAD, row[name])
    ]
    return Datapoint(
        row_id=row[c.ROW_ID],
        turn=row[c.TURN],
        facts=(
            ("failed ", *dimensions),
            ("rule ", Code(row[c.ERROR_MODE_RULE]), " saw “", row[c.ERROR_MODE_EVIDENCE], "”"),
        ),
        quotes=tuple(quotes),
    )
