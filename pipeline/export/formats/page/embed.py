"""Embed the rows and what was said in them as JSON, as many and as long as the room allows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from pipeline import schema as c
from pipeline.export.formats.page.rows import lay_out_rows, parents
from pipeline.export.formats.page.texts import Texts, by_priority
from pipeline.export.formats.page.turns import exact_numbers
from pipeline.report.text import visible, words
from pipeline.stages.packet import review_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.analysis import Analysis
    from pipeline.export.formats.page.answers import Answers
    from pipeline.export.formats.page.turns import TurnMap

_LEAST_PER_ROW: Final = 8
"""A row takes at least so many bytes, so that it need not be laid out to know that there are too many."""
_DELETE: Final = b"\x7f"
"""The only hidden character of ASCII that JSON does not escape."""


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
        "buckets": parents(analysis),
        "maps": [_map(each, order) for each in answers.maps],
    }
    packed = _without_hidden(_pack(base))
    if len(order) * _LEAST_PER_ROW < room:
        whole = base | lay_out_rows(analysis, order)
        packed_whole = _without_hidden(_pack(whole))
        if len(packed_whole) <= room * 2 // 3:
            base, packed = whole, packed_whole
    wanted = by_priority(analysis, answers.maps, first)
    texts = Texts(analysis, answers, order)
    for limit, number, others in texts.tries(len(wanted), room - len(packed)):
        found, cut = texts.gather(wanted[:number], others, limit)
        packed_texts = _pack(found)
        if len(packed_texts) <= room - len(packed):
            said = _said(base, number, answers.wanted - others, limit if cut else 0)
            return Embedded(packed[:-1] + b"," + packed_texts[1:], said)
    return Embedded(packed, _said(base, 0, answers.wanted, 0))


def _pack(value: object) -> bytes:
    """Write JSON that cannot end the element that it stands in."""
    packed = msgspec.json.encode(value)
    return packed.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")


def _without_hidden(packed: bytes) -> bytes:
    """Escape hidden characters, which names may hold: the page needs these as they are, its file must not hold any."""
    if packed.isascii() and _DELETE not in packed:
        return packed
    text = packed.decode()
    hidden = {ord(char): json.dumps(char)[1:-1] for char in set(text) if visible(char) != char}
    return text.translate(hidden).encode() if hidden else packed


def _map(turn_map: TurnMap, order: np.ndarray) -> dict[str, Any]:
    """Lay out a heat map; rows that failed by their places among the embedded ones."""
    refs = turn_map.rows
    if len(order):
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        refs = np.where(refs >= 0, place[np.maximum(refs, 0)], refs)
    return {
        "benchmark": turn_map.benchmark,
        "models": turn_map.models,
        "turns": exact_numbers(turn_map.turns.tolist()),
        "codes": turn_map.codes,
        "judged": turn_map.judged.tolist(),
        "failed": turn_map.failed.tolist(),
        "rows": refs.tolist(),
    }


def _said(base: dict[str, Any], texts: int, answers_left: int, limit: int) -> str:
    """Say in words what is here of the rows and what is not: texts of failed ones, answers of others, long texts."""
    parts = [_said_of_failed(base["failed"], texts, embedded=bool(base["rows"]))]
    if limit:
        parts.append(f"Texts longer than {limit} characters are cut.")
    if answers_left:
        are, they = ("is", "it is") if answers_left == 1 else ("are", "they are")
        answers = f"{'answer' if answers_left == 1 else 'answers'} of {words('row', answers_left)}"
        where = f"{they} in <code>{c.TURNS_PARQUET}</code>"
        parts.append(f"The {answers} of the heat map that did not fail {are} not in this file; {where}.")
    return " ".join(parts)


def _said_of_failed(total: int, texts: int, *, embedded: bool) -> str:
    rows = words("failed row", total)
    whose = "its texts" if total == 1 else "their texts"
    if not total:
        return "No row failed."
    if not embedded:
        where = "it holds the datapoints, and each count names a command that gives its rows"
        return f"{rows}, too much for this file: {where}."
    if texts == total:
        return f"{rows}, {'' if total == 1 else 'all '}with {whose}."
    if not texts:
        return f"{rows}; {whose} are too much for this file."
    some = f"{texts} of them with {'its' if texts == 1 else 'their'} texts"
    return f"{rows}, {some}; the others' texts are too much for this file."
