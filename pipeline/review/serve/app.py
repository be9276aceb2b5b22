"""The page's addresses: what each shows, and what each writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pipeline.errors import PipelineError, Problem, UsageError
from pipeline.listener import SILENT
from pipeline.reporting import rebuild
from pipeline.review.decide import Draft, defer, evidence_texts, record, undo
from pipeline.review.describe import add_bucket, describe
from pipeline.review.queue import Wanted
from pipeline.review.serve.pages import BLIND_FILTERS, FILTERS, findings_page, query, render, row_page, static_file
from pipeline.review.serve.quotes import fitting_quote
from pipeline.review.serve.security import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import FormData, QueryParams
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from pipeline.review.answer import Answer
    from pipeline.review.serve.session import Desk

_LONGEST_TURN = 18
_TYPES = {"review.css": "text/css; charset=utf-8", "review.js": "text/javascript; charset=utf-8"}


def make_app(desk: Desk, token: str) -> ASGIApp:
    """Make the page for one reviewer at one analysis folder."""
    pages = Pages(desk)
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
    return Guard(Starlette(routes=routes), token)


class Pages:
    """Answers to requests; each write does what the command of its name does, checks and all."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def begin(self, request: Request) -> Response:
        """Go to the first row of the queue that is not decided."""
        wanted = self._wanted(request.query_params)
        return await run_in_threadpool(self._go_on, wanted, None, anew=True)

    def _go_on(self, wanted: Wanted, after: str | None, *, anew: bool = False, said: str = "") -> Response:
        """Go to the next row of the queue that is not decided, or say that there is none."""
        listed = self._desk.listed(wanted, anew=anew)
        ids = [each.row_id for each in listed]
        start = ids.index(after) + 1 if after in ids else 0
        progress = self._desk.progress
        waits = bool(wanted) or self._desk.waits()
        for row_id in [*ids[start:], *ids[:start]] if waits else ():
            if row_id != after and not (wanted.state is None and self._desk.is_done(progress, row_id)):
                return _to("/row", id=row_id, said=said, **query(wanted))
        if not anew and waits:
            return self._go_on(wanted, None, anew=True, said=said)
        return _to("/done", said=said, **query(wanted))

    async def done(self, request: Request) -> Response:
        """Say that no row waits."""
        wanted, said = self._wanted(request.query_params), request.query_params.get("said", "")
        return HTMLResponse(render("empty", desk=self._desk, query=query(wanted), said=said))

    async def row(self, request: Request) -> Response:
        """Show a row."""
        wanted = self._wanted(request.query_params)
        said = request.query_params.get("said") or None
        return await self._shown(row_page, request.query_params.get("id", ""), wanted, said=said)

    async def findings(self, request: Request) -> Response:
        """Show the gate and the findings; blind they would tell how rows were judged."""
        if self._desk.blind:
            hidden = Problem("findings and gate", "are hidden as long as you review blind", "serve without --blind")
            return HTMLResponse(render("problem", desk=self._desk, problems=[hidden]), 403)
        return await self._shown(findings_page, said=request.query_params.get("said") or None)

    async def _shown(self, page: Callable[..., str], *given: Any, **more: Any) -> Response:  # noqa: ANN401 - a page's own
        try:
            return HTMLResponse(await run_in_threadpool(page, self._desk, *given, **more))
        except PipelineError as error:
            text = render("problem", desk=self._desk, problems=error.problems)
            return HTMLResponse(text, 404 if page is row_page else 500)

    async def state(self, _: Request) -> Response:
        """Tell how far the review is, for a page that looks whether somebody else wrote."""
        return JSONResponse(await run_in_threadpool(self._state))

    def _state(self) -> dict[str, Any]:
        return {"writes": self._desk.writes, "decided": self._desk.progress.count()["decided"]}

    async def static(self, request: Request) -> Response:
        """Give the style or the script."""
        name = request.path_params["name"]
        if name not in _TYPES:
            return Response("no such file", 404)
        # The address holds the digest of what it gives, so that a browser may keep it.
        keep = {"cache-control": "private, max-age=31536000, immutable"}
        return Response(static_file(name), media_type=_TYPES[name], headers=keep)

    async def record(self, request: Request) -> Response:
        """Record a decision and go on; what is wrong with it is shown with what was filled in."""
        form = await request.form()
        wanted = self._wanted(form, prefix="filter_")
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
            shown = await self._shown(row_page, draft.row_id, wanted, error=problems, draft=draft)
            shown.status_code = 422
            return shown
        return await run_in_threadpool(self._go_on, wanted, draft.row_id, said=answer.text.replace("\n", "; "))

    def _record(self, draft: Draft) -> Answer:
        folder = self._desk.progress.folder
        if not draft.bucket:
            raise UsageError(Problem("cause", "none was chosen", "choose one by its number, or find one with b"))
        if draft.quote is not None and folder.digest(draft.row_id) is not None:
            quote = fitting_quote(draft.quote, evidence_texts(folder, draft.row_id))
            draft = msgspec.structs.replace(draft, quote=quote)
        return record(folder, self._desk.who, draft)

    async def defer(self, request: Request) -> Response:
        """Put a row off and go on."""
        form = await request.form()
        row_id, note = _text(form, "row_id"), _text(form, "note") or None
        return await self._written(
            lambda: defer(self._desk.progress.folder, self._desk.who, row_id, note),
            lambda said: self._go_on(self._wanted(form, prefix="filter_"), row_id, said=said),
        )

    async def undo(self, request: Request) -> Response:
        """Take back the latest decision, finding or putting off, and show the row it was on."""
        form = await request.form()
        wanted = self._wanted(form, prefix="filter_")

        def taken_back() -> tuple[str, str]:
            answer = undo(self._desk.progress.folder, self._desk.who, deferrals=True)
            return answer.text, answer.data["retracted"].get("row_id", "")

        try:
            said, row_id = await run_in_threadpool(taken_back)
        except PipelineError as error:
            return HTMLResponse(render("problem", desk=self._desk, problems=error.problems), 422)
        return _to("/row", id=row_id, said=said, **query(wanted)) if row_id else _to("/findings", said=said)

    async def describe(self, request: Request) -> Response:
        """Record a finding."""
        form = await request.form()
        return await self._written(
            lambda: describe(
                self._desk.progress.folder,
                self._desk.who,
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
            lambda: add_bucket(self._desk.progress.folder, self._desk.who, *names),
            lambda said: _to("/findings", said=said),
        )

    async def report(self, request: Request) -> Response:
        """Build the report again; as final only if it is."""
        form = await request.form()
        final = bool(_text(form, "final"))
        return await self._written(
            lambda: rebuild(self._desk.path, SILENT, final=final),
            lambda said: _to("/findings", said=said),
        )

    def _wanted(self, given: QueryParams | FormData, prefix: str = "") -> Wanted:
        """Read the filters; blind, only those that tell nothing of how a row was judged."""
        known = BLIND_FILTERS if self._desk.blind else FILTERS
        values = {name: str(given.get(prefix + name) or "") or None for name in known}
        turn = values.pop("turn")
        is_turn = turn is not None and turn.isdecimal() and len(turn) <= _LONGEST_TURN
        return Wanted(**values, turn=int(turn) if turn and is_turn else None)

    async def _written(self, write: Callable[[], Any], then: Callable[[str], Response]) -> Response:
        """Write, then go on; a write that fails is shown, and going back repeats it."""

        def work() -> Response:
            done = write()
            return then(getattr(done, "text", None) or f"wrote {done.report}")

        try:
            return await run_in_threadpool(work)
        except PipelineError as error:
            return HTMLResponse(render("problem", desk=self._desk, problems=error.problems), 422)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def _to(path: str, place: str = "", **values: object) -> RedirectResponse:
    fragment = f"#{place}" if place.isalnum() else ""
    return RedirectResponse(
        f"{path}?{urlencode({key: value for key, value in values.items() if value})}{fragment}", 303
    )
