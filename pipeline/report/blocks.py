"""The content of a report as blocks, independent of how it is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Code:
    """A name from the data or a file, set as code."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Emphasised text."""

    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Text that stands for rows, mostly their number, and which rows these are.

    A row has to match one value of each name in `where`. The names: `benchmark`, `model` (what is compared: a
    model or a run), `bucket` (after a `+`, the finer buckets that count for it too), `mode` and `confidence`
    (`firm` or `tentative`), `dimension` (a failed one), `root` and `secondary` (a failed one that a reviewer
    called so), `turn`, `state`, `attribution`, `kind` (of response), `early` (`yes` or `no`), and `outcome`;
    without `outcome` only failed rows match.
    """

    text: str
    where: tuple[tuple[str, str], ...]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """Text that stands for a turn of a benchmark, mostly its number."""

    text: str
    benchmark: str
    turn: int


Inline = str | Code | Strong | Rows | Turn
Inlines = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's title; level 2 is a section, 3 and 4 lie inside."""

    level: Literal[2, 3, 4]
    content: Inlines
    part: Literal["found", "drawn", "background"] = "found"
    """For a renderer with charts: whether a chart already shows the section's table, or the section is background."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences."""

    content: Inlines


@dataclass(frozen=True, slots=True)
class BulletList:
    """A list, each item a few words or sentences."""

    items: tuple[Inlines, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `numeric` marks the columns of numbers, which are right-aligned. A cell is one line."""

    header: tuple[str, ...]
    rows: tuple[tuple[Inline | Inlines, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """A text from the data, verbatim but perhaps shortened; `whole` is its full length in characters."""

    label: str
    text: str
    whole: int
    kind: Literal["text", "json"] = "text"

    @property
    def cut(self) -> bool:
        """Whether the text was shortened."""
        return self.whole > len(self.text)


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One failed row as evidence: its place, the facts about it, and its texts."""

    row_id: str
    benchmark: str
    model: str
    """What is compared: the model, or the run."""
    turn: int
    facts: tuple[Inlines, ...]
    quotes: tuple[Quote, ...]


Block = Heading | Paragraph | BulletList | Table | Datapoint


@dataclass(frozen=True, slots=True)
class Report:
    """The report before it is rendered: its title, its stamp, and its blocks in reading order."""

    title: str
    stamp: str
    blocks: tuple[Block, ...]

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)
