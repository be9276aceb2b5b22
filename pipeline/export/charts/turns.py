"""The heat map: how many of each model's runs failed each turn, which also shows in the shape of the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline import schema as c
from pipeline.export.charts import look
from pipeline.export.charts.cells import FILLS, cell_of, joined, key_of
from pipeline.export.charts.names import labels
from pipeline.export.charts.plan import plan_of
from pipeline.export.charts.sheet import KEY, Sheet

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pipeline.analysis import Analysis, Record
    from pipeline.export.charts.cells import Cell
    from pipeline.export.charts.look import Fill
    from pipeline.export.charts.plan import Plan
    from pipeline.export.charts.sheet import Box

_HEAD: Final = 0.3
_POLICIES: Final = {"majority": "at least half of them", "any": "any of them", "all": "all of them"}
_FAILED: Final = "Failed: on at least one dimension, as judged."
_SEVERAL: Final = " Each cell stands for {} turns in a row, filled to the share that failed of those judged."
_FLAKY: Final = " Flaky: some of the judged runs failed the turn and some did not"
_SHARE: Final = "; the cell is filled as high as their share"
_COUNTED: Final = ". It counts as failed, also in the counts on the right, when {} failed it."


def draw_turns(analysis: Analysis, benchmark: str) -> Sheet:
    """Draw a cell per model and turn; of a very long benchmark, per model and several turns in a row."""
    sheet = Sheet(analysis, benchmark, "Turns passed and failed")
    records: dict[str, dict[int, Record]] = {row[c.MODEL]: {} for row in sheet.counts}
    for record in analysis.records("turn_outcomes", benchmark):
        records[record[c.MODEL]][record[c.TURN]] = record
    turns = sorted({turn for own in records.values() for turn in own})
    counts = {"failed": [_failed(own.values()) for own in records.values()]}
    if any(record[c.FLAKY] for own in records.values() for record in own.values()):
        counts["flaky"] = [str(sum(row[c.FLAKY] for row in own.values())) for own in records.values()]
    names = labels(records)
    plan = plan_of(turns, list(names.values()), counts)
    groups = [turns[at : at + plan.several] for at in range(0, len(turns), plan.several)]
    cells = {
        names[model]: [cell_of([own.get(turn) for turn in group]) for group in groups] for model, own in records.items()
    }
    sheet.key((cell.kind, cell.marks(KEY)) for cell in key_of(cell for row in cells.values() for cell in row))
    if turns:
        _draw_counts(sheet, plan, counts)
        _draw_bands(sheet, plan, [group[0] for group in groups], cells)
    several = _SEVERAL.format(plan.several) if plan.several > 1 else ""
    flaky = _FLAKY + ("" if several else _SHARE) + _COUNTED.format(_POLICIES[analysis.options.repeat_policy])
    return sheet.finish(_FAILED + several + (flaky if "flaky" in counts else ""))


def _failed(records: Collection[Record]) -> str:
    outcomes = [record[c.OUTCOME] for record in records]
    return f"{outcomes.count(c.TURN_FAILED)}/{len(outcomes) - outcomes.count(c.NOT_JUDGED)}"


def _draw_counts(sheet: Sheet, plan: Plan, counts: Mapping[str, Sequence[str]]) -> None:
    """Write the counts of each model behind the first band."""
    x = plan.left + plan.each * plan.pitch
    for wide, (words, values) in zip(plan.columns, counts.items(), strict=True):
        x += wide
        sheet.text(x, sheet.y + 0.2, words, look.NOTE, "right")
        for number, value in enumerate(values):
            y = sheet.y + _HEAD + (number + 0.5) * plan.high + plan.kind.size / 200
            sheet.text(x, y, value, plan.kind, "right")


def _draw_bands(sheet: Sheet, plan: Plan, numbers: Sequence[int], cells: Mapping[str, Sequence[Cell]]) -> None:
    """Draw the cells, band below band, with the number of the first turn of as many as there is room for."""
    marks: dict[Fill, list[Box]] = {fill: [] for fill in FILLS}
    gap = 0.06 if plan.several == 1 else 0
    for first in range(0, len(numbers), plan.each):
        sheet.y += _HEAD
        for name, row in cells.items():
            sheet.text(plan.names_end, sheet.y + plan.high / 2 + plan.kind.size / 200, name, plan.kind, "right")
            for place, cell in enumerate(row[first : first + plan.each]):
                x, wide = plan.left + (place + gap) * plan.pitch, (1 - 2 * gap) * plan.pitch
                for box, fill in cell.marks((x, sheet.y + 0.06 * plan.high, wide, 0.88 * plan.high)):
                    marks[fill].append(box)
            sheet.y += plan.high
        sheet.y += 0.22
        sheet.text(plan.numbers_end, sheet.y, "turn", look.NOTE, "right")
        for place, number in list(enumerate(numbers[first : first + plan.each]))[:: plan.step]:
            sheet.text(plan.left + (place + 0.5) * plan.pitch, sheet.y, str(number), look.NOTE, "center")
    for layer, fill in enumerate(FILLS):
        sheet.boxes(joined(marks[fill]), fill, fill.name, layer)
