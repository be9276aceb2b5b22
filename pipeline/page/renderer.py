"""Render a page in a process of its own, made ready while the runs are read, or in this one.

Jinja2 and its templates take as long to load as a small analysis takes to write, and Python's threads take turns.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from pipeline.page.model import Page, pack

if TYPE_CHECKING:
    from collections.abc import Callable

# Where something is put in after rendering: no text can hold these, since every `<` of a text is escaped.
DATA: Final = b"<!--data-->"
SAID: Final = b"<!--said-->"
MARK: Final = b'<meta name="generator" content="error-analysis">'
"""What a page of ours has in its head."""
_HEAD: Final = 1000
"""So many bytes of a page hold its head's beginning, with the mark."""
_ready: list[subprocess.Popen[bytes]] = []


def make_ready() -> None:
    """Start a process that will render one page; where there can be none, this one does it when asked.

    `-P`: what lies in the working directory is the user's and no module of ours, whatever its name.
    """
    command = [sys.executable, "-P", "-m", "pipeline.page"]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    try:
        # In a session of its own, so that an interrupt at the terminal reaches this process alone.
        _ready.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, start_new_session=True))
    except OSError:
        return


def start(page: Page) -> Callable[[], bytes]:
    """Start to render; the result gives the rendered page, and does it here if the other process could not."""
    if not _ready:
        return lambda: _here(page)
    process = _ready.pop()
    to, back = cast("tuple[BinaryIO, BinaryIO]", (process.stdin, process.stdout))
    try:
        to.write(pack(page))
        to.close()
    except OSError:
        process.kill()
        with suppress(OSError):  # what is left to write has nowhere to go
            to.close()

    def finish() -> bytes:
        with process:
            rendered = back.read()
        return rendered if process.returncode == 0 and _is_page(rendered) else _here(page)

    return finish


def _is_page(rendered: bytes) -> bool:
    """Tell whether this is a whole page of ours, with one place for the rows and one for what is said of them."""
    return (
        rendered.startswith(b"<!doctype html>")
        and MARK in rendered[:_HEAD]
        and rendered.count(DATA) == rendered.count(SAID) == 1
        and rendered.rstrip().endswith(b"</html>")
    )


def _here(page: Page) -> bytes:
    from pipeline.page.render import render  # noqa: PLC0415 - its libraries take longer than many an analysis

    return render(page)
