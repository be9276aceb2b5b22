"""What the pages show: rows, queue, gate and findings as plain values, rendered by the templates."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.ledger.codebook import ATTRIBUTIONS
from pipeline.report.calls import checked_calls
from pipeline.report.text import visible
from pipeline.review.queue import QueueItem
from pipeline.review.show import ViewOptions, opened
from pipeline.review.status import status
from pipeline.review.text import INDEPENDENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.review.queue import Filters
    from pipeline.review.serve.session import Session

_AROUND: Final = 20
"""How many rows of the queue are shown before and after the present one."""
_FOLDED: Final = 400
"""JSON longer than this is folded."""
FILTERS: Final = ("model", "bucket", "dimension", "turn", "state")
BLIND_FILTERS: Final = ("model", "turn")
_MANY_TURNS: Final = 200
"""With more turns than this the number is typed instead of chosen from a list."""


@cache
def _templates() -> Environment:
    loader = PackageLoader("pipeline.review.serve", "templates")
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    templates.filters["visible"] = visible
    templates.globals["alone"] = INDEPENDENT
    templates.globals["static"] = lambda name: f"/static/{name}?{hashlib.sha256(static_file(name)).hexdigest()[:12]}"
    return templates


@cache
def static_file(name: str) -> bytes:
    """Return the style sheet or the script."""
    return files("pipeline.review.serve").joinpath("static", name).read_bytes()


def render(name: str, **values: Any) -> str:  # noqa: ANN401 - whatever a template shows
    """Render a page."""
    return _templates().get_template(f"{name}.html.j2").render(**values)


def row_page(session: Session, row_id: str, filters: Filters, **more: Any) -> str:  # noqa: ANN401 - whatever the page shows
    """Render a row with everything around it; it counts as opened."""
    state = session.state
    listed = session.listed(filters)
    place = next((number for number, each in enumerate(listed) if each.row_id == row_id), None)
    chosen = listed[place] if place is not None else None
    reason = QueueItem(row_id, chosen.why if chosen else "asked for", control=bool(chosen and chosen.control))
    (row,) = opened(state.folder, session.who, [reason], ViewOptions(blind=session.blind))
    counts = state.review.count()
    mine = next((d for d in row["decisions"] if (d["reviewer"], d["reviewer_kind"]) == session.who), None)
    return render(
        "row",
        session=session,
        row=row,
        mine=mine,
        reasoning=list(marked(row["judge_reasoning"] or "", (row["provisional"] or {}).get("evidence", ""))),
        queue=_window(session, listed, place, filters),
        place=None if place is None else place + 1,
        length=len(listed),
        back=_link(listed[place - 1].row_id, filters) if place else None,
        on=_link(listed[place + 1].row_id, filters) if place is not None and place + 1 < len(listed) else None,
        here=_link(row_id, filters),
        counts=counts,
        total=len(state.folder.rows),
        state=state.review.status,
        writes=session.writes,
        wanted=filters,
        choices=session.choices(),
        many_turns=_MANY_TURNS,
        buckets=[(name, state.ledger.buckets.meaning(name)) for name in session.buckets_shown()],
        all_buckets=[(name, state.ledger.buckets.meaning(name)) for name in state.ledger.buckets],
        attributions=ATTRIBUTIONS,
        query=query(filters),
        tools=tools,
        as_box=_shown,
        checked_calls=checked_calls,
        **{"error": None, "draft": None, "said": None} | more,
    )


def findings_page(session: Session, **more: Any) -> str:  # noqa: ANN401 - whatever the page shows
    """Render the gate and the findings, with a form for a finding on each major bucket."""
    state = session.state
    found = {((f.benchmark_name, f.model_name), f.bucket): f for f in state.ledger.findings}
    decided: dict[tuple[tuple[str, str], str], list[str]] = {}
    for row in state.folder.rows:
        if state.settled(row).decision is not None and not row.early:
            decided.setdefault((state.folder.unit(row), state.parent(row)), []).append(row.row_id)
    return render(
        "findings",
        session=session,
        status=status(state).data,
        standings=state.review.standings,
        found=found,
        decided=decided,
        state=state.review.status,
        counts=state.review.count(),
        total=len(state.folder.rows),
        writes=session.writes,
        link=lambda row_id: f"/row?{urlencode({'id': row_id})}",
        **{"error": None, "said": None} | more,
    )


def query(filters: Filters) -> dict[str, Any]:
    """Return the filters that are set, by name."""
    return {name: getattr(filters, name) for name in FILTERS if getattr(filters, name) is not None}


def _link(row_id: str, filters: Filters) -> str:
    return f"/row?{urlencode({'id': row_id, **query(filters)})}"


def _window(session: Session, listed: list[QueueItem], place: int | None, filters: Filters) -> list[dict[str, Any]]:
    """Return the rows of the queue around the present one, with their states as they are now."""
    state = session.state
    first = max(0, (place or 0) - _AROUND)
    return [
        {
            "row_id": each.row_id,
            "link": _link(each.row_id, filters),
            "mark": session.mark(state, each.row_id),
            "here": first + number == place,
        }
        for number, each in enumerate(listed[first : first + 2 * _AROUND])
    ]


def marked(text: str, evidence: str) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of a text, each with whether the rules named it as evidence."""
    parts = [part for part in evidence.split("; ") if part.strip()]
    patterns = [r"\s+".join(map(re.escape, part.split())) for part in sorted(parts, key=len, reverse=True)]
    place = 0
    for match in re.finditer("|".join(patterns), text) if patterns else ():
        if match.start() > place:
            yield text[place : match.start()], False
        yield match[0], True
        place = match.end()
    if place < len(text):
        yield text[place:], False


def tools(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return tool calls paired with their results, as text; long ones are folded."""
    calls, results = (_listed(row[name]) for name in ("tool_calls", "tool_results"))
    pairs: list[list[Any]] = [[_shown(call), None] for call in calls]
    for place, result in enumerate(results):
        fitting = [at for at, pair in enumerate(pairs) if pair[0] and pair[1] is None]
        named = [at for at in fitting if _name(calls[at]) == _name(result)] if _name(result) else []
        at = next(iter(named or [at for at in fitting if at == place and not _name(result)]), None)
        if at is None:
            pairs.append([None, _shown(result)])
        else:
            pairs[at][1] = _shown(result)
    return [{"call": call, "result": result} for call, result in pairs]


def _name(value: object) -> str:
    """Return what a result is matched by: the call's id where there is one, else the tool's name."""
    if not isinstance(value, dict):
        return ""
    return str(value.get("id") or value.get("tool_call_id") or value.get("name") or "")


def _listed(value: object) -> list[Any]:
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def _shown(value: object) -> dict[str, Any]:
    name = value.get("name", "") if isinstance(value, dict) else ""
    rest = {key: each for key, each in value.items() if key != "name"} if isinstance(value, dict) else value
    if isinstance(rest, dict) and len(rest) == 1:
        (rest,) = rest.values()
    text = json.dumps(rest, ensure_ascii=False, indent=2 if len(json.dumps(rest)) > _FOLDED // 4 else None)
    return {"name": str(name), "text": text, "folded": len(text) > _FOLDED}
