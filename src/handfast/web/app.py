"""The web process: pages, the live stream, health and figures, and the doors of the intake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from handfast.desk.refused import Refused
from handfast.store.base import StorageAway
from handfast.web import (
    acting,
    board,
    clocks,
    contract,
    contract_api,
    contract_diff,
    contract_drafts,
    disputes,
    exceptions,
    fairness,
    feedback,
    handoffs,
    health,
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
from handfast.web.house import STATIC, House, PageSettings, page, plain_page, refused, signed_in, wants_fragment
from handfast.web.security import Guard

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
        shadow,
        scoreboard,
        slack,
        messages,
        stream,
        health,
        metrics,
    ):
        app.include_router(module.router)
    if find_spec("handfast.web.intake") is not None:
        app.include_router(import_module("handfast.web.intake").router)
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


def _not_signed_in(request: Request, _: Exception) -> Response:
    if request.headers.get("HX-Request"):
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET" or here == "/":
        return RedirectResponse("/login", 303)
    return RedirectResponse(f"/login?next={quote(here, safe='/')}", 303)


def _user(request: Request) -> User | None:
    try:
        return signed_in(request)
    except (NotSignedIn, StorageAway):
        return None


def _not_found(request: Request, error: NotFound) -> Response:
    user = _user(request)
    if user is None:
        return plain_page(request, "stop.html", status=404, heading="Not found", what=error.what)
    return page(request, user, "missing.html", nav="", status=404, what=error.what)


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
        return page(request, user, "_board_refused.html", nav="", status=status, problem=error.problem, headers={"HX-Reswap": "none"})
    return refused(request, user, error.problem, user.home, status)


def _away(request: Request, _: Exception) -> Response:
    log.warning("storage_away", path=request.url.path)
    if request.url.path.startswith(MACHINES):
        return PlainTextResponse("The database cannot be reached. Nothing was recorded; send it again.", 503, headers={"Retry-After": "2"})
    what = "The database cannot be reached just now. Nothing was saved. Try again in a moment."
    return plain_page(request, "stop.html", status=503, heading="One moment", what=what)


def _http(request: Request, error: HTTPException) -> Response:
    if request.url.path.startswith((*MACHINES, "/static/")):
        return PlainTextResponse(str(error.detail), error.status_code, headers=error.headers)
    if error.status_code == 404:
        return _not_found(request, NotFound("There is no page at this address."))
    return plain_page(request, "stop.html", status=error.status_code, heading="Not possible", what=f"{error.detail}.")


def _malformed(request: Request, error: RequestValidationError) -> Response:
    said = "; ".join(f"{'.'.join(str(p) for p in one['loc'][1:])}: {one['msg']}" for one in error.errors()[:5])
    if request.url.path.startswith(MACHINES):
        return PlainTextResponse(f"The request is malformed: {said}", 422)
    return plain_page(request, "stop.html", status=422, heading="This was not understood", what=f"The form is malformed: {said}.")


def _crash(request: Request, _: Exception) -> Response:
    """The last resort: the trace goes to the log by the server, never to the page."""
    what = "Something went wrong here, and it was written to the log. Nothing was saved. Try again, or tell whoever runs this installation."
    return plain_page(request, "stop.html", status=500, heading="This should not have happened", what=what)
