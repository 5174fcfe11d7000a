"""The web process: pages, the live stream, health and figures, and the doors of the intake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from handfast.desk.refused import Refused
from handfast.problem import Place, Problem
from handfast.store.base import StorageAway, StorageFull, StorageRefused
from handfast.web import (
    acting,
    board,
    clocks,
    contract,
    contract_api,
    contract_diff,
    contract_drafts,
    disputes,
    erasing,
    exceptions,
    fairness,
    feedback,
    handoffs,
    health,
    intake,
    login,
    messages,
    metrics,
    overrides,
    problems,
    queue,
    replay,
    reps,
    review,
    scoreboard,
    shadow,
    slack,
    stream,
    trial,
    who,
)
from handfast.web.access import Forbidden, NotFound, NotSignedIn, User
from handfast.web.forms import typed
from handfast.web.house import STATIC, House, PageSettings, house_of, page, plain_page, refused, render, signed_in, wants_fragment
from handfast.web.security import Guard, parts_of

if TYPE_CHECKING:
    from starlette.types import Scope

    from handfast.store.base import Store

log = structlog.get_logger("handfast.web")

#: Doors of machines: they answer in JSON, never with a page.
MACHINES: Final = ("/v1/", "/api/", "/hooks/")


class Assets(StaticFiles):
    """Static files; one asked for by its content's stamp, or with its version in the name, may be kept for a year."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        stamped = b"v=" in scope.get("query_string", b"") or path.startswith("vendor")
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if stamped else "public, max-age=3600"
        return answer


