"""What the charts look like: the review page's colours on white, sizes of type, how marks are filled."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

INK: Final = "#1f2328"
SOFT: Final = "#57606a"
PAPER: Final = "#ffffff"
STAMPS: Final = {"provisional": "#7a4b00", "in_review": "#0b5cad", "final": "#1a6b34"}


class Type(NamedTuple):
    """How words are set: the size in points on a slide 13.33 inches wide, the colour, the weight."""

    size: float
    colour: str = INK
    bold: bool = False

    @property
    def line(self) -> float:
        """How far apart lines are, in inches."""
        return self.size * 1.35 / 72


TITLE: Final = Type(26, bold=True)
SUBTITLE: Final = Type(15, SOFT)
LABEL: Final = Type(14)
CLOSE: Final = Type(11.5)
NOTE: Final = Type(12, SOFT)
STAMP: Final = Type(13, bold=True)


class Fill(NamedTuple):
    """How marks are filled, and their name in an SVG; hatched ones are told from plain ones without colour."""

    name: str
    colour: str
    hatched: bool = False


FAILED: Final = Fill("failed", "#a8231c")
FLAKY: Final = Fill("flaky", "#d9822b")
COUNTED: Final = Fill("flaky-counts-as-failed", FAILED.colour)
PASSED: Final = Fill("passed", "#dfe7ee")
NOT_JUDGED: Final = Fill("not-judged", SOFT)
REVIEWED: Final = Fill("reviewed", "#0b5cad")
PROVISIONAL: Final = Fill("provisional", "#0b5cad", hatched=True)
ZERO: Final = Fill("zero", SOFT)
HALO: Final = Fill("halo", PAPER)
INTERVAL: Final = Fill("interval", INK)

# The font that comes with matplotlib; then one as wide, and fonts for letters that it lacks, where there are any.
FONTS: Final = ["DejaVu Sans", "Verdana", "Noto Sans CJK SC", "PingFang SC", "Hiragino Sans", "Arial Unicode MS"]
STYLE: Final[dict[Any, object]] = {
    "font.sans-serif": ["DejaVu Sans"],
    "text.hinting": "none",  # words are as wide as they were measured
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "svg.fonttype": "none",  # text stays text: searchable, and editable on the slide
    "svg.hashsalt": "error-analysis",
    "hatch.linewidth": 1.4,
}
"""Settings of matplotlib, over its own defaults and never over the user's."""
