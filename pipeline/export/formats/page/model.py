"""The content of the page as plain data, before it is rendered."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.report.blocks import Block, Datapoint, Heading, Inline, Rows


@dataclass(frozen=True, slots=True)
class PageSection:
    """A section of the report: its title in words, its anchor, its part of the page, and its blocks."""

    title: str
    anchor: str
    part: str
    blocks: tuple[Block, ...]

    @property
    def points(self) -> list[Datapoint]:
        """The datapoints, in order."""
        return [block for block in self.blocks if isinstance(block, Datapoint)]

    @property
    def inner(self) -> list[tuple[int, Heading]]:
        """The headings of the subsections, each with its position among the blocks."""
        places = enumerate(self.blocks)
        return [(at, block) for at, block in places if isinstance(block, Heading) and block.level == 3]  # noqa: PLR2004 - a subsection's

    @property
    def short_title(self) -> str:
        """The title for a table of contents, without what its table is broken down by."""
        return self.title.partition(" by ")[0]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and what it counts."""

    number: Inline
    label: str


@dataclass(frozen=True, slots=True)
class CauseBar:
    """A count as a bar: the number, the length in percent, and whether its rows are `reviewed` or `provisional`."""

    number: Rows
    percent: str
    kind: str


@dataclass(frozen=True, slots=True)
class CauseRow:
    """A bucket as a row of the table of causes: a cell for each model, with its bars."""

    bucket: str
    parent: str
    """The bucket that this one counts for; empty if it counts for itself."""
    cells: tuple[tuple[CauseBar, ...], ...]


@dataclass(frozen=True, slots=True)
class CauseChart:
    """The table of causes of one benchmark: its models, each with its failure rate, and its buckets, largest first."""

    benchmark: str
    models: tuple[Figure, ...]
    rows: tuple[CauseRow, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The heat map of one benchmark: a row per model, a column per shown turn."""

    benchmark: str
    models: tuple[str, ...]
    turns: tuple[int, ...]
    codes: tuple[str, ...]
    """For each model a letter for each turn, as in the column `code` of the cells."""
    left_out: int
    """How many turns are not shown."""


@dataclass(frozen=True, slots=True)
class Page:
    """The content of the page, without the rows that are embedded for its script."""

    title: str
    stamp: str
    status: str
    unit: str
    """What is compared: `model` or `run`."""
    figures: tuple[Figure, ...]
    warnings: int
    """How many notes of the checks are warnings or errors."""
    maps: tuple[HeatMap, ...]
    causes: tuple[CauseChart, ...]
    before: PageSection
    """The blocks before any heading."""
    sections: tuple[PageSection, ...]

    @property
    def outcomes(self) -> frozenset[str]:
        """The letters that occur in the heat maps."""
        return frozenset().union(*(codes for each in self.maps for codes in each.codes))

    def of_part(self, part: str) -> list[PageSection]:
        """Return the sections of a part of the page."""
        return [section for section in self.sections if section.part == part]
