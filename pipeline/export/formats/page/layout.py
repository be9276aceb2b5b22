"""Divide the report's blocks into the sections of the page, each with an anchor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.export.formats.page.model import PageSection
from pipeline.report.blocks import Heading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.report.blocks import Block, Inlines


def lay_out(blocks: Iterable[Block]) -> list[PageSection]:
    """Return the sections; the first has no title and holds the blocks before any heading."""
    titles: list[Heading | None] = [None]
    parts: list[list[Block]] = [[]]
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:  # noqa: PLR2004 - a section's
            titles.append(block)
            parts.append([])
        else:
            parts[-1].append(block)
    return [_section(number, title, part) for number, (title, part) in enumerate(zip(titles, parts, strict=True))]


def _section(number: int, heading: Heading | None, blocks: list[Block]) -> PageSection:
    if heading is None:
        return PageSection("", "", "", tuple(blocks))
    title = _words(heading.content)
    return PageSection(title, f"s{number}-{_slug(title)}", heading.part, tuple(blocks))


def _words(content: Inlines) -> str:
    """Return the text of some inlines, without its markup."""
    return "".join(part if isinstance(part, str) else part.text for part in content)


def _slug(text: str) -> str:
    """Return an anchor made from a text: lower-case letters and digits, joined by hyphens."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))
