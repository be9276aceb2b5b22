"""The process that renders a page: it makes itself ready, reads one from its input, and writes it out.

It ends without a word when its input ends without a page, as when the command is refused or killed.
"""

from __future__ import annotations

import gc
import os
import sys

from pipeline.document import BulletList, Code, Datapoint, Heading, Paragraph, Quote, Rows, Strong, Table, Turn
from pipeline.page.model import Figure, Page, Section, unpack
from pipeline.page.render import render

_WORDS = ("words", Code("code"), Strong("strong"), Rows("1/2, 50.0%", (("turn", "1"),)), Turn("1", "benchmark", 1))
_SECTION = Section(
    "Title",
    "anchor",
    "found",
    (
        Heading(3, _WORDS),
        Paragraph(_WORDS),
        BulletList((_WORDS,)),
        Table(("a", "b"), ((_WORDS, "1/2, 50.0%"),), (False, True)),
        Datapoint(
            "r:1", "b", "m", 1, (_WORDS, _WORDS), (Quote("User", "said", 9), Quote("Tool calls", "{}", 2, "json"))
        ),
    ),
)
REHEARSAL = Page(
    title="Title",
    stamp="FINAL",
    status="final",
    unit="model",
    figures=(Figure("1", "runs"),),
    warnings=0,
    maps=(),
    causes=(),
    before=_SECTION,
    sections=(_SECTION,),
)
"""A page with one of each. The first page takes twice as long as the second; this is the first."""


def main() -> None:
    """Make ready, wait for a page, and render it."""
    gc.disable()
    render(REHEARSAL)
    if packed := sys.stdin.buffer.read():
        sys.stdout.buffer.write(render(unpack(packed)))
        sys.stdout.buffer.flush()
    os._exit(0)  # taking down every object would keep the command waiting


if __name__ == "__main__":
    main()
