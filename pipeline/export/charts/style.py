"""The style of the charts: the page's colours on white, font sizes, fills, settings of matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

INK: Final = "#1f2328"
SOFT: Final = "#57606a"
PAPER: Final = "#ffffff"
STAMPS: Final = {"provisional": "#7a4b00", "in_review": "#0b5cad", "final": "#1a6b34"}


@dataclass(frozen=True)
class TextStyle:
    """The font size in points on a slide 13.33 inches wide, the colour, and the weight of a text."""

    size: float
    colour: str = INK
    bold: bool = False

    @property
    def line_height(self) -> float:
        """The distance between lines, in inches."""
        return self.size * 1.35 / 72


TITLE: Final = TextStyle(26, bold=True)
SUBTITLE: Final = TextStyle(15, SOFT)
LABEL: Final = TextStyle(14)
SMALL_LABEL: Final = TextStyle(11.5)
NOTE: Final = TextStyle(12, SOFT)
STAMP: Final = TextStyle(13, bold=True)


@dataclass(frozen=True)
class FillStyle:
    """How boxes are filled, and their id in an SVG; a hatch tells fills apart without colour."""

    name: str
    colour: str
    hatched: bool = False


FAILED: Final = FillStyle("failed", "#a8231c")
FLAKY: Final = FillStyle("flaky", "#d9822b")
COUNTED: Final = FillStyle("flaky-counts-as-failed", FAILED.colour)
PASSED: Final = FillStyle("passed", "#dfe7ee")
NOT_JUDGED: Final = FillStyle("not-judged", SOFT)
REVIEWED: Final = FillStyle("reviewed", "#0b5cad")
PROVISIONAL: Final = FillStyle("provisional", "#0b5cad", hatched=True)
ZERO: Final = FillStyle("zero", SOFT)
HALO: Final = FillStyle("halo", PAPER)
INTERVAL: Final = FillStyle("interval", INK)

# The font that comes with matplotlib; then one as wide, and fonts for letters that it lacks, if installed.
FONTS: Final = ["DejaVu Sans", "Verdana", "Noto Sans CJK SC", "PingFang SC", "Hiragino Sans", "Arial Unicode MS"]
RC_PARAMS: Final[dict[Any, object]] = {
    "font.sans-serif": ["DejaVu Sans"],
    "text.hinting": "none",  # text is drawn as wide as it was measured
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "svg.fonttype": "none",  # text stays text: searchable, and editable on the slide
    "svg.hashsalt": "error-analysis",
    "hatch.linewidth": 1.4,
}
"""Settings of matplotlib, applied over its defaults while a chart is drawn; the user's settings do not count."""
