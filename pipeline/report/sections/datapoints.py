"""Datapoints: the failed rows that a report shows as evidence, each with its facts and its shortened texts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, Literal

from pipeline.ledger.codebook import tentative_label
from pipeline.report.blocks import Code, Datapoint, Quote
from pipeline.report.calls import call_words
from pipeline.report.sections.interface import listed
from pipeline.report.text import one_line, shorten
from pipeline.schema import NO_PAYLOAD, TENTATIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.gate import Unit
    from pipeline.ledger.review import ReviewedRow
    from pipeline.report.blocks import Inlines
    from pipeline.report.frames import Record

_LIMITS: Final = {
    "user_text": ("User", 600),
    "assistant_text": ("Assistant", 800),
    "judge_reasoning": ("Judge", 900),
}
_PAYLOADS: Final = {"tool_calls": ("Tool calls", 600), "tool_results": ("Tool results", 600)}


def datapoint(row: Record, unit: Unit, reviewed: ReviewedRow | None = None) -> Datapoint:
    """Return one failed row of a model as a datapoint.

    `row` is one of `AnalysisRows.evidence`, or has its columns; `reviewed` is what reviewers decided on it.
    """
    quotes = [_quote(row, name, *shown) for name, shown in _LIMITS.items()]
    quotes += [
        _quote(row, name, *shown, "json")
        for name, shown in _PAYLOADS.items()
        if not re.match(NO_PAYLOAD, getattr(row, name))
    ]
    if isinstance(row.expected_calls, str):
        quotes.append(Quote("Reference", shorten(row.golden_text, 600), len(row.golden_text)))
        if not re.match(NO_PAYLOAD, row.expected_calls):
            quotes.append(_quote(row, "expected_calls", "Expected calls", 600, "json"))
    calls = call_words(json.loads(row.call_check)) if isinstance(row.call_check, str) else ""
    tentative = row.error_mode_confidence == TENTATIVE
    return Datapoint(
        row_id=row.row_id,
        benchmark=unit[0],
        model=unit[1],
        turn=row.turn,
        facts=(
            ("failed ", *listed((Code(name),) for name in row.failed_dimensions)),
            *([(tentative_label(row.error_mode, row.error_mode_runner_up),)] if tentative else ()),
            ("rule ", Code(row.error_mode_rule), " saw “", one_line(row.error_mode_evidence), "”"),
            *([(f"calls checked: {calls}",)] if calls else ()),
            *(_decisions(reviewed) if reviewed else ()),
        ),
        quotes=tuple(quotes),
    )


def _quote(row: Record, name: str, label: str, limit: int, kind: Literal["text", "json"] = "text") -> Quote:
    text = getattr(row, name)
    return Quote(label, shorten(text, limit), len(text), kind)


def _decisions(row: ReviewedRow) -> Iterator[Inlines]:
    """Yield what reviewers decided on a row, whether the settling decision's quote is in it, and an open state."""
    for event in row.settled.shown:
        who = f" by {event.reviewer} ({event.reviewer_kind})"
        settles = " as adjudicator" if event.adjudication else ""
        note = f": {one_line(event.note)}" if event.note else ""
        yield ("decided ", Code(event.bucket), f", {event.attribution}, {who.strip()}{settles}{note}")
    if row.settled.decision is not None and row.settled.decision.quote is not None:
        stands = "which the row holds" if row.quote_stands else "which the row does NOT hold"
        yield (f"quote “{one_line(row.settled.decision.quote)}”, {stands}",)
    if row.settled.state in ("disputed", "stale"):
        yield (row.settled.state,)
