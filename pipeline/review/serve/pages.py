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

from pipeline import schema as c
from pipeline.ledger.codebook import ATTRIBUTIONS
from pipeline.report.text import visible
from pipeline.review.queue import Next
from pipeline.review.show import Look, opened
from pipeline.review.status import status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.review.queue import Wanted
    from pipeline.review.serve.session import Desk, Listed

_AROUND: Final = 20
"""So many rows of the queue are shown before and behind the present one."""
_FOLDED: Final = 400
"""JSON longer than this is folded."""
FILTERS: Final = ("model", "bucket", "dimension", "turn", "state")
BLIND_FILTERS: Final = ("model", "turn")
_MANY_TURNS: Final = 200
"""More turns than this are not offered one by one: their number is typed."""


@cache
def _templates() -> Environment:
    loader = PackageLoader("pipeline.review.serve", "templates")
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    templates.filters["visible"] = visible
    templates.globals["static"] = lambda name: f"/static/{name}?{hashlib.sha256(static_file(name)).hexdigest()[:12]}"
    return templates


@cache
def static_file(name: str) -> bytes:
    """Read the style or the script."""
    return files("pipeline.review.serve").joinpath("static", name).read_bytes()


def render(name: str, **values: Any) -> str:  # noqa: ANN401 - whatever a template shows
    """Render a page."""
    return _templates().get_template(f"{name}.html.j2").render(**values)


def row_page(desk: Desk, row_id: str, wanted: Wanted, **more: Any) -> str:  # noqa: ANN401 - whatever the page shows
    """Render a row with everything around it; it counts as opened."""
    progress = desk.progress
    listed = desk.listed(wanted)
    place = next((number for number, each in enumerate(listed) if each.row_id == row_id), None)
    chosen = listed[place] if place is not None else None
    reason = Next(row_id, chosen.why if chosen else "asked for", control=bool(chosen and chosen.control))
    (row,) = opened(progress.folder, desk.who, [reason], Look(blind=desk.blind))
    counts = progress.count()
    mine = next((d for d in row["decisions"] if (d["reviewer"], d["reviewer_kind"]) == desk.who), None)
    return render(
        "row",
        desk=desk,
        row=row,
        mine=mine,
        reasoning=list(marked(row[c.JUDGE_REASONING] or "", (row["provisional"] or {}).get("evidence", ""))),
        queue=_window(desk, listed, place, wanted),
        place=None if place is None else place + 1,
        length=len(listed),
        back=_link(listed[place - 1].row_id, wanted) if place else None,
        on=_link(listed[place + 1].row_id, wanted) if place is not None and place + 1 < len(listed) else None,
        here=_link(row_id, wanted),
        counts=counts,
        total=len(progress.folder.rows),
        state=progress.status,
        writes=desk.writes,
        wanted=wanted,
        choices=desk.choices(),
        many_turns=_MANY_TURNS,
        buckets=[(name, progress.ledger.buckets.meaning(name)) for name in desk.buckets_shown()],
        all_buckets=[(name, progress.ledger.buckets.meaning(name)) for name in progress.ledger.buckets],
        attributions=ATTRIBUTIONS,
        query=query(wanted),
        tools=tools,
        **{"error": None, "draft": None, "said": None} | more,
    )


def findings_page(desk: Desk, **more: Any) -> str:  # noqa: ANN401 - whatever the page shows
    """Render the gate and the findings, with a form for a finding on each major bucket."""
    progress = desk.progress
    found = {((f.benchmark_name, f.model_name), f.bucket): f for f in progress.ledger.findings}
    decided: dict[tuple[tuple[str, str], str], list[str]] = {}
    for row in progress.folder.rows:
        if progress.settled(row).decision is not None and not row.early:
            decided.setdefault((progress.folder.unit(row), progress.parent(row)), []).append(row.row_id)
    return render(
        "findings",
        desk=desk,
        status=status(progress.folder).data,
        standings=progress.standings,
        found=found,
        decided=decided,
        state=progress.status,
        counts=progress.count(),
        total=len(progress.folder.rows),
        writes=desk.writes,
        link=lambda row_id: f"/row?{urlencode({'id': row_id})}",
        **{"error": None, "said": None} | more,
    )


def query(wanted: Wanted) -> dict[str, Any]:
    """Give the filters that are set."""
    return {name: getattr(wanted, name) for name in FILTERS if getattr(wanted, name) is not None}


def _link(row_id: str, wanted: Wanted) -> str:
    return f"/row?{urlencode({'id': row_id, **query(wanted)})}"


def _window(desk: Desk, listed: list[Listed], place: int | None, wanted: Wanted) -> list[dict[str, Any]]:
    """Give the rows of the queue around the present one."""
    progress = desk.progress
    first = max(0, (place or 0) - _AROUND)
    return [
        {
            "row_id": each.row_id,
            "link": _link(each.row_id, wanted),
            "mark": desk.mark(progress, each.row_id),
            "here": first + number == place,
        }
        for number, each in enumerate(listed[first : first + 2 * _AROUND])
    ]


def marked(text: str, evidence: str) -> Iterator[tuple[str, bool]]:
    """Cut a text into pieces, those marked that the rules named as evidence."""
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
    """Pair tool calls with their results, as text; long ones are folded."""
    calls, results = (_listed(row[name]) for name in (c.TOOL_CALLS, c.TOOL_RESULTS))
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
    """Give what a result is told by: the call's id where there is one, else the tool's name."""
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
