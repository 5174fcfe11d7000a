"""Signing in and out, and the page of an installation without accounts."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response

from handfast.desk import logins
from handfast.desk.refused import Refused
from handfast.store import logins as accounts
from handfast.web.house import after, house_of, plain_page
from handfast.web.security import COOKIE

router = APIRouter(include_in_schema=False)
#: The cookie outlives no session: the database decides when one ends.
_KEEP: Final = int(logins.IDLE.total_seconds())


def local(path: str) -> str:
    """A path on this site, or the start page: never another host's address."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


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
    return plain_page(request, "login.html", next=local(next), email="", problem=None)


@router.post("/login")
def sign_in(
    request: Request,
    email: Annotated[str, Form(max_length=320)] = "",
    password: Annotated[str, Form(max_length=4096)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002
) -> Response:
    house = house_of(request)
    address = request.client.host if request.client else ""
    try:
        session = logins.sign_in(house.store, email, password, address, request.state.at, old_token=request.cookies.get(COOKIE))
    except Refused as refusal:
        return plain_page(request, "login.html", status=409, next=local(next), email=email, problem=refusal.problem)
    answer = after(request, local(next))
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
