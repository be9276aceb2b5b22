"""Lay out one failed row as evidence: its facts and its texts, long ones shortened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline import schema as c
from pipeline.load.judged import NO_PAYLOAD
from pipeline.report.blocks import Code, Datapoint, Quote
from pipeline.report.text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.analysis import Record
    from pipeline.ledger.gate import Unit
    from pipeline.ledger.review import ReviewedRow
    from pipeline.report.blocks import Inlines

_LIMITS = {
    c.USER_TEXT: ("User", 600),
    c.ASSISTANT_TEXT: ("Assistant", 800),
    c.JUDGE_REASONING: ("Judge", 900),
}
_PAYLOADS = {c.TOOL_CALLS: ("Tool calls", 600), c.TOOL_RESULTS: ("Tool results", 600)}


def datapoint(row: Record, unit: Unit, reviewed: ReviewedRow | None = None) -> Datapoint:
    """Make a datapoint of one failed row (columns of the turns frame) of a model, and of what reviewers said of it."""
    dimensions = [part for name in row[c.FAILED_DIMENSIONS] for part in (", ", Code(name))][1:]
    quotes = [Quote(label, shorten(row[name], limit), len(row[name])) for name, (label, limit) in _LIMITS.items()]
    quotes += [
        Quote(label, shorten(row[name], limit), len(row[name]), "json")
        for name, (label, limit) in _PAYLOADS.items()
        if not re.match(NO_PAYLOAD, row[name])
    ]
    return Datapoint(
        row_id=row[c.ROW_ID],
        benchmark=unit[0],
        model=unit[1],
        turn=row[c.TURN],
        facts=(
            ("failed ", *dimensions),
            ("rule ", Code(row[c.ERROR_MODE_RULE]), " saw “", row[c.ERROR_MODE_EVIDENCE], "”"),
            *(_decisions(reviewed) if reviewed else ()),
        ),
        quotes=tuple(quotes),
    )


def _decisions(row: ReviewedRow) -> Iterator[Inlines]:
    """Say what reviewers decided on a row, what settles it, and whether the quote is there."""
    for event in row.settled.shown:
        who = f" by {event.reviewer} ({event.reviewer_kind})"
        settles = " as adjudicator" if event.adjudication else ""
        note = f": {event.note}" if event.note else ""
        yield ("decided ", Code(event.bucket), f", {event.attribution}, {who.strip()}{settles}{note}")
    if row.settled.decision is not None and row.settled.decision.quote is not None:
        stands = "which the row holds" if row.quote_stands else "which the row does NOT hold"
        yield (f"quote “{row.settled.decision.quote}”, {stands}",)
    if row.settled.state in ("disputed", "stale"):
        yield (row.settled.state,)
