"""Start the page: a free port on the loopback address, a token of its own, and the browser."""

from __future__ import annotations

import secrets
import socket
from contextlib import nullcontext
from typing import TYPE_CHECKING

import uvicorn

from pipeline.errors import OutputError, Problem
from pipeline.review.serve.app import make_app
from pipeline.review.serve.browser import browser_opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.review.serve.app import Rebuild
    from pipeline.review.serve.session import Session

HOST = "127.0.0.1"
_GRACE = 1
"""Seconds that requests have to end after the interruption; what is being written is written all the same."""


def launch(session: Session, port: int, say: Callable[[str], None], rebuild: Rebuild, *, browser: bool) -> None:
    """Serve the page until an interruption, which is then raised; `say` is called with its address once it listens.

    Raises `OutputError` if the port cannot be used, and whatever reading the folder raises.
    """
    session.open()
    token = secrets.token_urlsafe(24)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else answers wait for others
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listening.close()
        what = f"cannot listen: {getattr(error, 'strerror', None) or error}"
        raise OutputError(Problem(f"{HOST}:{port}", what, "leave --port out for a free one")) from None
    listening.listen(64)
    address = f"http://{HOST}:{listening.getsockname()[1]}/?token={token}"
    settings = uvicorn.Config(
        make_app(session, token, rebuild),
        http="h11",  # whatever else is installed
        ws="none",
        log_level="critical",  # else it says which requests it gave up at the end; defects are told by the app
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE,
    )
    say(address)
    with browser_opened(address) if browser else nullcontext():
        uvicorn.Server(settings).run(sockets=[listening])
