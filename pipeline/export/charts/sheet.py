"""A slide to draw on, in inches from its top left corner: what it is about, marks and words, the review's stamp."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextToPath

from pipeline import schema as c
from pipeline.export.charts import look
from pipeline.export.charts.names import short
from pipeline.report.sections.interface import rate
from pipeline.report.text import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.text import Text

    from pipeline.analysis import Analysis
    from pipeline.export.charts.look import Fill, Type

WIDTH, MARGIN = 13.333, 0.5
ROOM: Final = WIDTH - 2 * MARGIN
_SMALLEST: Final = 0.6

Box = tuple[float, float, float, float]
"""Left, top, width and height in inches."""
KEY: Final[Box] = (0, 0, 0.3, 0.27)


class Sheet:
    """A figure as wide as a slide, with its title; as high as what is put on it, once `finish` is called."""

    def __init__(self, analysis: Analysis, benchmark: str, what: str) -> None:
        self.counts = analysis.records("model_counts", benchmark)
        self._analysis = analysis
        by, totals = analysis.options.compare_by, [c.FAILED_ROWS, c.ROWS_JUDGED, c.RUNS]
        failed, judged, runs = (sum(row[name] for row in self.counts) for name in totals)
        self.title = f"{what} by {by}: {short(benchmark)}"
        compared = [] if by == "run" else [words("model", len(self.counts))]
        about = [short(benchmark, 40), *compared, words("run", runs), f"failed rows {rate(failed, judged)}"]
        self.figure = Figure(facecolor=look.PAPER)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self.text(MARGIN, 0.62, f"{what} by {by}", look.TITLE)
        self.text(MARGIN, 1.02, "  ·  ".join(about), look.SUBTITLE)
        self.y = 1.3
        """Where what comes next begins."""

    def text(
        self, x: float, y: float, said: str, kind: Type = look.LABEL, align: Literal["left", "center", "right"] = "left"
    ) -> Text:
        """Write words, `y` at the line that they stand on."""
        return self._axes.text(x, y, said, fontproperties=_font(kind), color=kind.colour, ha=align, va="baseline")

    def boxes(self, boxes: Sequence[Box], fill: Fill, name: str | None = None, layer: float = 1) -> None:
        """Draw boxes that are filled alike as one mark, named in an SVG; higher layers lie above lower ones."""
        if not boxes:
            return
        left, top, wide, high = np.array(boxes).T
        corners = np.array([(left, top), (left + wide, top), (left + wide, top + high), (left, top + high)])
        mark = PathPatch(Path.make_compound_path_from_polys(corners.transpose(2, 0, 1)), zorder=layer, gid=name)
        mark.set(facecolor=fill.colour, linewidth=0)
        if fill.hatched:
            mark.set(facecolor=look.PAPER, edgecolor=fill.colour, linewidth=1.4, hatch="///")
        self._axes.add_patch(mark)

    def key(self, entries: Iterable[tuple[str, Sequence[tuple[Box, Fill]]]]) -> None:
        """Explain marks in a row: the words for each, and what is drawn for it in a box of `KEY`."""
        x = MARGIN
        for said, marks in entries:
            for (left, top, wide, high), fill in marks:
                self.boxes([(x + left, self.y + top, wide, high)], fill)
            self.text(x + KEY[2] + 0.12, self.y + 0.2, said)
            x += KEY[2] + 0.5 + width_of(said, look.LABEL)
        self.y += 0.5

    def finish(self, *notes: str) -> Sheet:
        """Write the notes, the stamp of the review and the name of the analysis; settle the height."""
        early = sum(row[c.EARLY_FAILED_ROWS] for row in self.counts)
        what = f"Of the failed rows, {early} were filled in after a session had ended: consequences, not new mistakes."
        self.y += 0.1
        for line in (line for note in (*notes, what if early else "") for line in folded(note, ROOM, look.NOTE)):
            self.y += look.NOTE.line
            self.text(MARGIN, self.y, line, look.NOTE)
        self.y += 0.45
        kind = look.STAMP._replace(colour=look.STAMPS[self._analysis.status])
        frame = {"boxstyle": "round,pad=0.45", "facecolor": look.PAPER, "edgecolor": kind.colour}
        stamp = self._analysis.review.stamp + (" in all benchmarks" if len(self._analysis.benchmarks) > 1 else "")
        self.text(MARGIN + 0.1, self.y, stamp, kind).set_bbox(frame)
        self.text(WIDTH - MARGIN, self.y, short(self._analysis.name, 40), look.NOTE, "right")
        self._axes.set(xlim=(0, WIDTH), ylim=(self.y + 0.4, 0))
        self.figure.set_size_inches(WIDTH, self.y + 0.4)
        return self


def width_of(said: str, kind: Type) -> float:
    """Measure words, in inches."""
    wide, _, _ = TextToPath().get_text_width_height_descent(said, _font(kind), ismath=False)
    return float(wide) / 72


def widest(said: Iterable[str], kind: Type) -> float:
    """Measure the widest of some words, in inches."""
    return max((width_of(text, kind) for text in said), default=0.0)


def fitted(kind: Type, said: Iterable[str], room: float) -> Type:
    """Make a type smaller, down to a limit, where words would be wider than the room."""
    part = room / max(widest(said, kind), room)
    return kind._replace(size=kind.size * max(part, _SMALLEST))


def folded(said: str, room: float, kind: Type) -> list[str]:
    """Break words into lines behind spaces, hyphens and underscores, as far as there are any; none for no words."""
    lines: list[str] = []
    for piece in re.findall(r"[^ _-]*[ _-]|[^ _-]+", said):
        if lines and width_of((lines[-1] + piece).rstrip(), kind) <= room:
            lines[-1] += piece
        else:
            lines.append(piece)
    return [line.rstrip() for line in lines]


@cache
def _font(kind: Type) -> FontProperties:
    return FontProperties(family=[*look.FONTS, "sans-serif"], size=kind.size, weight="bold" if kind.bold else "normal")
