"""The heat map: how many of each model's runs failed each turn, which also shows in the shape of the cell."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.charts import look
from pipeline.charts.names import labels
from pipeline.charts.sheet import KEY, MARGIN, ROOM, Sheet, widest, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.analysis import Analysis, Record
    from pipeline.charts.look import Fill
    from pipeline.charts.sheet import Box

_MOST_ROWS: Final = 24
_NARROW, _WIDE = 0.17, 0.42
_HEIGHTS: Final = ((6, 0.46), (16, 0.34))
_CLOSE: Final = 0.26
_COUNT_WIDTH: Final = 0.95
_STEPS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_POLICIES: Final = {"majority": "at least half of them", "any": "any of them", "all": "all of them"}


_FLAKY: Final = (
    " Flaky: some of the judged runs failed the turn and some did not; the cell is filled as high as their share. "
    "It counts as failed when {} failed it."
)


def draw_turns(analysis: Analysis, benchmark: str) -> Sheet:
    """Draw a cell per model and turn."""
    sheet = Sheet(analysis, benchmark, "Turns passed and failed")
    records: dict[str, dict[int, Record]] = {row[c.MODEL]: {} for row in sheet.counts}
    for record in analysis.records("turn_outcomes", benchmark):
        records[record[c.MODEL]][record[c.TURN]] = record
    turns = sorted({turn for own in records.values() for turn in own})
    shares = {model: [_share(own.get(turn)) for turn in turns] for model, own in records.items()}
    counts = {"failed": {model: _failed(list(own.values())) for model, own in records.items()}}
    if any(record[c.FLAKY] for own in records.values() for record in own.values()):
        counts["flaky"] = {model: str(sum(row[c.FLAKY] for row in own.values())) for model, own in records.items()}
    key = {"failed": 1, "flaky": 0.5, "passed": 0} if "flaky" in counts else {"failed": 1, "passed": 0}
    missing = {"not judged": None} if any(None in row for row in shares.values()) else {}
    sheet.key((words, _marks(share, KEY)) for words, share in (key | missing).items())
    if turns:
        _draw(sheet, turns, shares, counts)
    note = "Failed: on at least one dimension, as judged."
    flaky = _FLAKY.format(_POLICIES[analysis.options.repeat_policy]) if "flaky" in counts else ""
    return sheet.finish(note + flaky)


def _share(record: Record | None) -> float | None:
    """Tell which part of the judged runs failed a turn; `None` where none was judged."""
    return float(record[c.RUNS_FAILED] / record[c.RUNS_JUDGED]) if record and record[c.RUNS_JUDGED] else None


def _failed(records: Sequence[Record]) -> str:
    outcomes = [record[c.OUTCOME] for record in records]
    return f"{outcomes.count(c.TURN_FAILED)}/{len(outcomes) - outcomes.count(c.NOT_JUDGED)}"


def _marks(share: float | None, cell: Box) -> list[tuple[Box, Fill]]:
    """Show in a cell which part of the runs failed: it is filled as high, or holds a dash where none was judged."""
    left, top, wide, high = cell
    if share is None:
        return [((left + wide / 4, top + 0.46 * high, wide / 2, 0.08 * high), look.NOT_JUDGED)]
    filled = (left, top + (1 - share) * high, wide, share * high)
    ground = [(cell, look.PASSED)] if share < 1 else []
    return ground + ([(filled, look.FAILED if share == 1 else look.FLAKY)] if share else [])


def _draw(
    sheet: Sheet,
    turns: Sequence[int],
    shares: dict[str, list[float | None]],
    counts: dict[str, dict[str, str]],
) -> None:
    """Draw the map in as many bands as leave the cells wide enough to tell apart, as far as a slide has room."""
    names = labels(shares)
    left = MARGIN + widest(names.values(), look.LABEL) + 0.15
    room = MARGIN + ROOM - left - len(counts) * _COUNT_WIDTH
    bands = max(min(ceil(len(turns) * _NARROW / room), _MOST_ROWS // len(names)), 1)
    each = len(turns) if bands == 1 else ceil(len(turns) / bands / 10) * 10
    pitch = min(room / each, _WIDE)
    high = next((high for most, high in _HEIGHTS if len(names) * bands <= most), _CLOSE)
    kind = look.CLOSE if high == _CLOSE else look.LABEL
    for place, (words, values) in enumerate(counts.items(), 1):
        x = left + each * pitch + place * _COUNT_WIDTH
        sheet.text(x, sheet.y + 0.2, words, look.NOTE, "right")
        for number, value in enumerate(values.values()):
            sheet.text(x, sheet.y + 0.3 + (number + 0.5) * high + kind.size / 200, value, kind, "right")
    marks: dict[Fill, list[Box]] = {}
    for first in range(0, len(turns), each):
        sheet.y += 0.3
        for model, row in shares.items():
            sheet.text(left - 0.15, sheet.y + high / 2 + kind.size / 200, names[model], kind, "right")
            for place, share in enumerate(row[first : first + each]):
                cell = (left + (place + 0.06) * pitch, sheet.y + 0.06 * high, 0.88 * pitch, 0.88 * high)
                for box, fill in _marks(share, cell):
                    marks.setdefault(fill, []).append(box)
            sheet.y += high
        sheet.y += 0.22
        _draw_numbers(sheet, turns[first : first + each], left, pitch)
    for layer, fill in enumerate((look.PASSED, look.FLAKY, look.FAILED, look.NOT_JUDGED)):
        sheet.boxes(marks.get(fill, []), fill, fill.name, layer)


def _draw_numbers(sheet: Sheet, turns: Sequence[int], left: float, pitch: float) -> None:
    """Write the numbers of the turns below a band, as many as there is room for."""
    room = width_of(str(turns[-1]), look.NOTE) + 0.14
    step = next((step for step in _STEPS if step * pitch >= room), len(turns))
    sheet.text(left - 0.15, sheet.y, "turn", look.NOTE, "right")
    for place in range(0, len(turns), step):
        sheet.text(left + (place + 0.5) * pitch, sheet.y, str(turns[place]), look.NOTE, "center")
