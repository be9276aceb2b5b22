"""Who may talk to the page: this machine's browser with this launch's token, and no other page in it."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from pipeline.review.serve.bodies import FORM, TooLong, read_body

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "review_token_"
"""How the cookie's name begins; the rest is the launch's, since cookies do not tell ports apart."""
_LOOPBACK: Final = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:(?P<port>[0-9]{1,5}))?", re.ASCII | re.IGNORECASE)
"""A `Host` header, whole: nothing else may stand in it. Any port, since a forwarded page has another one."""
_HIGHEST_PORT: Final = 65_535
_AHEAD: Final = ("sec-purpose", "purpose", "x-purpose", "x-moz")
"""Headers that say why a browser asks; some say `prefetch;prerender`."""
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
        answer = self._refusal(request) or _untimely(request) or self._welcome(request)
        if answer is None and request.method == "POST":
            try:
                receive = await read_body(receive)
            except TooLong:
                answer = PlainTextResponse("That is more than this page takes.", 413)
            except TimeoutError:
                answer = PlainTextResponse("The rest of the request did not come.", 408)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0].lower().decode() not in _HEADERS]
                message["headers"] = kept + [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                if not any(name.lower() == b"cache-control" for name, _ in kept):
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        await (answer or self._app)(scope, receive, send_safely)

    def _refusal(self, request: Request) -> Response | None:
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not is_loopback(hosts[0]):
            return PlainTextResponse("This page answers on the loopback address only.", 421)
        if not self._knows_token(request):
            return PlainTextResponse("Open the address that the command printed: it holds this launch's token.", 403)
        if request.headers.get("origin") not in (None, f"http://{hosts[0]}") or (
            _is_from_elsewhere(request) and not self._is_arrival(request)
        ):
            return PlainTextResponse("Another site asked for this.", 403)
        return None

    def _knows_token(self, request: Request) -> bool:
        given = (request.cookies.get(self._cookie), request.query_params.get("token"))
        return any(hmac.compare_digest(token.encode(), self._token.encode()) for token in given if token)

    def _is_arrival(self, request: Request) -> bool:
        """Whether a browser goes to the first address; from the redirect file, which is another site to it."""
        given = request.query_params.get("token", "")
        known = hmac.compare_digest(given.encode(), self._token.encode())
        return known and request.method == "GET" and request.url.path == "/"

    def _welcome(self, request: Request) -> Response | None:
        """Return the answer that puts the token of the first address into a cookie and out of later addresses."""
        if "token" not in request.query_params:
            return None
        # A browser that comes from the file would send no strict cookie after a redirect, but sends it from a page.
        onward = '<!doctype html><meta http-equiv="refresh" content="0; url=/"><a href="/">The review</a>'
        answer = HTMLResponse(onward) if _is_from_elsewhere(request) else RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
        return answer


def _is_from_elsewhere(request: Request) -> bool:
    return request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


def _untimely(request: Request) -> Response | None:
    """Return the answer to what no reviewer asked for: a page that is shown counts as opened, one fetched ahead not."""
    if request.method not in ("GET", "POST"):
        return PlainTextResponse("This page answers GET and POST.", 405, {"allow": "GET, POST"})
    purposes = ",".join(value for name in _AHEAD for value in request.headers.getlist(name)).lower()
    if any(word in purposes for word in ("prefetch", "prerender", "preview")):
        return PlainTextResponse("This page is not fetched ahead.", 503)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind != FORM:
        return PlainTextResponse(f"This page takes {FORM}.", 415)
    return None


def cookie_name(token: str) -> str:
    """Return the name of a launch's cookie, so that two pages in one browser do not overwrite each other's."""
    return COOKIE + hashlib.sha256(token.encode()).hexdigest()[:8]


def is_loopback(host: str) -> bool:
    """Whether a `Host` header names the loopback address, with or without a port, and nothing more."""
    found = _LOOPBACK.fullmatch(host)
    return found is not None and 0 < int(found["port"] or 80) <= _HIGHEST_PORT
