"""Embed the rows and their texts as JSON, as many and as long as the room allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline import schema
from pipeline.export.formats.page.answers import passed_answers
from pipeline.export.formats.page.expected import encode_expected
from pipeline.export.formats.page.rows import encode_rows, packet_order, parents
from pipeline.export.formats.page.texts import TextSelector, by_priority
from pipeline.export.formats.page.turns import exact_numbers
from pipeline.report.text import escaped_json, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.analysis import Analysis
    from pipeline.export.formats.page.model import HeatMap
    from pipeline.export.formats.page.texts import Selection, Text
    from pipeline.export.formats.page.turns import TurnCell

_MIN_ROW_SIZE: Final = 8
"""A row takes at least this many bytes, so that it need not be encoded to know that there are too many."""


@dataclass(frozen=True)
class Embedded:
    """The embedded data as JSON for a script element, and a description of what is left out, as HTML."""

    json: bytes
    description: str


def embed(
    analysis: Analysis,
    heat_maps: Sequence[HeatMap],
    cells: Sequence[Sequence[TurnCell]],
    first: Iterable[str],
    room: int,
) -> Embedded:
    """Return what fits into `room` bytes; texts of the rows with the ids `first` come before others.

    `cells` are those of each heat map, as `heat_map_cells` returns them.
    """
    packet = packet_order(analysis.failures)
    positions = {label: position for position, label in enumerate(packet)}
    answers = passed_answers(analysis, cells)
    base: dict[str, Any] = {
        "unit": analysis.options.compare_by,
        "reviewed": bool(analysis.review.decided),
        "failed": len(packet),
        "rows": {},
        "buckets": parents(analysis),
        "maps": _maps(heat_maps, cells, positions),
    }
    packed = _without_hidden(_pack(base))
    if len(packet) * _MIN_ROW_SIZE < room:
        whole = base | encode_rows(analysis, packet) | encode_expected(analysis, packet)
        packed_whole = _without_hidden(_pack(whole))
        if len(packed_whole) <= room * 2 // 3:
            base, packed = whole, packed_whole
    wanted = by_priority(analysis, cells, first)
    selector = TextSelector(analysis, answers)
    for attempt in selector.attempts(len(wanted), room - len(packed)):
        selection = selector.select(wanted[: attempt.failed], attempt.answers, attempt.limit)
        texts = _pack(_texts(selection, positions))
        if len(texts) <= room - len(packed):
            limit = attempt.limit if selection.cut else 0
            description = _description(base, attempt.failed, len(answers.labels) - attempt.answers, limit)
            return Embedded(packed[:-1] + b"," + texts[1:], description)
    return Embedded(packed, _description(base, 0, len(answers.labels), 0))


def row_number(label: int | None, positions: Mapping[int, int]) -> int:
    """Return the one number by which the page's script knows a row, given by its label in `analysis.turns`.

    A failed row has its position in the review packet, counted from 0, as `positions` has it by its label; a row
    that did not fail has -2 minus its label; where there is no row, the number is -1.
    """
    return -1 if label is None else positions.get(label, -2 - label)


def _maps(
    heat_maps: Sequence[HeatMap], cells: Sequence[Sequence[TurnCell]], positions: Mapping[int, int]
) -> list[dict[str, Any]]:
    """Return the heat maps with the numbers behind each cell, a list per model."""
    found = []
    for heat_map, of_map in zip(heat_maps, cells, strict=True):
        size = len(heat_map.turns)
        lines = [of_map[model * size : (model + 1) * size] for model in range(len(heat_map.models))]
        found.append(
            {
                "benchmark": heat_map.benchmark,
                "models": heat_map.models,
                "turns": exact_numbers(list(heat_map.turns)),
                "codes": heat_map.codes,
                "judged": [[cell.runs_judged for cell in line] for line in lines],
                "failed": [[cell.runs_failed for cell in line] for line in lines],
                "rows": [[row_number(cell.row, positions) for cell in line] for line in lines],
            }
        )
    return found


def _texts(selection: Selection, positions: Mapping[int, int]) -> dict[str, Any]:
    """Return the selected texts under the numbers by which the script knows their rows."""

    def numbered(texts: Mapping[int, list[Text]]) -> dict[str, list[Text]]:
        return {str(row_number(label, positions)): of_row for label, of_row in texts.items()}

    return {"texts": numbered(selection.failed), "others": numbered(selection.answers), "users": selection.users}


def _pack(value: object) -> bytes:
    """Return JSON that cannot end the script element in which it is written."""
    packed = msgspec.json.encode(value)
    return packed.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")


def _without_hidden(packed: bytes) -> bytes:
    """Return JSON with hidden characters escaped: names keep them for the script, but the file must not hold any."""
    return escaped_json(packed.decode()).encode()


def _description(base: dict[str, Any], texts: int, answers_left: int, limit: int) -> str:
    """Return in words what is embedded and what is not: texts of failed rows, other answers, long texts."""
    parts = [_failed_description(base["failed"], texts, embedded=bool(base["rows"]))]
    if limit:
        parts.append(f"Texts longer than {limit} characters are cut.")
    if answers_left:
        are, they = ("is", "it is") if answers_left == 1 else ("are", "they are")
        answers = f"{'answer' if answers_left == 1 else 'answers'} of {words('row', answers_left)}"
        where = f"{they} in <code>{schema.TURNS_PARQUET}</code>"
        parts.append(f"The {answers} of the heat map that did not fail {are} not in this file; {where}.")
    return " ".join(parts)


def _failed_description(total: int, texts: int, *, embedded: bool) -> str:
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
