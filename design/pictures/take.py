"""Take the pictures of the README: the report's page, and the review page.

Usage: `make pictures`, or `python design/pictures/take.py ANALYSIS_FOLDER TO`. The analysis folder is not changed.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TextIO, cast

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

CHROMIUM = "/usr/bin/chromium"
WIDE, HIGH, TALL = 1360, 900, 1500


def main() -> None:
    """Take both."""
    folder, goal = map(Path, sys.argv[1:])
    with TemporaryDirectory() as place, browsing() as page:
        copy = Path(place) / folder.name
        shutil.copytree(folder, copy)
        page.set_viewport_size({"width": WIDE, "height": TALL})
        page.goto((copy / "deep_error_analysis.html").resolve().as_uri())
        page.screenshot(path=goal / "report.png")
        page.set_viewport_size({"width": WIDE, "height": HIGH})
        with serving(copy) as address:
            page.goto(address)
            page.keyboard.press("3")
            page.screenshot(path=goal / "review.png")


@contextmanager
def browsing() -> Iterator[Page]:
    """Open a window."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page(viewport={"width": WIDE, "height": HIGH})
        browser.close()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the review page of a folder; give its address."""
    command = [sys.executable, "-m", "pipeline", "review", "serve", str(folder), "--no-browser"]
    who = ["--reviewer", "ann", "--reviewer-kind", "human"]
    with subprocess.Popen([*command, *who], stdout=subprocess.PIPE, text=True) as process:
        yield cast("TextIO", process.stdout).readline().strip()
        process.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
