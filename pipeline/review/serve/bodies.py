"""What a request may send: a form of limited length, within a limited time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Message, Receive

FORM: Final = "application/x-www-form-urlencoded"
_LONGEST: Final = 4_000_000
"""Bytes; the longest form that the page sends is a finding with the ids of its rows."""
_PATIENCE: Final = 20.0
"""Seconds within which the whole body must have come."""


class TooLong(Exception):  # noqa: N818 - an answer to the sender, not an error of ours
    """The body of a request is longer than any form of the page."""


async def read_body(receive: Receive) -> Receive:
    """Read a body before it is acted on, and return a `receive` that gives it whole.

    Raises `TooLong`, and `TimeoutError` if the rest does not come: half a request starts nothing and holds nothing up.
    """
    async with asyncio.timeout(_PATIENCE):
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise TimeoutError
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > _LONGEST:
                raise TooLong
    whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def give() -> Message:
        return whole.pop() if whole else await receive()

    return give
