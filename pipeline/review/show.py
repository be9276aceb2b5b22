"""`review next` and `review show`: rows with their full evidence, and the record that they were opened."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pipeline import schema as c
from pipeline.errors import Problem, UsageError
from pipeline.ledger.buckets import nearest
from pipeline.ledger.events import later_than, write_event
from pipeline.ledger.evidence import evidence_digest, fitting_digests
from pipeline.ledger.settle import STATES, settle
from pipeline.report.text import words
from pipeline.review.answer import Answer
from pipeline.review.names import meant
from pipeline.review.queue import Filters, QueueItem, queue, remaining
from pipeline.review.state import review_folder
from pipeline.review.text import rows_as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.ledger.events import Identity
    from pipeline.ledger.replay import Ledger
    from pipeline.load.folder import Row
    from pipeline.review.context import RowContext
    from pipeline.review.folder import Folder

MOST: Final = 25
_OTHERS: Final = 3
_PAYLOADS: Final = ("scores", "tool_calls", "tool_results")
_VERDICT: Final = ("provisional", "failed", "failed_dimensions", "judge_reasoning", "scores")
"""What a blind reviewer does not see before the decision is in."""


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """How rows are shown."""

    everyone: bool = False
    """All other answers to the turn, not three."""
    blind: bool = False
    """Without the provisional mode and the judge's verdict, until the reviewer has decided."""


def next_rows(folder: Folder, who: Identity, filters: Filters, limit: int, view: ViewOptions) -> Answer:
    """Return the next rows worth reading, and record that they were opened."""
    state = review_folder(folder)
    filters = _check(folder, state.ledger.buckets, filters, limit)
    rows = opened(folder, who, queue(state, who, filters, limit), view)
    left = remaining(state, who, filters)
    waiting = f"{words('row', left)} {'waits' if left == 1 else 'wait'} for you, these included."
    text = f"{rows_as_text(rows)}\n{waiting}" if rows else "No row waits for you."
    return Answer(text, {"rows": rows, "waiting": left})


def show(folder: Folder, who: Identity, written: str, view: ViewOptions) -> Answer:
    """Return one row with its full evidence, and record that it was opened."""
    chosen = QueueItem(folder.find(written), "asked for")
    (row,) = opened(folder, who, [chosen], view)
    return Answer(rows_as_text([row]), {"row": row})


def opened(folder: Folder, who: Identity, chosen: Sequence[QueueItem], view: ViewOptions) -> list[dict[str, Any]]:
    """Return rows with their evidence as of before, and record that a reviewer opened them."""
    ledger = folder.ledger_file.read()
    contexts = folder.conversations.context([item.row_id for item in chosen]) if chosen else {}
    whole = folder.whole({row_id: context.row for row_id, context in contexts.items()})
    rows = []
    blind = []
    for item in chosen:
        if item.row_id not in contexts:
            raise UsageError(folder.no_such_row(item.row_id, "no such row"))
        context = contexts[item.row_id]
        others = context.others
        own = any(event.who == who for event in ledger.decisions.get(item.row_id, ()))
        if hidden := view.blind and not own:  # in an order that does not depend on the verdict
            others = sorted(others, key=lambda other: (other["model_name"], other["row_id"]))
        shown = _laid_out(whole[item.row_id], item)
        rows.append(shown | _around(context, others, everyone=view.everyone))
        blind.append(hidden)
    _record(folder, ledger, who, rows)
    for shown, hidden in zip(rows, blind, strict=True):
        shown.update(_review(folder, ledger, whole[shown["row_id"]]))
        if hidden:
            _hide_verdict(shown)
    return rows


def _check(folder: Folder, buckets: Iterable[str], filters: Filters, limit: int) -> Filters:
    """Return the filters with the names that are meant. Raises `UsageError` with every filter of unknown value."""
    problems = []
    if not 1 <= limit <= MOST:
        problems.append(Problem("--limit", f"{limit} is out of reach", f"ask for 1 to {MOST} rows"))
    models = dict.fromkeys(folder.unit(row)[1] for row in folder.rows)
    dimensions = dict.fromkeys(name for row in folder.rows for name in row.failed_dimensions)
    filters = replace(
        filters,
        model=filters.model and meant(filters.model, models),
        dimension=filters.dimension and meant(filters.dimension, dimensions),
    )
    known = {
        "--model": (filters.model, models),
        "--bucket": (filters.bucket, tuple(buckets)),
        "--dimension": (filters.dimension, dimensions),
        "--state": (filters.state, STATES),
    }
    for option, (value, values) in known.items():
        if value is not None and value not in values:
            problems.append(Problem(option, f"no such {option.strip('-')}: {value!r}", nearest(value, values)))
    if problems:
        raise UsageError(*problems)
    return filters


