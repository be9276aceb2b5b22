"""`review next` and `review show`: rows with their full evidence, and the record that they were opened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipeline import schema as c
from pipeline.errors import Problem, UsageError
from pipeline.ledger.buckets import nearest
from pipeline.ledger.events import later_than, write_event
from pipeline.ledger.evidence import evidence_digest
from pipeline.ledger.settle import STATES, settle
from pipeline.ledger.store import writing
from pipeline.report.text import words
from pipeline.review.answer import Answer
from pipeline.review.context import Conversations, all_rows, rows_by_id
from pipeline.review.progress import Progress
from pipeline.review.queue import Next, Wanted, queue, remaining
from pipeline.review.text import rows_as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ledger.events import Identity
    from pipeline.review.context import Around, Row
    from pipeline.review.folder import Folder

MOST: Final = 25
_OTHERS: Final = 3
_PAYLOADS: Final = (c.SCORES, c.TOOL_CALLS, c.TOOL_RESULTS)
_VERDICT: Final = ("provisional", c.FAILED, c.FAILED_DIMENSIONS, c.JUDGE_REASONING, c.SCORES)
"""What a blind reviewer does not see before the decision is in."""


class Look(NamedTuple):
    """How rows are shown."""

    everyone: bool = False
    """All other answers to the turn, not three."""
    blind: bool = False
    """Without the provisional mode and the judge's verdict, until the reviewer has decided."""


def next_rows(folder: Folder, who: Identity, wanted: Wanted, limit: int, look: Look) -> Answer:
    """Give the next rows worth reading, and record that they were opened."""
    _check(folder, wanted, limit)
    progress = Progress(folder)
    chosen = queue(progress, who, wanted, limit)
    rows = opened(folder, who, chosen, look)
    left = remaining(progress, who, wanted)
    waiting = f"{words('row', left)} {'waits' if left == 1 else 'wait'} for you, these included."
    text = f"{rows_as_text(rows)}\n{waiting}" if rows else "No row waits for you."
    return Answer(text, {"rows": rows, "waiting": left})


def show(folder: Folder, who: Identity, written: str, look: Look) -> Answer:
    """Give one row with its full evidence, and record that it was opened."""
    (row,) = opened(folder, who, [Next(folder.find(written), "asked for")], look)
    return Answer(rows_as_text([row]), {"row": row})


def opened(folder: Folder, who: Identity, chosen: Sequence[Next], look: Look) -> list[dict[str, Any]]:
    """Gather the evidence of rows and record that a reviewer opened them."""
    around = _around_rows(folder, [each.row_id for each in chosen])
    rows = []
    blind = []
    digests = {}
    for each in chosen:
        if each.row_id not in around:
            raise UsageError(Problem(each.row_id, "no such row", f"row ids are in {folder.path / c.PACKET_JSONL}"))
        found, before, others = around[each.row_id]
        row = folder.whole(found)
        digests[each.row_id] = evidence_digest(row)
        own = any(event.who == who for event in folder.ledger.decisions.get(each.row_id, ()))
        if hidden := look.blind and not own:  # in an order that tells nothing
            others = sorted(others, key=lambda other: (other[c.MODEL], other[c.ROW_ID]))
        shown = _laid_out(row, digests[each.row_id], each)
        rows.append(shown | _around(before, others, everyone=look.everyone))
        blind.append(hidden)
    folder.remember(digests)
    _record(folder, who, rows)
    for shown, hidden in zip(rows, blind, strict=True):
        shown.update(_review(folder, shown[c.ROW_ID]))
        if hidden:
            _hide_verdict(shown)
    return rows


def _around_rows(folder: Folder, row_ids: list[str]) -> dict[str, Around]:
    if not row_ids:
        return {}
    if folder.around is not None:
        return folder.around(row_ids)
    return Conversations(all_rows(folder.path)).around(row_ids, lambda ids: rows_by_id(folder.path, ids))


def _check(folder: Folder, wanted: Wanted, limit: int) -> None:
    problems = []
    if not 1 <= limit <= MOST:
        problems.append(Problem("--limit", f"{limit} is out of reach", f"ask for 1 to {MOST} rows"))
    models = dict.fromkeys(folder.unit(row)[1] for row in folder.rows)
    dimensions = dict.fromkeys(name for row in folder.rows for name in row.failed_dimensions)
    buckets = folder.ledger.buckets
    known = {
        "--model": (wanted.model, models),
        "--bucket": (wanted.bucket, tuple(buckets)),
        "--dimension": (wanted.dimension, dimensions),
        "--state": (wanted.state, STATES),
    }
    for option, (value, values) in known.items():
        if value is not None and value not in values:
            problems.append(Problem(option, f"no such {option.strip('-')}: {value!r}", nearest(value, values)))
    if problems:
        raise UsageError(*problems)


