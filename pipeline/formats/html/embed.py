"""Embed the rows and what was said in them as JSON, as many and as long as the room allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from pipeline.formats.html.rows import lay_out_rows
from pipeline.formats.html.texts import Texts, by_priority
from pipeline.packets import review_order
from pipeline.untrusted import visible
from pipeline.wording import words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.analysis import Analysis
    from pipeline.formats.html.answers import Answers
    from pipeline.formats.html.turns import TurnMap

_LEAST_PER_ROW: Final = 8
"""A row takes at least so many bytes, so that it need not be laid out to know that there are too many."""


class Embedded(NamedTuple):
    """The embedded data, fit to stand in a script element, and in words what it does not hold."""

    json: bytes
    said: str


def embed(analysis: Analysis, answers: Answers, first: Iterable[str], room: int) -> Embedded:
    """Embed what fits into `room` bytes; `first` names the rows whose texts come before others."""
    order = review_order(analysis.tables["failures"])
    base: dict[str, Any] = {
        "unit": analysis.options.compare_by,
        "reviewed": bool(analysis.review.decided),
        "failed": len(order),
        "rows": {},
        "maps": [_map(each, order) for each in answers.maps],
    }
    if len(order) * _LEAST_PER_ROW < room:
        whole = base | lay_out_rows(analysis, order)
        if len(_pack(whole)) <= room * 2 // 3:
            base = whole
    packed = _pack(base)
    wanted = by_priority(analysis, answers.maps, first)
    texts = Texts(analysis, answers, order)
    for limit, number in texts.tries(len(wanted), room - len(packed)):
        found = texts.gather(wanted[:number], limit)
        if len(_pack(found)) <= room - len(packed):
            return Embedded(_pack(base | found), _said(base, number, limit if found["cut"] else 0))
    return Embedded(packed, _said(base, 0, 0))


def _pack(value: object) -> bytes:
    """Write JSON that cannot end the element that it stands in."""
    packed = msgspec.json.encode(value)
    return packed.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")


def _map(turn_map: TurnMap, order: np.ndarray) -> dict[str, Any]:
    """Lay out a heat map; rows that failed by their places among the embedded ones."""
    refs = turn_map.rows
    if len(order):
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        refs = np.where(refs >= 0, place[np.maximum(refs, 0)], refs)
    return {
        "benchmark": visible(turn_map.benchmark),
        "models": [visible(model) for model in turn_map.models],
        "turns": turn_map.turns.tolist(),
        "codes": turn_map.codes,
        "judged": turn_map.judged.tolist(),
        "failed": turn_map.failed.tolist(),
        "rows": refs.tolist(),
    }


def _said(base: dict[str, Any], texts: int, limit: int) -> str:
    """Say in words what is here of the failed rows, and what was cut."""
    total = base["failed"]
    rows = words("failed row", total)
    cut = f" Texts longer than {limit} characters are cut." if limit else ""
    if not total:
        return "No row failed."
    if not base["rows"]:
        what = "too many for this file: it holds the datapoints, and each count names the filter that gives its rows"
        return f"{rows}, {what}.{cut}"
    if texts < total:
        return f"{rows}, {texts} of them with their texts; the others' texts are too much for this file.{cut}"
    return f"{rows}, all with their texts.{cut}"
