"""The page's addresses: what each shows, and what each writes."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pipeline.errors import PipelineError, Problem, UsageError
from pipeline.review.decide import Draft, defer, record, undo
from pipeline.review.describe import add_bucket, describe
from pipeline.review.queue import Filters
from pipeline.review.serve.pages import BLIND_FILTERS, FILTERS, findings_page, query, render, row_page, static_file
from pipeline.review.serve.quotes import fitting_quote
from pipeline.review.serve.security import AccessControl

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.datastructures import FormData, QueryParams
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from pipeline.review.answer import Answer
    from pipeline.review.serve.session import Session

_LONGEST_TURN = 18
_TYPES = {"review.css": "text/css; charset=utf-8", "review.js": "text/javascript; charset=utf-8"}


Rebuild = Callable[["Path", bool], "Path"]
"""Builds the report of an analysis folder again, as final only if asked for and only if it is; returns its path."""


def make_app(session: Session, token: str, rebuild: Rebuild) -> ASGIApp:
    """Return the page for one reviewer at one analysis folder."""
    pages = Pages(session, rebuild)
    routes = [
        Route("/", pages.begin),
        Route("/row", pages.row),
        Route("/done", pages.done),
        Route("/findings", pages.findings),
        Route("/state", pages.state),
        Route("/static/{name}", pages.static),
        *(Route(f"/{name}", getattr(pages, name), methods=["POST"]) for name in ("record", "defer", "undo")),
        *(Route(f"/{name}", getattr(pages, name), methods=["POST"]) for name in ("describe", "bucket", "report")),
    ]
    return AccessControl(Starlette(routes=routes, exception_handlers={Exception: _tell_defect}), token)


class Pages:
    """Answers to requests; each write does what the command of its name does, with the same checks."""

    def __init__(self, session: Session, rebuild: Rebuild) -> None:
        self._session = session
        self._rebuild = rebuild

    async def begin(self, request: Request) -> Response:
        """Go to the first row of the queue that is not decided."""
        filters = self._filters(request.query_params)
        return await run_in_threadpool(self._go_on, filters, None, anew=True)

    def _go_on(self, filters: Filters, after: str | None, *, anew: bool = False, said: str = "") -> Response:
        """Return the way to the next row of the queue that is not decided, or to the page that there is none."""
        listed = self._session.listed(filters, anew=anew)
        ids = [each.row_id for each in listed]
        start = ids.index(after) + 1 if after in ids else 0
        state = self._session.state
        waits = bool(filters) or self._session.waits()
        for row_id in [*ids[start:], *ids[:start]] if waits else ():
            if row_id != after and not (filters.state is None and self._session.is_done(state, row_id)):
                return _to("/row", id=row_id, said=said, **query(filters))
        if not anew and waits:
            return self._go_on(filters, None, anew=True, said=said)
        return _to("/done", said=said, **query(filters))

    async def done(self, request: Request) -> Response:
        """Show that no row waits."""
        filters, said = self._filters(request.query_params), request.query_params.get("said", "")
        return HTMLResponse(render("empty", session=self._session, query=query(filters), said=said))

    async def row(self, request: Request) -> Response:
        """Show a row."""
        filters = self._filters(request.query_params)
        said = request.query_params.get("said") or None
        return await self._shown(row_page, request.query_params.get("id", ""), filters, said=said)

    async def findings(self, request: Request) -> Response:
        """Show the gate and the findings, which would reveal to a blind reviewer how rows were judged."""
        if self._session.blind:
            hidden = Problem("findings and gate", "are hidden as long as you review blind", "serve without --blind")
            return HTMLResponse(render("problem", session=self._session, problems=[hidden]), 403)
        return await self._shown(findings_page, said=request.query_params.get("said") or None)

    async def _shown(self, page: Callable[..., str], *given: Any, **more: Any) -> Response:  # noqa: ANN401 - a page's own
        try:
            return HTMLResponse(await run_in_threadpool(page, self._session, *given, **more))
        except PipelineError as error:
            text = render("problem", session=self._session, problems=error.problems)
            return HTMLResponse(text, 404 if page is row_page else 500)

    async def state(self, _: Request) -> Response:
        """Return how far the review is, for a page that checks whether somebody else wrote."""
        return JSONResponse(await run_in_threadpool(self._state))

    def _state(self) -> dict[str, Any]:
        return {"writes": self._session.writes, "decided": self._session.state.review.count()["decided"]}

    async def static(self, request: Request) -> Response:
        """Return the style sheet or the script."""
        name = request.path_params["name"]
        if name not in _TYPES:
            return Response("no such file", 404)
        # The address holds the digest of the content, so that a browser may cache it.
        keep = {"cache-control": "private, max-age=31536000, immutable"}
        return Response(static_file(name), media_type=_TYPES[name], headers=keep)

    async def record(self, request: Request) -> Response:
        """Record a decision and go on; what is wrong with it is shown with what was filled in."""
        form = await request.form()
        filters = self._filters(form, prefix="filter_")
        draft = Draft(
            row_id=_text(form, "row_id"),
            bucket=_text(form, "other_bucket") or _text(form, "bucket"),
            attribution=_text(form, "attribution"),
            secondary_dimensions=tuple(str(value) for value in form.getlist("secondary")),
            note=_text(form, "note") or None,
            quote=_text(form, "quote") or None,
            adjudication=bool(_text(form, "adjudicate")),
            evidence_digest=_text(form, "evidence_digest") or None,
        )
        try:
            answer = await run_in_threadpool(self._record, draft)
        except PipelineError as error:
            problems = [str(problem).removeprefix(f"{draft.row_id}: ") for problem in error.problems]
            shown = await self._shown(row_page, draft.row_id, filters, error=problems, draft=draft)
            shown.status_code = 422
            return shown
        return await run_in_threadpool(self._go_on, filters, draft.row_id, said=answer.text.replace("\n", "; "))

    def _record(self, draft: Draft) -> Answer:
        folder = self._session.folder
        if not draft.bucket:
            raise UsageError(Problem("cause", "none was chosen", "choose one by its number, or find one with b"))
        if draft.quote is not None and (row := folder.evidence(draft.row_id)) is not None:
            draft = msgspec.structs.replace(draft, quote=fitting_quote(draft.quote, row))
        return record(folder, self._session.who, draft)

    async def defer(self, request: Request) -> Response:
        """Defer a row and go on."""
        form = await request.form()
        row_id, note = _text(form, "row_id"), _text(form, "note") or None
        return await self._written(
            lambda: defer(self._session.folder, self._session.who, row_id, note),
            lambda said: self._go_on(self._filters(form, prefix="filter_"), row_id, said=said),
        )

    async def undo(self, request: Request) -> Response:
        """Retract the latest decision, finding or deferral, and show the row it was on."""
        form = await request.form()
        filters = self._filters(form, prefix="filter_")

        def taken_back() -> tuple[str, str]:
            answer = undo(self._session.folder, self._session.who, deferrals=True)
            return answer.text, answer.data["retracted"].get("row_id", "")

        try:
            said, row_id = await run_in_threadpool(taken_back)
        except PipelineError as error:
            return HTMLResponse(render("problem", session=self._session, problems=error.problems), 422)
        return _to("/row", id=row_id, said=said, **query(filters)) if row_id else _to("/findings", said=said)

    async def describe(self, request: Request) -> Response:
        """Record a finding."""
        form = await request.form()
        return await self._written(
            lambda: describe(
                self._session.folder,
                self._session.who,
                model=_text(form, "model"),
                benchmark=_text(form, "benchmark") or None,
                bucket=_text(form, "bucket"),
                what_goes_wrong=_text(form, "what_goes_wrong"),
                triggers=_text(form, "triggers"),
                rows=[str(value) for value in form.getlist("row")],
            ),
            lambda said: _to("/findings", said=said, place=_text(form, "place")),
        )

    async def bucket(self, request: Request) -> Response:
        """Declare a bucket."""
        form = await request.form()
        names = [_text(form, name) for name in ("name", "description", "parent")]
        return await self._written(
            lambda: add_bucket(self._session.folder, self._session.who, *names),
            lambda said: _to("/findings", said=said),
        )

    async def report(self, request: Request) -> Response:
        """Build the report again; as final only if it is."""
        form = await request.form()
        final = bool(_text(form, "final"))
        return await self._written(
            lambda: f"wrote {self._rebuild(self._session.path, final)}",
            lambda said: _to("/findings", said=said),
        )

    def _filters(self, given: QueryParams | FormData, prefix: str = "") -> Filters:
        """Return the filters given; for a blind reviewer only those that reveal nothing of how a row was judged."""
        known = BLIND_FILTERS if self._session.blind else FILTERS
        values = {name: str(given.get(prefix + name) or "") or None for name in known}
        turn = values.pop("turn")
        is_turn = turn is not None and turn.isdecimal() and len(turn) <= _LONGEST_TURN
        return Filters(**values, turn=int(turn) if turn and is_turn else None)

    async def _written(self, write: Callable[[], Answer | str], then: Callable[[str], Response]) -> Response:
        """Write, then go on; a failure is shown, and going back repeats the write."""

        def work() -> Response:
            done = write()
            return then(done if isinstance(done, str) else done.text)

        try:
            return await run_in_threadpool(work)
        except PipelineError as error:
            return HTMLResponse(render("problem", session=self._session, problems=error.problems), 422)


def _tell_defect(_: Request, error: Exception) -> Response:
    """Print what no request may cause, and answer."""
    traceback.print_exception(error)
    return Response("A defect of this page; the command printed it.", 500)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def _to(path: str, place: str = "", **values: object) -> RedirectResponse:
    fragment = f"#{place}" if place.isalnum() else ""
    return RedirectResponse(
        f"{path}?{urlencode({key: value for key, value in values.items() if value})}{fragment}", 303
    )
