"""What the page shows, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.report.blocks import Block, Datapoint, Heading, Inline, Rows


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the report: its title in words, a name for links, its part of the page, and its blocks."""

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
        """The headings of the parts, each with its place among the blocks."""
        places = enumerate(self.blocks)
        return [(at, block) for at, block in places if isinstance(block, Heading) and block.level == 3]  # noqa: PLR2004 - a part's

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
class Bar:
    """A count as a bar: the number, how long in percent, and whether its rows are reviewed or provisional."""

    number: Rows
    percent: str
    kind: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket as a row of bars, those of each model in turn."""

    name: str
    parent: str
    cells: tuple[tuple[Bar, ...], ...]


@dataclass(frozen=True, slots=True)
class Causes:
    """The bars of one benchmark: its models, each with its failure rate, and its buckets, largest first."""

    benchmark: str
    models: tuple[Figure, ...]
    buckets: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The heat map of one benchmark: per model a letter for each turn that is shown."""

    benchmark: str
    models: tuple[str, ...]
    turns: tuple[int, ...]
    codes: tuple[str, ...]
    left_out: int
    """How many turns are not shown."""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page shows but the rows that are embedded in it."""

    title: str
    stamp: str
    status: str
    unit: str
    """What is compared: `model` or `run`."""
    figures: tuple[Figure, ...]
    warnings: int
    """How many notes of the checks are more than an information."""
    maps: tuple[HeatMap, ...]
    causes: tuple[Causes, ...]
    before: Section
    """What the report says before any heading."""
    sections: tuple[Section, ...]

    @property
    def outcomes(self) -> frozenset[str]:
        """The letters that occur in the heat maps."""
        return frozenset().union(*(codes for each in self.maps for codes in each.codes))

    def of_part(self, part: str) -> list[Section]:
        """Give the sections of a part of the page."""
        return [section for section in self.sections if section.part == part]
