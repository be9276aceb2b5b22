"""A slide to draw on, in inches from its top left corner: title, boxes and text, notes, the review's stamp."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextToPath

from pipeline.export.charts import style
from pipeline.export.charts.names import short
from pipeline.report.sections.interface import rate
from pipeline.report.text import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.text import Text

    from pipeline.analysis import Analysis
    from pipeline.export.charts.style import FillStyle, TextStyle

WIDTH, MARGIN = 13.333, 0.5
CONTENT_WIDTH: Final = WIDTH - 2 * MARGIN
_SMALLEST: Final = 0.6

Box = tuple[float, float, float, float]
"""Left, top, width and height in inches."""
LEGEND_BOX: Final[Box] = (0, 0, 0.3, 0.27)


class Slide:
    """A figure as wide as a slide, with its title; `finish` sets its height to that of its content."""

    def __init__(self, analysis: Analysis, benchmark: str, what: str) -> None:
        counts = analysis.model_counts
        self.counts: list[Any] = list(counts[counts["benchmark_name"].eq(benchmark)].itertuples())
        """The rows of `model_counts` of the benchmark."""
        self._analysis = analysis
        by = analysis.options.compare_by
        failed, judged = sum(row.failed_rows for row in self.counts), sum(row.rows_judged for row in self.counts)
        runs = sum(row.runs for row in self.counts)
        self.title = f"{what} by {by}: {short(benchmark)}"
        compared = [] if by == "run" else [words("model", len(self.counts))]
        about = [short(benchmark, 40), *compared, words("run", runs), f"failed rows {rate(failed, judged)}"]
        self.figure = Figure(facecolor=style.PAPER)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self.text(MARGIN, 0.62, f"{what} by {by}", style.TITLE)
        self.text(MARGIN, 1.02, "  ·  ".join(about), style.SUBTITLE)
        self.y = 1.3
        """Where the next content begins."""

    def text(
        self,
        x: float,
        y: float,
        text: str,
        font: TextStyle = style.LABEL,
        align: Literal["left", "center", "right"] = "left",
    ) -> Text:
        """Write a text with its baseline at `y`."""
        return self._axes.text(x, y, text, fontproperties=_font(font), color=font.colour, ha=align, va="baseline")

    def boxes(self, boxes: Sequence[Box], fill: FillStyle, name: str | None = None, layer: float = 1) -> None:
        """Draw boxes of one fill as one patch, whose id in an SVG is `name`; higher layers cover lower ones."""
        if not boxes:
            return
        left, top, wide, high = np.array(boxes).T
        corners = np.array([(left, top), (left + wide, top), (left + wide, top + high), (left, top + high)])
        patch = PathPatch(Path.make_compound_path_from_polys(corners.transpose(2, 0, 1)), zorder=layer, gid=name)
        patch.set(facecolor=fill.colour, linewidth=0)
        if fill.hatched:
            patch.set(facecolor=style.PAPER, edgecolor=fill.colour, linewidth=1.4, hatch="///")
        self._axes.add_patch(patch)

    def legend(self, entries: Iterable[tuple[str, Sequence[tuple[Box, FillStyle]]]]) -> None:
        """Draw a legend in one row: for each entry its label, and its filled boxes, relative to `LEGEND_BOX`."""
        x = MARGIN
        for label, patches in entries:
            for (left, top, wide, high), fill in patches:
                self.boxes([(x + left, self.y + top, wide, high)], fill)
            self.text(x + LEGEND_BOX[2] + 0.12, self.y + 0.2, label)
            x += LEGEND_BOX[2] + 0.5 + text_width(label, style.LABEL)
        self.y += 0.5

    def finish(self, *notes: str) -> Slide:
        """Write the notes, the stamp of the review and the name of the analysis, and set the height."""
        early = sum(row.early_failed_rows for row in self.counts)
        what = f"Of the failed rows, {early} were filled in after a session had ended: consequences, not new mistakes."
        self.y += 0.1
        for note in (*notes, what if early else ""):
            for line in wrapped(note, CONTENT_WIDTH, style.NOTE):
                self.y += style.NOTE.line_height
                self.text(MARGIN, self.y, line, style.NOTE)
        self.y += 0.45
        font = replace(style.STAMP, colour=style.STAMPS[self._analysis.status])
        frame = {"boxstyle": "round,pad=0.45", "facecolor": style.PAPER, "edgecolor": font.colour}
        stamp = self._analysis.stamp + (" in all benchmarks" if len(self._analysis.benchmarks) > 1 else "")
        self.text(MARGIN + 0.1, self.y, stamp, font).set_bbox(frame)
        self.text(WIDTH - MARGIN, self.y, short(self._analysis.name, 40), style.NOTE, "right")
        self._axes.set(xlim=(0, WIDTH), ylim=(self.y + 0.4, 0))
        self.figure.set_size_inches(WIDTH, self.y + 0.4)
        return self


def text_width(text: str, font: TextStyle) -> float:
    """Return the width of a text in inches."""
    wide, _, _ = TextToPath().get_text_width_height_descent(text, _font(font), ismath=False)
    return float(wide) / 72


def max_width(texts: Iterable[str], font: TextStyle) -> float:
    """Return the width of the widest text in inches; 0 if there is none."""
    return max((text_width(text, font) for text in texts), default=0.0)


def shrunk_to_fit(font: TextStyle, texts: Iterable[str], room: float) -> TextStyle:
    """Return a style with a font size at which the texts fit into the room, but not below 60% of its size."""
    part = room / max(max_width(texts, font), room)
    return replace(font, size=font.size * max(part, _SMALLEST))


def wrapped(text: str, room: float, font: TextStyle) -> list[str]:
    """Return the lines of a text that is broken after spaces, hyphens and underscores; no line for an empty text."""
    lines: list[str] = []
    for piece in re.findall(r"[^ _-]*[ _-]|[^ _-]+", text):
        if lines and text_width((lines[-1] + piece).rstrip(), font) <= room:
            lines[-1] += piece
        else:
            lines.append(piece)
    return [line.rstrip() for line in lines]


@cache
def _font(font: TextStyle) -> FontProperties:
    return FontProperties(family=[*style.FONTS, "sans-serif"], size=font.size, weight="bold" if font.bold else "normal")
