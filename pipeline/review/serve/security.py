"""Who may talk to the page: this machine's browser with this launch's token, and no other page in it."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "review_token_"
"""How the cookie's name begins; the rest is the launch's, since cookies do not tell ports apart."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class AccessControl:
    """Refuse requests of other hosts, other origins and without the token; put safe headers on every answer."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie_name(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        answer = self._refusal(request) or self._welcome(request) or self._app

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0].lower().decode() not in _HEADERS]
                message["headers"] = kept + [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                if not any(name.lower() == b"cache-control" for name, _ in kept):
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        await answer(scope, receive, send_safely)

    def _refusal(self, request: HTTPConnection) -> PlainTextResponse | None:
        if not _is_loopback(f"//{request.headers.get('host', '')}"):
            return PlainTextResponse("This page answers on the loopback address only.", 421)
        origin = request.headers.get("origin")
        if origin not in (None, f"http://{request.headers['host']}") or request.headers.get(
            "sec-fetch-site", "none"
        ) not in ("none", "same-origin"):
            return PlainTextResponse("Another site asked for this.", 403)
        given = (request.cookies.get(self._cookie), request.query_params.get("token"))
        if not any(hmac.compare_digest(token.encode(), self._token.encode()) for token in given if token):
            return PlainTextResponse("Open the address that the command printed: it holds this launch's token.", 403)
        return None

    def _welcome(self, request: HTTPConnection) -> RedirectResponse | None:
        """Return the answer that puts the token of the first address into a cookie and out of later addresses."""
        if "token" not in request.query_params:
            return None
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
        return answer


def cookie_name(token: str) -> str:
    """Return the name of a launch's cookie, so that two pages in one browser do not overwrite each other's."""
    return COOKIE + hashlib.sha256(token.encode()).hexdigest()[:8]


def _is_loopback(address: str) -> bool:
    try:
        return urlsplit(address).hostname in _LOOPBACK
    except ValueError:
        return False
