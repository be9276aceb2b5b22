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
from pipeline.review.serve.app import make_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.review.serve.app import Rebuild
    from pipeline.review.serve.session import Session

HOST = "127.0.0.1"


def launch(session: Session, port: int, say: Callable[[str], None], rebuild: Rebuild, *, browser: bool) -> None:
    """Serve the page until it is interrupted; `say` is called with its address once it listens.

    Raises `OutputError` if the port cannot be used, and whatever reading the folder raises.
    """
    session.open()
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
    settings = uvicorn.Config(make_app(session, token, rebuild), log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(settings)
    say(address)
    if browser:
        threading.Timer(0.3, webbrowser.open, [address]).start()
    with suppress(KeyboardInterrupt):  # the way to end it
        server.run(sockets=[listening])