def _laid_out(row: Row, digest: str, chosen: Next) -> dict[str, Any]:
    """Lay out a row as it is shown."""
    names = (c.ROW_ID, c.BENCHMARK, c.MODEL, c.RUN_ID, c.TURN, c.RESPONSE_KIND, c.FAILED, c.FAILED_DIMENSIONS)
    return {
        **{name: row[name] for name in names},
        "why": chosen.why,
        "control": chosen.control,
        "evidence_digest": digest,
        "provisional": None
        if c.ERROR_MODE_CANDIDATE not in row
        else {
            "mode": row[c.ERROR_MODE_CANDIDATE],
            "rule": row[c.ERROR_MODE_RULE],
            "evidence": row[c.ERROR_MODE_EVIDENCE],
            "runner_up": row[c.ERROR_MODE_RUNNER_UP],
        },
        **_texts(row),
        c.SCORES: json.loads(row[c.SCORES]),
    }


def _texts(row: Row) -> dict[str, Any]:
    return {name: json.loads(row[name]) if name in _PAYLOADS else row[name] for name in c.TEXTS}


def _around(before: list[Row], others: list[Row], *, everyone: bool) -> dict[str, Any]:
    shown = others if everyone else others[:_OTHERS]
    names = (c.ROW_ID, c.MODEL, c.RUN_ID, c.JUDGED, c.FAILED, c.FAILED_DIMENSIONS)
    left = others[len(shown) :]
    return {
        "before": [{c.ROW_ID: row[c.ROW_ID], c.TURN: row[c.TURN], **_without_verdict(row)} for row in before],
        "others": [{**{name: row[name] for name in names}, **_texts(row)} for row in shown],
        "others_left": {
            "passed": sum(row[c.JUDGED] and not row[c.FAILED] for row in left),
            "failed": sum(row[c.FAILED] for row in left),
            "not_judged": sum(not row[c.JUDGED] for row in left),
        },
    }


def _without_verdict(row: Row) -> dict[str, Any]:
    return {name: value for name, value in _texts(row).items() if name != c.JUDGE_REASONING}


def _record(folder: Folder, who: Identity, rows: Sequence[dict[str, Any]]) -> None:
    """Append that these rows were opened, those that were not at this evidence before."""
    seen = folder.ledger.opened
    if all((who, row["evidence_digest"]) in seen.get(row[c.ROW_ID], {}) for row in rows):
        return
    with writing(folder.path) as writer:
        ledger = writer.ledger
        at = later_than(ledger.last)
        events = []
        for row in rows:
            if (who, row["evidence_digest"]) not in ledger.opened.get(row[c.ROW_ID], {}):
                fields = {c.ROW_ID: row[c.ROW_ID], "evidence_digest": row["evidence_digest"]}
                events.append(write_event("opened", who, at, fields))
                at = later_than(at)
        if events:
            writer.append(events)


def _review(folder: Folder, row_id: str) -> dict[str, Any]:
    """Tell where a row stands."""
    settled = settle(folder.ledger, row_id, folder.digest(row_id) or "")
    return {
        "state": settled.state if row_id in folder.by_id else None,
        "decisions": [
            {
                "reviewer": event.reviewer,
                "reviewer_kind": event.reviewer_kind,
                "bucket": event.bucket,
                "attribution": event.attribution,
                "adjudication": event.adjudication,
                "secondary_dimensions": list(event.secondary_dimensions),
                "note": event.note,
                "quote": event.quote,
            }
            for event in settled.shown
        ],
    }


def _hide_verdict(row: dict[str, Any]) -> None:
    """Take away what would tell a blind reviewer how others judged the row."""
    row |= {name: None for name in _VERDICT if name in row}
    row |= {"why": None, "control": None, "state": None, "decisions": [], "blind": True}
    row["others_left"] = {"answers": sum(row["others_left"].values())}
    for other in row["others"]:
        other |= {name: None for name in _VERDICT if name in other}
