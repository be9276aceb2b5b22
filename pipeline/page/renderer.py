"""Render a page in a process of its own, made ready while the runs are read, or in this one.

Jinja2 and its templates take as long to load as a small analysis takes to write, and Python's threads take turns.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from pipeline.page.model import Page, pack

if TYPE_CHECKING:
    from collections.abc import Callable

# Where something is put in after rendering: no text can hold these, since every `<` of a text is escaped.
DATA: Final = b"<!--data-->"
SAID: Final = b"<!--said-->"
MARK: Final = b'<meta name="generator" content="error-analysis">'
"""What a page of ours has in its head."""
_ready: list[subprocess.Popen[bytes]] = []


def make_ready() -> None:
    """Start a process that will render one page; where there can be none, this one does it when asked."""
    command = [sys.executable, "-m", "pipeline.page"]
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

    def finish() -> bytes:
        with process:
            rendered = back.read()
        return rendered if process.returncode == 0 else _here(page)

    return finish


def _here(page: Page) -> bytes:
    from pipeline.page.render import render  # noqa: PLC0415 - its libraries take longer than many an analysis

    return render(page)
