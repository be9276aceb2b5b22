"""Start the page: a free port on the loopback address, a token of its own, and the browser."""

from __future__ import annotations

import secrets
import socket
import threading
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

from pipeline.errors import OutputError, Problem
from pipeline.ledger.store import wait_at_most
from pipeline.review.serve.app import make_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.review.serve.session import Desk

HOST = "127.0.0.1"
_PATIENCE = 8.0
"""So many seconds a write waits for another process that holds the ledger."""


def launch(desk: Desk, port: int, say: Callable[[str], None], *, browser: bool) -> None:
    """Serve the page until it is interrupted; `say` is told its address when it listens."""
    desk.open()
    wait_at_most(_PATIENCE)
    token = secrets.token_urlsafe(24)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else answers wait for others
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except (OSError, OverflowError) as error:
        what = f"cannot listen: {getattr(error, 'strerror', None) or error}"
        raise OutputError(Problem(f"{HOST}:{port}", what, "leave --port out for a free one")) from None
    listening.listen(64)
    address = f"http://{HOST}:{listening.getsockname()[1]}/?token={token}"
    settings = uvicorn.Config(make_app(desk, token), log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(settings)
    say(address)
    if browser:
        threading.Timer(0.3, webbrowser.open, [address]).start()
    with suppress(KeyboardInterrupt):  # the way to end it
        server.run(sockets=[listening])
