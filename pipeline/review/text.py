"""Rows under review as plain text, for a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pipeline.report.calls import checked_calls
from pipeline.report.text import one_line, visible_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LISTED: Final = 20
"""Entries of a list in an answer's text; `--json` has all."""


def listed(lines: Iterable[str]) -> list[str]:
    """Return the first 20 lines of a list, and how many there are more, indented as the last."""
    every = list(lines)
    if len(every) <= LISTED + 1:
        return every
    indent = " " * (len(every[LISTED]) - len(every[LISTED].lstrip(" ")))
    return [*every[:LISTED], f"{indent}and {len(every) - LISTED} more (--json lists all)"]


def named(names: Iterable[str]) -> str:
    """Return names joined by commas, each on one line: the first 20, and how many there are more."""
    every = list(names)
    left = f" and {len(every) - LISTED} more" if len(every) > LISTED + 1 else ""
    return ", ".join(map(one_line, every[:LISTED] if left else every)) + left


INDEPENDENT: Final = {
    True: "Each turn of this run stands alone: the model saw the reference's turns, not its own.",
    False: "Each turn of this run stands alone: the model did not see its own earlier turns, which are not shown.",
}
"""What is said of an independent turn, by whether the turns of the reference are shown before it."""


def rows_as_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows one below the other, each with its evidence."""
    return "\n".join(line for number, row in enumerate(rows, 1) for line in _row(row, number, len(rows)))


def _row(row: dict[str, Any], number: int, count: int) -> Iterator[str]:
    place = f" ({number} of {count})" if count > 1 else ""
    yield visible_name(f"=== {row['row_id']}{place}")
    yield visible_name(f"model {row['model_name']}, turn {row['turn']}, response {row['response_kind']}")
    if row["why"]:
        yield visible_name(f"here because: {row['why']}")
    if row["state"]:
        yield f"state: {row['state']}"
    for decision in row["decisions"]:
        who = f"{decision['reviewer']} ({decision['reviewer_kind']})"
        note = f": {decision['note']}" if decision["note"] else ""
        settles = " as adjudicator" if decision["adjudication"] else ""
        yield one_line(f"{who} decided {decision['bucket']}, {decision['attribution']}{settles}{note}")
    if row["provisional"]:
        found = row["provisional"]
        known = f"{found['confidence']}; " if found["confidence"] else ""
        yield f"provisional mode: {found['mode']} ({known}runner-up {found['runner_up'] or 'none'})"
        yield f"  rule {visible_name(found['rule'])} saw: {one_line(found['evidence'])}"
    yield from _before(row)
    yield f"--- turn {row['turn']}"
    yield from _said(row)
    yield from _expected(row)
    if row["scores"] is not None:
        scores = ", ".join(f"{name} {_score(score)}" for name, score in row["scores"].items())
        yield f"scores: {visible_name(scores)}"
        yield from _text("judge", row["judge_reasoning"])
    for other in row["others"]:
        yield visible_name(f"--- {other['row_id']}: {_verdict(other)}")
        yield from _said(other, user=False)
        yield from _text("judge", other["judge_reasoning"] or "")
    if left := [f"{n} {name.replace('_', ' ')}" for name, n in row["others_left"].items() if n]:
        yield f"more answers to this turn: {', '.join(left)} (--all shows them)"
    yield ""


def _before(row: dict[str, Any]) -> Iterator[str]:
    """Yield the turns before a row; for an independent turn those of the reference."""
    if row["independent"]:
        yield INDEPENDENT[bool(row["before"])]
    for earlier in row["before"]:
        yield f"--- turn {earlier['turn']}, before{', by the reference' if row['independent'] else ''}"
        yield from _said(earlier)


def _expected(row: dict[str, Any]) -> Iterator[str]:
    """Yield what the reference expects, and the checked calls."""
    if reference := row["reference"]:
        yield from _text("reference", reference["golden_text"] or "(no expected answer)")
        if reference["expected_calls"]:
            yield f"expected calls: {json.dumps(reference['expected_calls'], ensure_ascii=False)}"
        if reference["categories"]:
            yield f"categories: {', '.join(reference['categories'])}"
    for call in checked_calls(row["call_check"]):
        yield one_line(f"call {call.name}: {call.status}{': ' * bool(call.arguments)}{call.arguments}")


def _said(row: dict[str, Any], *, user: bool = True) -> Iterator[str]:
    if user:
        yield from _text("user", row["user_text"])
    yield from _text("assistant", row["assistant_text"] or "(nothing)")
    for name in ("tool_calls", "tool_results"):
        if row[name]:
            yield f"{name.replace('_', ' ')}: {json.dumps(row[name], ensure_ascii=False)}"


def _text(label: str, text: str) -> Iterator[str]:
    lines = text.split("\n")
    yield f"{label}: {lines[0]}"
    yield from (f"    {line}" for line in lines[1:])


def _verdict(row: dict[str, Any]) -> str:
    if row["failed"] is None:
        return "another answer"
    if not row["judged"]:
        return "not judged"
    return f"failed {', '.join(row['failed_dimensions'])}" if row["failed"] else "passed"


def _score(score: bool | None) -> str:  # noqa: FBT001 - a score is true, false or null
    return {True: "pass", False: "FAIL", None: "n/a"}[score]
