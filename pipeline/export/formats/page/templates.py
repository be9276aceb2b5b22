"""The page's templates: Jinja2 with autoescape, hidden characters made visible, links to the rows behind a count."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from pipeline.report.blocks import Code, Rows, Strong, Turn
from pipeline.report.text import visible, visible_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.report.blocks import Inline, Inlines

SIGNS: Final = {"p": "·", "f": "×", "k": "~", "g": "~", "n": "–"}  # noqa: RUF001 - a cross that every font has
"""The sign in a cell of the heat map, by the letter of its outcome."""
_SCRIPTS: Final = ("text.js", "turns.js", "commands.js", "rows.js", "links.js")
_LINES, _LONG = 12, 700
_CELLS: Final = str.maketrans({letter: f'<td class="{letter}">{sign}</td>' for letter, sign in SIGNS.items()})
_RATE: Final = re.compile(r"\d+/\d+, ([\d.]+)%")


@cache
def style() -> str:
    """Return the page's style sheet."""
    return _file("report.css")


@cache
def script() -> str:
    """Return the page's script: its files one after the other, in a scope of their own."""
    return "\n".join(['"use strict";', "{", *map(_file, _SCRIPTS), "}"])


@cache
def template() -> jinja2.Template:
    """Return the compiled template of the page."""
    environment = jinja2.Environment(
        autoescape=True,
        finalize=_shown,
        loader=jinja2.FunctionLoader(_file),
        lstrip_blocks=True,
        optimized=False,  # to fold constants takes longer than it saves in a page that is rendered once
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "breakable": _breakable,
        "cells": lambda letters: Markup(letters.translate(_CELLS)),  # noqa: S704 - letters of `SIGNS`
        "fold": _fold,
        "href": href,
        "inline": _inline,
        "kind": lambda value: type(value).__name__,
        "percent": _percent,
        "quoted": _quoted,
    }
    return environment.get_template("page.html.j2")


def _inline(content: Inline | Inlines) -> Markup:
    """Return words of the report as HTML."""
    parts = content if isinstance(content, tuple) else (content,)
    return Markup("".join(map(_html, parts)))  # noqa: S704 - each part is escaped


def _html(part: Inline) -> str:
    """Return a part of a sentence as HTML."""
    if isinstance(part, str):
        return str(escape(visible_name(part)))
    if isinstance(part, Code):
        return f"<code>{_breakable(part.text)}</code>"
    text = escape(visible_name(part.text))
    if isinstance(part, Strong):
        return f"<strong>{text}</strong>"
    strong = ' class="strong"' if isinstance(part, Rows) and part.strong else ""
    return f'<a href="{escape(href(part))}"{strong}>{text}</a>'


def href(inline: Rows | Turn) -> str:
    """Return the link inside the page that shows the rows, or the turn, to which a text refers."""
    if isinstance(inline, Turn):
        return f"#turns?{_query((('benchmark', inline.benchmark), ('turn', str(inline.turn))))}"
    return f"#rows?{_query(inline.where)}"


def _query(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={_quoted(value)}" for name, value in pairs)


@cache
def _quoted(value: str) -> str:
    return quote(value, safe="")


def _breakable(name: str) -> Markup:
    """Return a name that a browser may break after each underscore."""
    return Markup(str(escape(visible_name(name))).replace("_", "_<wbr>"))  # noqa: S704 - escaped


def _percent(cell: object) -> str:
    """Return the length of the bar under a rate, or a cell that begins with one, in percent; else nothing."""
    first = cell[0] if isinstance(cell, tuple) else cell
    match = _RATE.fullmatch(first if isinstance(first, str) else getattr(first, "text", ""))
    return match[1] if match else ""


def _fold(text: str) -> tuple[str, str]:
    """Split a long text into its beginning and the rest, which is folded; `text.js` does the same."""
    head = "\n".join(text.split("\n")[:_LINES])
    if len(head) > _LONG:
        head = head[: head.rfind(" ", 0, _LONG + 1) + 1 or _LONG]
    rest = text[len(head) :]
    return (head, rest) if len(rest) > _LONG / 4 or rest.count("\n") + 1 > _LINES / 2 else (text, "")


def _file(name: str) -> str:
    """Return the text of one of the files that the page consists of."""
    return files(__package__).joinpath("files", name).read_text("utf-8")


def _shown(value: Any) -> Any:  # noqa: ANN401 - whatever a template writes
    """Return a value with hidden characters made visible, if it is text."""
    return visible(value) if type(value) is str else value
