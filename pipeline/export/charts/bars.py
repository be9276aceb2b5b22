"""Draw bars in a grid of rows and columns, all from zero and on one scale, each followed by its count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pipeline.export.charts import style
from pipeline.export.charts.slide import CONTENT_WIDTH, MARGIN, max_width, shrunk_to_fit, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.export.charts.slide import Box, Slide
    from pipeline.export.charts.style import FillStyle

_GAP: Final = 0.2
_PITCHES: Final = ((5, 0.62), (8, 0.46), (14, 0.38))
_SMALL_PITCH: Final = 0.28
_SPACIOUS: Final = 2.0
_SHORTEST: Final = 0.2


@dataclass(frozen=True)
class BarSpec:
    """A stacked bar: its parts from zero on, the label behind it, and the confidence interval of its length, if any."""

    parts: Sequence[tuple[float, FillStyle]]
    label: str
    interval: tuple[float, float] = (0, 0)

    @property
    def end(self) -> float:
        """The value at which the bar and its interval end."""
        return max(sum(size for size, _ in self.parts), self.interval[1])


def draw_bars(slide: Slide, rows: Sequence[str], columns: Sequence[str], bars: Sequence[Sequence[BarSpec]]) -> None:
    """Draw a bar for each row and column; a column without a name has no header."""
    pitch = next((high for most, high in _PITCHES if len(rows) <= most), _SMALL_PITCH)
    label = style.SMALL_LABEL if pitch == _SMALL_PITCH else style.LABEL
    left = MARGIN + max_width(rows, label) + 0.15
    step = (MARGIN + CONTENT_WIDTH - left + _GAP) / len(columns)
    value = replace(label if step > _SPACIOUS else style.SMALL_LABEL, bold=True)
    _draw_headers(slide, columns, left, step)
    written = max_width((bar.label for row in bars for bar in row), value)
    most = max(bar.end for row in bars for bar in row)
    scale = max(step - _GAP - written - 0.1, _SHORTEST) / (most or 1)
    marks: dict[FillStyle, list[Box]] = {}
    over: dict[FillStyle, list[Box]] = {style.ZERO: [], style.HALO: [], style.INTERVAL: []}
    for name, row in zip(rows, bars, strict=True):
        middle = slide.y + pitch / 2
        slide.text(left - 0.15, middle + label.size / 200, name, label, "right")
        for column, bar in enumerate(row):
            zero = x = left + column * step
            over[style.ZERO].append((x - 0.01, slide.y, 0.02, pitch))
            for size, fill in bar.parts:
                marks.setdefault(fill, []).append((x, middle - 0.36 * pitch, size * scale, 0.72 * pitch))
                x += size * scale
            for line in _whisker(zero + bar.interval[0] * scale, zero + bar.interval[1] * scale, middle):
                over[style.INTERVAL].append(line)
                over[style.HALO].append((line[0] - 0.015, line[1] - 0.015, line[2] + 0.03, line[3] + 0.03))
            font = value if x > zero else replace(style.NOTE, size=value.size)
            slide.text(zero + bar.end * scale + 0.08, middle + label.size / 200, bar.label, font)
        slide.y += pitch
    for layer, (fill, boxes) in enumerate((marks | over).items()):
        slide.boxes(boxes, fill, fill.name, layer)


def _draw_headers(slide: Slide, columns: Sequence[str], left: float, step: float) -> None:
    """Write the column headers, each on as many lines as it needs, aligned at the last line."""
    font = style.STAMP if step > _SPACIOUS else replace(style.SMALL_LABEL, bold=True)
    headers = [wrapped(name, step - _GAP, font) for name in columns]
    font = shrunk_to_fit(font, (line for header in headers for line in header), step - _GAP)
    slide.y += max(map(len, headers)) * font.line_height
    for number, header in enumerate(headers):
        for place, line in enumerate(reversed(header)):
            slide.text(left + number * step, slide.y - place * font.line_height, line, font)
    slide.y += 0.14


def _whisker(low: float, high: float, middle: float) -> list[Box]:
    """Return the boxes of an interval, a line with end caps; none where there is no interval."""
    ends = [(end - 0.011, middle - 0.09, 0.022, 0.18) for end in (low, high)]
    return [(low, middle - 0.011, high - low, 0.022), *ends] if high > low else []
