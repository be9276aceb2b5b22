"""The review page for tests: a server in a process of its own, and Chromium to look at it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from pipeline.review.serve.security import cookie_name

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Server:
    """A running page, and requests to it as a browser makes them."""

    def __init__(self, process, address):
        self.process = process
        self.address = address
        parts = urlsplit(address)
        self.host = parts.netloc
        self.token = parse_qs(parts.query)["token"][0]

    def ask(self, method, path, form=None, **headers):
        """Make a request with the token's cookie; give status, headers and text."""
        body = None if form is None else urlencode(form, doseq=True)
        given = {"Host": self.host, "Cookie": f"{cookie_name(self.token)}={self.token}"}
        if form is not None:
            given |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{self.host}"}
        connection = http.client.HTTPConnection("127.0.0.1", int(self.host.rpartition(":")[2]), timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in (given | headers).items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(None if body is None else body.encode())
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()


@contextmanager
def serving(folder, name="ann", kind="human", *more):
    """Serve a folder until the test is done; the process is ended by its id."""
    who = ("--reviewer", name, "--reviewer-kind", kind)
    command = [sys.executable, "-m", "pipeline", "review", "serve", os.fspath(folder), "--no-browser", *who, *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), process.stderr.read()
            yield Server(process, address)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(20)


@contextmanager
def chromium():
    """Start headless Chromium; skips plainly where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}: make browser installs it")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make setup")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(SWITCHES))
        try:
            yield browser
        finally:
            browser.close()
