"""Signing in and out, and the page of an installation without accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import AfterValidator

from handfast.desk import logins
from handfast.desk.refused import Refused
from handfast.problem import Place, Problem
from handfast.store import logins as accounts
from handfast.web.forms import Word, prefixed, storable
from handfast.web.house import after, house_of, plain_page
from handfast.web.security import COOKIE

router = APIRouter(include_in_schema=False)
#: The cookie outlives no session: the database decides when one ends.
_KEEP: Final = int(logins.IDLE.total_seconds())
#: What a form tells whose session ended before it was sent.
ENDED: Final = Problem(Place("session"), "your session ended before this was sent", "Sign in again: what you typed is kept.")


def local(path: str) -> str:
    """A path on this site, or the start page: never another host's address, however a browser would read it."""
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if fine else "/"


@router.get("/welcome")
def welcome(request: Request) -> Response:
    with house_of(request).store.reading() as conn:
        if accounts.any_login(conn):
            return after(request, "/login")
    return plain_page(request, "welcome.html")


@router.get("/login")
def sign_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - the word users see in the address
    with house_of(request).store.reading() as conn:
        if not accounts.any_login(conn):
            return after(request, "/welcome")
    return sign_in_form(request, next)


def sign_in_form(
    request: Request,
    where: str,
    *,
    email: str = "",
    kept: Mapping[str, str] | None = None,
    problem: Problem | None = None,
    status: int = 200,
) -> Response:
    """The form, with where it leads and what was typed before there."""
    context = {"next": local(where), "email": email, "kept": kept or {}, "problem": problem}
    return plain_page(request, "login.html", status=status, **context)


async def _kept(request: Request) -> dict[str, str]:
    """What was typed into the form whose session had ended."""
    return await prefixed(request, "kept.")


@router.post("/login")
def sign_in(
    request: Request,
    kept: Annotated[dict[str, str], Depends(_kept)],
    email: Word = "",
    password: Annotated[str, AfterValidator(storable), Form(max_length=4096)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002
) -> Response:
    """Opens a session. What was typed before is shown once more and sent by a button of its own, never by itself."""
    house = house_of(request)
    address = request.client.host if request.client else ""
    try:
        session = logins.sign_in(house.store, email, password, address, request.state.at, old_token=request.cookies.get(COOKIE))
    except Refused as refusal:
        return sign_in_form(request, next, email=email, kept=kept, problem=refusal.problem, status=409)
    answer = plain_page(request, "resume.html", next=local(next), kept=kept) if kept else after(request, local(next))
    secure = house.settings.public_url.startswith("https:")
    answer.set_cookie(COOKIE, session.token, max_age=_KEEP, httponly=True, samesite="lax", secure=secure, path="/")
    return answer


@router.post("/logout")
def sign_out(request: Request) -> Response:
    if token := request.cookies.get(COOKIE):
        logins.sign_out(house_of(request).store, token)
    answer = after(request, "/login")
    answer.delete_cookie(COOKIE, path="/")
    return answer