def _laid_out(row: Row, chosen: QueueItem) -> dict[str, Any]:
    """Return a row as it is shown, without what is around it."""
    names = ("row_id", "benchmark_name", "model_name", "run_id", "turn", "response_kind", "failed", "failed_dimensions")
    return {
        **{name: row[name] for name in names},
        "why": chosen.why,
        "control": chosen.control,
        "evidence_digest": evidence_digest(row),
        "provisional": None
        if "error_mode_candidate" not in row
        else {
            "mode": row["error_mode_candidate"],
            "rule": row["error_mode_rule"],
            "evidence": row["error_mode_evidence"],
            "runner_up": row["error_mode_runner_up"],
            "confidence": row["error_mode_confidence"],
        },
        **_texts(row),
        "scores": json.loads(row["scores"]),
        "reference": _reference(row),
        "call_check": _decoded(row.get("call_check")),
    }


def _reference(row: Row) -> dict[str, Any] | None:
    """Return what the reference expects on the row's turn; `None` where there is no reference."""
    calls = _decoded(row.get("expected_calls"))
    if calls is None:
        return None
    return {
        "golden_text": row["golden_text"],
        "expected_calls": calls,
        "categories": list(row["categories"] or ()),
    }


def _decoded(text: str | None) -> Any:  # noqa: ANN401 - any JSON value
    return None if text is None else json.loads(text)


def _texts(row: Row) -> dict[str, Any]:
    return {name: json.loads(row[name]) if name in _PAYLOADS else row[name] for name in c.TEXTS}


def _around(context: RowContext, others: list[Row], *, everyone: bool) -> dict[str, Any]:
    shown = others if everyone else others[:_OTHERS]
    names = ("row_id", "model_name", "run_id", "judged", "failed", "failed_dimensions")
    left = others[len(shown) :]
    return {
        "independent": context.independent,
        "before": _history(context),
        "others": [{**{name: row[name] for name in names}, **_texts(row)} for row in shown],
        "others_left": {
            "passed": sum(row["judged"] and not row["failed"] for row in left),
            "failed": sum(row["failed"] for row in left),
            "not_judged": sum(not row["judged"] for row in left),
        },
    }


def _history(context: RowContext) -> list[dict[str, Any]]:
    """Return the turns before a row: the run's, or for an independent turn the reference's, as far as it has them."""
    if not context.independent:
        return [{"row_id": row["row_id"], "turn": row["turn"], **_without_verdict(row)} for row in context.before]
    return [
        {
            "row_id": None,
            "turn": row["turn"],
            "user_text": row["user_text"],
            "assistant_text": row["golden_text"],
            "tool_calls": _decoded(row["expected_calls"]) or [],
            "tool_results": [],
        }
        for row in context.before
        if row.get("golden_text") is not None
    ]


def _without_verdict(row: Row) -> dict[str, Any]:
    return {name: value for name, value in _texts(row).items() if name != "judge_reasoning"}


def _record(folder: Folder, ledger: Ledger, who: Identity, rows: Sequence[dict[str, Any]]) -> None:
    """Append that a reviewer opened these rows, without those that were opened at this evidence before."""
    if all((who, row["evidence_digest"]) in ledger.opened.get(row["row_id"], {}) for row in rows):
        return
    with folder.ledger_file.writing() as writer:
        ledger = writer.ledger
        at = later_than(ledger.last)
        events = []
        for row in rows:
            if (who, row["evidence_digest"]) not in ledger.opened.get(row["row_id"], {}):
                fields = {"row_id": row["row_id"], "evidence_digest": row["evidence_digest"]}
                events.append(write_event("opened", who, at, fields))
                at = later_than(at)
        if events:
            writer.append(events)


def _review(folder: Folder, ledger: Ledger, row: Row) -> dict[str, Any]:
    """Return the state of a row, and the decisions that explain it."""
    settled = settle(ledger, row["row_id"], fitting_digests(row))
    return {
        "state": settled.state if row["row_id"] in folder.by_id else None,
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
    """Remove what would reveal to a blind reviewer how others judged the row."""
    row |= {name: None for name in _VERDICT if name in row}
    row |= {"why": None, "control": None, "state": None, "decisions": [], "blind": True}
    row["others_left"] = {"answers": sum(row["others_left"].values())}
    for other in row["others"]:
        other |= {name: None for name in _VERDICT if name in other}
