"""The report before it is rendered: content as blocks, for any renderer.

The records are msgspec's: a dozen dataclasses take longer to make than a small report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Code(Struct, frozen=True):
    """A name from the data or a file, set as code."""

    text: str


class Strong(Struct, frozen=True):
    """Words that matter."""

    text: str


Inline = str | Code | Strong
Inlines = tuple[Inline, ...]


class Heading(Struct, frozen=True):
    """A section's title; level 2 is a section, 3 and 4 lie inside."""

    level: Literal[2, 3, 4]
    content: Inlines


class Paragraph(Struct, frozen=True):
    """Some sentences."""

    content: Inlines


class BulletList(Struct, frozen=True):
    """Points, each a few words or sentences."""

    items: tuple[Inlines, ...]


class Table(Struct, frozen=True):
    """A table; `numeric` tells which columns hold figures and are set to the right."""

    header: tuple[str, ...]
    rows: tuple[Inlines, ...]
    numeric: tuple[bool, ...]


class Quote(Struct, frozen=True):
    """What somebody wrote, verbatim but for its length; `whole` is its full length in characters."""

    label: str
    text: str
    whole: int
    kind: Literal["text", "json"] = "text"

    @property
    def cut(self) -> bool:
        """Whether the text was shortened."""
        return self.whole > len(self.text)


class Datapoint(Struct, frozen=True):
    """One failed row as evidence: where it is, what was marked, and what was said."""

    row_id: str
    turn: int
    facts: tuple[Inlines, ...]
    quotes: tuple[Quote, ...]


Block = Heading | Paragraph | BulletList | Table | Datapoint


class Report(Struct, frozen=True):
    """The report before it is rendered: its title, its stamp, and its blocks in reading order."""

    title: str
    stamp: str
    blocks: Iterable[Block]
    """May be made anew each time that they are iterated over."""

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)
