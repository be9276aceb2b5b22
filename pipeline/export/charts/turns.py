"""The heat map: how many of each model's runs failed each turn; the shape of a cell shows it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.export.charts import style
from pipeline.export.charts.map_cells import FILLS, cell_of, joined, legend_of
from pipeline.export.charts.map_layout import lay_out_map
from pipeline.export.charts.names import labels
from pipeline.export.charts.slide import LEGEND_BOX, Slide

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pipeline.analysis import Analysis
    from pipeline.export.charts.map_cells import MapCell
    from pipeline.export.charts.map_layout import MapLayout
    from pipeline.export.charts.slide import Box
    from pipeline.export.charts.style import FillStyle

_HEAD: Final = 0.3
_POLICIES: Final = {"majority": "at least half of them", "any": "any of them", "all": "all of them"}
_FAILED: Final = "Failed: on at least one dimension, as judged."
_SEVERAL: Final = " Each cell stands for {} turns in a row, filled to the share that failed of those judged."
_FLAKY: Final = " Flaky: some of the judged runs failed the turn and some did not"
_SHARE: Final = "; the cell is filled as high as their share"
_COUNTED: Final = ". It counts as failed, also in the counts on the right, when {} failed it."


def draw_turns(analysis: Analysis, benchmark: str) -> Slide:
    """Draw a cell per model and turn; for a very long benchmark, per model and several turns in a row."""
    slide = Slide(analysis, benchmark, "Turns passed and failed")
    found = analysis.turn_outcomes
    rows: list[Any] = list(found[found["benchmark_name"].eq(benchmark)].itertuples())
    outcomes: dict[str, dict[int, Any]] = {row.model_name: {} for row in slide.counts}
    for row in rows:
        outcomes[row.model_name][row.turn] = row
    turns = sorted({row.turn for row in rows})
    counts = {"failed": [_failed(own.values()) for own in outcomes.values()]}
    if any(row.flaky for row in rows):
        counts["flaky"] = [str(sum(row.flaky for row in own.values())) for own in outcomes.values()]
    names = labels(outcomes)
    layout = lay_out_map(turns, list(names.values()), counts)
    groups = [turns[at : at + layout.turns_per_cell] for at in range(0, len(turns), layout.turns_per_cell)]
    cells = {
        names[model]: [cell_of([own.get(turn) for turn in group]) for group in groups]
        for model, own in outcomes.items()
    }
    legend = legend_of(cell for row in cells.values() for cell in row)
    slide.legend((cell.kind, cell.patches(LEGEND_BOX)) for cell in legend)
    if turns:
        _draw_counts(slide, layout, counts)
        _draw_bands(slide, layout, [group[0] for group in groups], cells)
    several = _SEVERAL.format(layout.turns_per_cell) if layout.turns_per_cell > 1 else ""
    flaky = _FLAKY + ("" if several else _SHARE) + _COUNTED.format(_POLICIES[analysis.options.repeat_policy])
    return slide.finish(_FAILED + several + (flaky if "flaky" in counts else ""))


def _failed(rows: Collection[Any]) -> str:
    outcomes = [row.outcome for row in rows]
    return f"{outcomes.count('failed')}/{len(outcomes) - outcomes.count('not_judged')}"


def _draw_counts(slide: Slide, layout: MapLayout, counts: Mapping[str, Sequence[str]]) -> None:
    """Write the counts of each model to the right of the first band."""
    x = layout.left + layout.cells_per_band * layout.pitch
    for wide, (header, values) in zip(layout.columns, counts.items(), strict=True):
        x += wide
        slide.text(x, slide.y + 0.2, header, style.NOTE, "right")
        for number, value in enumerate(values):
            y = slide.y + _HEAD + (number + 0.5) * layout.height + layout.text_style.size / 200
            slide.text(x, y, value, layout.text_style, "right")


def _draw_bands(
    slide: Slide, layout: MapLayout, numbers: Sequence[int], cells: Mapping[str, Sequence[MapCell]]
) -> None:
    """Draw the cells, band below band, with as many turn numbers as there is room for."""
    boxes: dict[FillStyle, list[Box]] = {fill: [] for fill in FILLS}
    gap = 0.06 if layout.turns_per_cell == 1 else 0
    for first in range(0, len(numbers), layout.cells_per_band):
        slide.y += _HEAD
        for name, row in cells.items():
            baseline = slide.y + layout.height / 2 + layout.text_style.size / 200
            slide.text(layout.names_end, baseline, name, layout.text_style, "right")
            for place, cell in enumerate(row[first : first + layout.cells_per_band]):
                x, wide = layout.left + (place + gap) * layout.pitch, (1 - 2 * gap) * layout.pitch
                for box, fill in cell.patches((x, slide.y + 0.06 * layout.height, wide, 0.88 * layout.height)):
                    boxes[fill].append(box)
            slide.y += layout.height
        slide.y += 0.22
        slide.text(layout.numbers_end, slide.y, "turn", style.NOTE, "right")
        for place, number in list(enumerate(numbers[first : first + layout.cells_per_band]))[:: layout.tick_step]:
            slide.text(layout.left + (place + 0.5) * layout.pitch, slide.y, str(number), style.NOTE, "center")
    for layer, fill in enumerate(FILLS):
        slide.boxes(joined(boxes[fill]), fill, fill.name, layer)
