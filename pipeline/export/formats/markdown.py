"""The report as Markdown: every text escaped, every table intact, and the digest of it all as the last line."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, BinaryIO, Final, assert_never

from pipeline.export.formats.interface import Output
from pipeline.report.blocks import BulletList, Code, Datapoint, Heading, Paragraph, Quote, Rows, Strong, Table, Turn
from pipeline.report.text import one_line, visible

if TYPE_CHECKING:
    from pipeline.analysis import Analysis
    from pipeline.report.blocks import Block, Inline, Inlines, Report

# What CommonMark, GitHub's tables, mathematics and links, and raw HTML give a meaning inside a line. Each expression
# begins with what it looks for, and some texts need only one: all in one take ten times as long.
# https://spec.commonmark.org/0.31.2/#backslash-escapes
_ACTIVE: Final = re.compile(r"[\\`*\[\]|~$@]")
_ACTIVE_WITH: Final = {
    "_": re.compile(r"_(?:(?<![^\W_]_)|(?![^\W_]))"),
    "://": re.compile(r":(?=//)"),
    ".": re.compile(r"\.(?<=[wW]{3}\.)"),
}
# What gives a meaning to a line by standing at its start: headings, lists, quotes, rules, setext lines.
_LINE_START: Final = re.compile(r"^([#>+=:-]|\d{1,9}(?=[.)]))")
# A heading may close with number signs, which then are not shown.
_CLOSING: Final = re.compile(r"#+\s*$")
_PADDING: Final = 2
"""A column is at least so much wider than its name."""
_DIGEST: Final = re.compile(rb"<!-- sha256:([0-9a-f]{64}) -->\n?\Z")


def render(report: Report) -> bytes:
    """Render a report, digest line included."""
    stamp = f"**Status: {escape(report.stamp)}**"
    parts = [f"# {escape(one_line(report.title))}", stamp, *(_block(block) for block in report)]
    text = ("\n\n".join(parts) + "\n\n").encode()
    return text + f"<!-- sha256:{hashlib.sha256(text).hexdigest()} -->\n".encode()


def is_unedited(report: bytes) -> bool:
    """Tell whether a report is as it was generated: its last line is the digest of the text above."""
    match = _DIGEST.search(report)
    return match is not None and hashlib.sha256(report[: match.start()]).hexdigest() == match[1].decode()


def escape(text: str) -> str:
    """Escape one line of text, so that any Markdown viewer shows it as it stands."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _ACTIVE.sub(r"\\\g<0>", plain)
    for sign, expression in _ACTIVE_WITH.items():
        if sign in escaped:
            escaped = expression.sub(r"\\\g<0>", escaped)
    return escaped


def escape_line(text: str) -> str:
    """Escape one line that stands by itself, where its first characters could make it something else."""
    escaped = escape(text.strip())
    return _LINE_START.sub(lambda m: f"{m[0]}\\" if m[0].isdigit() else f"\\{m[0]}", escaped)


def cell(content: Inline | Inlines) -> str:
    """Render a table cell: one line, with no bar that could end it."""
    return (_inlines(content) if isinstance(content, tuple) else _inline(content)) or " "


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
    """Set a table with its columns aligned; a character counts for one, however wide it is shown."""
    header, *rows = [[cell(content).strip() for content in row] for row in (table.header, *table.rows)]
    widths = [max([len(name) + _PADDING, *map(len, column)]) for name, *column in zip(header, *rows, strict=True)]
    columns = list(zip(widths, table.numeric, strict=True))

    def line(cells: list[str]) -> str:
        padded = (
            text.rjust(w) if numeric else text.ljust(w) for text, (w, numeric) in zip(cells, columns, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = "|".join("-" * (width + 1) + ":" if numeric else ":" + "-" * (width + 1) for width, numeric in columns)
    return "\n".join([line(header), f"|{rule}|", *map(line, rows)])


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
            return _code(one_line(text))
        case Strong(text) | Rows(text, strong=True):
            return f"**{escape(one_line(text))}**"
        case Rows(text) | Turn(text):
            return escape(_on_one_line(text))
        case _:
            assert_never(content)


def _escaped_each(signs: re.Match[str]) -> str:
    return "".join(f"\\{sign}" for sign in signs[0].rstrip())


def _on_one_line(text: str) -> str:
    """Collapse line breaks but keep the spaces at the ends, which part it from its neighbours."""
    return re.sub(r"\s+", " ", visible(text))


def _code(text: str) -> str:
    """Set text as code; a bar or a backtick in it would break a table or end the span, so it is set plainly."""
    if not text or re.search(r"[`|\\]", text):
        return escape(text)
    return f"`{text}`"


def _write(report: Report, _: Analysis, stream: BinaryIO) -> None:
    stream.write(render(report))


OUTPUTS: Final = (Output("{stem}.md", _write),)