def create_app(
    store: Store, settings: PageSettings, *, clock: Callable[[], datetime], scoreboard: scoreboard.Make | None = None
) -> FastAPI:
    """The application on this store.

    Args:
        clock: the present moment, aware, in UTC; asked once a request.
        scoreboard: what makes the report of the scoreboard page (see `web.scoreboard`); without it the page says what it will show.

    Serve it with `web.server.Server`, which ends open streams when told to stop.
    """
    house = House(store, settings, clock)
    hub = stream.Hub(house)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        hub.close()

    app = FastAPI(title="Handfast", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.house, app.state.hub, app.state.board_cache = house, hub, board.BoardCache()
    app.state.store_registry, app.state.scoreboard = metrics.store_registry(house), scoreboard
    app.add_middleware(GZipMiddleware, minimum_size=800)
    app.add_middleware(Guard, public_url=settings.public_url, clock=clock)
    _mount(app)
    _answer_errors(app)
    return app


def _mount(app: FastAPI) -> None:
    # First of all: routes are tried in turn, and this door opens more often than all the others together.
    app.include_router(intake.router)
    app.add_api_route("/", home, methods=["GET"], include_in_schema=False)
    for module in (
        login,
        queue,
        acting,
        review,
        board,
        handoffs,
        problems,
        contract,
        contract_drafts,
        contract_diff,
        contract_api,
        overrides,
        reps,
        exceptions,
        disputes,
        fairness,
        clocks,
        feedback,
        replay,
        trial,
        who,
        erasing,
        shadow,
        scoreboard,
        slack,
        messages,
        stream,
        health,
        metrics,
    ):
        app.include_router(module.router)
    app.mount("/static", Assets(directory=STATIC), name="static")


def home(request: Request) -> Response:
    """Where each role begins."""
    return RedirectResponse(signed_in(request).home, 303)


# --- errors ---------------------------------------------------------------------------------------------------


def _answer_errors(app: FastAPI) -> None:
    app.exception_handler(NotSignedIn)(_not_signed_in)
    app.exception_handler(NotFound)(_not_found)
    app.exception_handler(Forbidden)(_forbidden)
    app.exception_handler(Refused)(_refused)
    app.exception_handler(StorageAway)(_away)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(RequestValidationError)(_malformed)
    app.exception_handler(Exception)(_crash)


async def _not_signed_in(request: Request, _: Exception) -> Response:
    """The sign-in page, and the way back. What somebody typed into a form whose session ended meanwhile goes along."""
    if request.headers.get("HX-Request"):
        return _sign_in_beside(request)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method == "GET":
        return RedirectResponse("/login" if here == "/" else f"/login?next={quote(here, safe='/')}", 303)
    if kept := await typed(request):
        return login.sign_in_form(request, here, kept=kept, problem=login.ENDED, status=401)
    return RedirectResponse("/login", 303)


def _sign_in_beside(request: Request) -> Response:
    """For a part of a page: what is only looked at is left for the sign-in page; what was typed stays where it is, with a word."""
    page_of = parts_of(request.headers.get("HX-Current-URL", ""))
    here = login.local(page_of.path + (f"?{page_of.query}" if page_of.query else ""))
    where = "/login" if here == "/" else f"/login?next={quote(here, safe='/')}"
    if request.method == "GET":
        return Response(status_code=401, headers={"HX-Redirect": where})
    return HTMLResponse(render("_toast_ended.html", where=where), 401, headers={"HX-Reswap": "none", "Cache-Control": "no-store"})


def _user(request: Request) -> User | None:
    try:
        return signed_in(request)
    except (NotSignedIn, StorageAway):
        return None


def _not_found(request: Request, error: NotFound) -> Response:
    """That there is no such page holds whatever the database says; it is asked only for whom the page would be framed."""
    if wants_fragment(request):
        return _toast(Problem(Place("page"), error.what.rstrip("."), "Reload the page to see what is there."), 404)
    what = error.what
    try:
        return page(request, signed_in(request), "missing.html", nav="", status=404, what=what)
    except NotSignedIn:
        pass
    except StorageAway as away:
        _note_away(request, away)
        what = f"{what} Nor can anything be read from the database just now: any other page is there again when it can."
    return plain_page(request, "stop.html", status=404, heading="Not found", what=what)


def _toast(problem: Problem, status: int) -> Response:
    """A refusal beside the page as it is: nothing of it is replaced."""
    headers = {"Cache-Control": "private, no-store", "Vary": "HX-Request-Type", "HX-Reswap": "none"}
    return HTMLResponse(render("_toast_refused.html", problem=problem), status, headers)


def _forbidden(request: Request, error: Forbidden) -> Response:
    return _stopped(request, error, 403)


def _refused(request: Request, error: Refused) -> Response:
    return _stopped(request, error, 409)


def _stopped(request: Request, error: Forbidden | Refused, status: int) -> Response:
    user = _user(request)
    if user is None:
        return plain_page(
            request, "stop.html", status=status, heading="This was not done", what=f"{error.problem.what}. {error.problem.fix}"
        )
    if wants_fragment(request):
        return _toast(error.problem, status)
    return refused(request, user, error.problem, _came_from(request) or user.home, status)


def _came_from(request: Request) -> str:
    """The page of ours with the form that was sent, empty where nothing says so."""
    referer = parts_of(request.headers.get("Referer", ""))
    if referer.netloc != request.headers.get("Host"):
        return ""
    return login.local(referer.path + (f"?{referer.query}" if referer.query else ""))


def _note_away(request: Request, error: Exception) -> tuple[bool, str | None]:
    """Whether it has no room, and what it refuses; said in the log, now and then."""
    full = isinstance(error, StorageFull)
    refuses = str(error) if isinstance(error, StorageRefused) else None
    if full or house_of(request).store.says_away():
        log.warning("storage_full" if full else "storage_refused" if refuses else "storage_away", path=request.url.path, said=refuses)
    return full, refuses


def _away(request: Request, error: Exception) -> Response:
    full, refuses = _note_away(request, error)
    if request.url.path.startswith(MACHINES):
        return PlainTextResponse("The database cannot be reached. Nothing was recorded; send it again.", 503, headers={"Retry-After": "2"})
    what = "The database cannot be reached just now. Nothing was saved. Try again in a moment."
    if full:
        what = "The database has no room: its disk is full. Nothing was saved. Whoever runs Handfast has to make room; then try again."
    if refuses:
        what = f"The database refuses it: {refuses}. Nothing was saved. Whoever runs Handfast has to give its user that right."
    return plain_page(request, "stop.html", status=503, heading="One moment", what=what)


def _http(request: Request, error: HTTPException) -> Response:
    if request.url.path.startswith((*MACHINES, "/static/")):
        return PlainTextResponse(str(error.detail), error.status_code, headers=error.headers)
    if error.status_code == 404:
        return _not_found(request, NotFound("There is no page at this address."))
    if error.status_code == 405 and request.method == "GET":
        what = "A form is sent to this address; there is nothing to read at it. Nothing was done again."
        return plain_page(request, "stop.html", status=405, heading="Nothing to read here", what=what)
    return plain_page(request, "stop.html", status=error.status_code, heading="Not possible", what=f"{error.detail}.")


def _malformed(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    if request.url.path.startswith(MACHINES):
        said = "; ".join(f"{'.'.join(str(p) for p in one['loc'][1:])}: {one['msg']}" for one in found[:5])
        return PlainTextResponse(f"The request is malformed: {said}", 422)
    if any(one["loc"][0] == "path" for one in found):
        return _not_found(request, NotFound("There is no page at this address."))
    problem = _field_problem(found[0])
    user = _user(request)
    if user is None:
        return plain_page(request, "stop.html", status=422, heading="This was not understood", what=f"{problem.what}. {problem.fix}")
    if wants_fragment(request):
        return _toast(problem, 422)
    return refused(request, user, problem, _came_from(request) or user.home, 422)


def _field_problem(wrong: Mapping[str, Any]) -> Problem:
    """What is wrong with one field, as people say it."""
    name = str(wrong["loc"][-1])
    label, given = name.replace("_", " "), wrong.get("input")
    match wrong["type"]:
        case "string_too_long" | "too_long":
            most = wrong["ctx"]["max_length"]
            return Problem(Place("form", part=name), f"“{label}” has {len(given or ''):,} characters; {most:,} are the most", "Shorten it.")
        case "missing":
            return Problem(Place("form", part=name), f"“{label}” is missing", "Fill it in, or choose one, and send the form again.")
        case _:
            shown = f" is “{given[:40]}”, which" if isinstance(given, str) else ""
            return Problem(Place("form", part=name), f"“{label}”{shown} cannot be read", "Correct it, and send the form again.")


def _crash(request: Request, _: Exception) -> Response:
    """The last resort: the trace goes to the log by the server, never to the page."""
    what = "Something went wrong here, and it was written to the log. Nothing was saved. Try again, or tell whoever runs this installation."
    return plain_page(request, "stop.html", status=500, heading="This should not have happened", what=what)
