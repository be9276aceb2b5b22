"""Bars in a grid of rows and columns, all from zero and on one scale, each with its count behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pipeline.export.charts import look
from pipeline.export.charts.sheet import MARGIN, ROOM, fitted, folded, widest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.export.charts.look import Fill
    from pipeline.export.charts.sheet import Box, Sheet

_GAP: Final = 0.2
_PITCHES: Final = ((5, 0.62), (8, 0.46), (14, 0.38))
_CLOSE: Final = 0.28
_SPACIOUS: Final = 2.0
_SHORTEST: Final = 0.2


class Bar(NamedTuple):
    """A bar in parts, from zero on, with what is written behind it and maybe the interval of what it estimates."""

    parts: Sequence[tuple[float, Fill]]
    words: str
    interval: tuple[float, float] = (0, 0)

    @property
    def end(self) -> float:
        """Where the bar and its interval end."""
        return max(sum(size for size, _ in self.parts), self.interval[1])


def draw_bars(sheet: Sheet, rows: Sequence[str], columns: Sequence[str], bars: Sequence[Sequence[Bar]]) -> None:
    """Draw a bar for each row and column; a column without a name has no head."""
    pitch = next((high for most, high in _PITCHES if len(rows) <= most), _CLOSE)
    label = look.CLOSE if pitch == _CLOSE else look.LABEL
    left = MARGIN + widest(rows, label) + 0.15
    step = (MARGIN + ROOM - left + _GAP) / len(columns)
    value = (label if step > _SPACIOUS else look.CLOSE)._replace(bold=True)
    _draw_heads(sheet, columns, left, step)
    written = widest((bar.words for row in bars for bar in row), value)
    most = max(bar.end for row in bars for bar in row)
    scale = max(step - _GAP - written - 0.1, _SHORTEST) / (most or 1)
    marks: dict[Fill, list[Box]] = {}
    over: dict[Fill, list[Box]] = {look.ZERO: [], look.HALO: [], look.INTERVAL: []}
    for name, row in zip(rows, bars, strict=True):
        middle = sheet.y + pitch / 2
        sheet.text(left - 0.15, middle + label.size / 200, name, label, "right")
        for column, bar in enumerate(row):
            zero = x = left + column * step
            over[look.ZERO].append((x - 0.01, sheet.y, 0.02, pitch))
            for size, fill in bar.parts:
                marks.setdefault(fill, []).append((x, middle - 0.36 * pitch, size * scale, 0.72 * pitch))
                x += size * scale
            for line in _whisker(zero + bar.interval[0] * scale, zero + bar.interval[1] * scale, middle):
                over[look.INTERVAL].append(line)
                over[look.HALO].append((line[0] - 0.015, line[1] - 0.015, line[2] + 0.03, line[3] + 0.03))
            kind = value if x > zero else look.NOTE._replace(size=value.size)
            sheet.text(zero + bar.end * scale + 0.08, middle + label.size / 200, bar.words, kind)
        sheet.y += pitch
    for layer, (fill, boxes) in enumerate((marks | over).items()):
        sheet.boxes(boxes, fill, fill.name, layer)


def _draw_heads(sheet: Sheet, columns: Sequence[str], left: float, step: float) -> None:
    """Write the heads of the columns, each on as many lines as it needs, all ending on the same one."""
    kind = look.STAMP if step > _SPACIOUS else look.CLOSE._replace(bold=True)
    heads = [folded(name, step - _GAP, kind) for name in columns]
    kind = fitted(kind, (line for head in heads for line in head), step - _GAP)
    sheet.y += max(map(len, heads)) * kind.line
    for number, head in enumerate(heads):
        for place, line in enumerate(reversed(head)):
            sheet.text(left + number * step, sheet.y - place * kind.line, line, kind)
    sheet.y += 0.14


def _whisker(low: float, high: float, middle: float) -> list[Box]:
    """Draw an interval as a line with ends; nothing where there is none."""
    ends = [(end - 0.011, middle - 0.09, 0.022, 0.18) for end in (low, high)]
    return [(low, middle - 0.011, high - low, 0.022), *ends] if high > low else []
