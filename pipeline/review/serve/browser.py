"""Open the page in the browser, its token in no process's arguments, which every user of a machine can read."""

from __future__ import annotations

import tempfile
import threading
import webbrowser
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_REDIRECT: Final = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>Review</title>
<a href="{address}">The review</a>
"""


@contextmanager
def browser_opened(address: str) -> Iterator[None]:
    """Open an address through a file that only this user can read, and remove the file in the end."""
    with tempfile.TemporaryDirectory(prefix="error-analysis-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "review.html"
        file.touch(mode=0o600)
        file.write_text(_REDIRECT.format(address=escape(address)), encoding="utf-8")
        # A daemon, since a browser of the terminal returns only when it is left.
        threading.Thread(target=webbrowser.open, args=[file.as_uri()], daemon=True).start()
        yield
