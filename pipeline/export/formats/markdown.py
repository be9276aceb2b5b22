"""The report as Markdown: every text escaped, tables by tabulate, the digest of it all as the last line."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, BinaryIO, Final, assert_never

import tabulate

from pipeline.export.formats.interface import Output
from pipeline.report.blocks import BulletList, Code, Datapoint, Heading, Paragraph, Quote, Rows, Strong, Table, Turn
from pipeline.report.text import name_line, one_line, visible, visible_name

if TYPE_CHECKING:
    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Block, Inline, Inlines, Report

# A character counts as one column, however wide it is shown, so that the bytes do not depend on an optional package.
tabulate.WIDE_CHARS_MODE = False

# Characters with a meaning inside a line in CommonMark, GitHub's tables, mathematics and links, and raw HTML. Each
# expression begins with the character that it looks for: one expression for all takes ten times as long.
# https://spec.commonmark.org/0.31.2/#backslash-escapes
_ACTIVE: Final = re.compile(r"[\\`*\[\]|~$@]")
_ACTIVE_WITH: Final = {
    "_": re.compile(r"_(?:(?<![^\W_]_)|(?![^\W_]))"),
    "://": re.compile(r":(?=//)"),
    ".": re.compile(r"\.(?<=[wW]{3}\.)"),
}
# Characters with a meaning at the start of a line: headings, lists, quotes, rules, setext lines.
_LINE_START: Final = re.compile(r"^([#>+=:-]|\d{1,9}(?=[.)]))")
# A heading may end with number signs, which are then not shown.
_CLOSING: Final = re.compile(r"#+\s*$")


def render(report: Report) -> bytes:
    """Return the report as UTF-8 Markdown, with the digest as its last line."""
    stamp = f"**Status: {escape(report.stamp)}**"
    parts = [f"# {escape(name_line(report.title))}", stamp, *(_block(block) for block in report)]
    text = ("\n\n".join(parts) + "\n\n").encode()
    return text + f"<!-- sha256:{hashlib.sha256(text).hexdigest()} -->\n".encode()


def escape(text: str) -> str:
    """Return one line of text escaped, so that any Markdown viewer shows it unchanged."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _ACTIVE.sub(r"\\\g<0>", plain)
    for sign, expression in _ACTIVE_WITH.items():
        if sign in escaped:
            escaped = expression.sub(r"\\\g<0>", escaped)
    return escaped


def escape_line(text: str) -> str:
    """Return a whole line escaped, including first characters that would make it a list, heading or quote."""
    escaped = escape(text.strip())
    return _LINE_START.sub(lambda m: f"{m[0]}\\" if m[0].isdigit() else f"\\{m[0]}", escaped)


def cell(content: Inline | Inlines) -> str:
    """Return a table cell as Markdown: one line, without a bar that would end the cell."""
    return (_inlines(content) if isinstance(content, tuple) else _inline(content)).strip()


def _block(block: Block) -> str:
    match block:
        case Heading(level, content):
            return f"{'#' * level} {_CLOSING.sub(_escaped_each, _inlines(content))}"
        case Paragraph(content):
            return _inlines(content)
        case BulletList(items):
            return "\n".join(f"- {_inlines(item)}" for item in items)
        case Table():
            return _table(block)
        case Datapoint():
            return _datapoint(block)
        case _:
            assert_never(block)


def _table(table: Table) -> str:
    """Render a table with its columns aligned; it may have no rows."""
    header, *rows = [[cell(content) for content in row] for row in (table.header, *table.rows)]
    align = ["right" if numeric else "left" for numeric in table.numeric]
    blank = [[""] * len(header)]  # tabulate aligns no column of a table without rows
    text = tabulate.tabulate(rows or blank, header, tablefmt="pipe", disable_numparse=True, colalign=align)
    return text if rows else "\n".join(text.split("\n")[:2])


def _datapoint(point: Datapoint) -> str:
    facts = "; ".join(_inlines(fact) for fact in point.facts)
    parts = [f"**Turn {point.turn}**, row {_inline(Code(point.row_id))}: {facts}"]
    return "\n\n".join([*parts, *(_quote(quote) for quote in point.quotes)])


def _quote(quote: Quote) -> str:
    note = f" (cut, {quote.whole} characters in the packet)" if quote.cut else ""
    lines = visible(quote.text).strip().split("\n") if quote.text.strip() else ["(empty)"]
    if quote.kind == "json":
        return f"> **{quote.label}**{note}: {_code(one_line(quote.text))}"
    body = [escape_line(line.replace("\t", " ")) for line in lines]
    return "\n".join([f"> **{quote.label}**{note}: {body[0]}  ", *(f"> {line}  " for line in body[1:])]).rstrip()


def _inlines(content: Inlines) -> str:
    return "".join(map(_inline, content))


def _inline(content: Inline) -> str:
    match content:
        case str():
            return escape(_on_one_line(content))
        case Code(text):
            return _code(name_line(text))
        case Strong(text) | Rows(text, strong=True):
            return f"**{escape(name_line(text))}**"
        case Rows(text) | Turn(text):
            return escape(_on_one_line(text))
        case _:
            assert_never(content)


def _escaped_each(signs: re.Match[str]) -> str:
    return "".join(f"\\{sign}" for sign in signs[0].rstrip())


def _on_one_line(text: str) -> str:
    """Collapse spaces, but keep those at both ends, which separate the text from its neighbours.

    A line break here belongs to a name: the sections bring texts onto one line.
    """
    return re.sub(r"\s+", " ", visible_name(text))


def _code(text: str) -> str:
    """Return text as a code span, or escaped where a bar or backtick in it would end the cell or the span."""
    if not text or re.search(r"[`|\\]", text):
        return escape(text)
    return f"`{text}`"


def _write(report: Report, _: Analysis, stream: BinaryIO) -> None:
    stream.write(render(report))


OUTPUTS: Final = (Output("{stem}.md", _write),)
