"""Lay the report's blocks out for the page: by section, each with a name for links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.export.formats.page.model import Section
from pipeline.report.blocks import Heading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.report.blocks import Block, Inlines


def lay_out(blocks: Iterable[Block]) -> list[Section]:
    """Lay out the blocks; the first section has no title and holds what comes before any heading."""
    titles: list[Heading | None] = [None]
    parts: list[list[Block]] = [[]]
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:  # noqa: PLR2004 - a section's
            titles.append(block)
            parts.append([])
        else:
            parts[-1].append(block)
    return [_section(number, title, part) for number, (title, part) in enumerate(zip(titles, parts, strict=True))]


def _section(number: int, heading: Heading | None, blocks: list[Block]) -> Section:
    if heading is None:
        return Section("", "", "", tuple(blocks))
    title = _words(heading.content)
    return Section(title, f"s{number}-{_slug(title)}", heading.part, tuple(blocks))


def _words(content: Inlines) -> str:
    """Give the words of some inlines, without their setting."""
    return "".join(part if isinstance(part, str) else part.text for part in content)


def _slug(text: str) -> str:
    """Make a name for a link of some words."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))
