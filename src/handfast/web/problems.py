"""Intake problems: what was refused at a door, why, how to mend it; mended here, it goes in as if it had arrived well."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import AfterValidator

from handfast.desk import intake
from handfast.problem import Place, Problem
from handfast.store import refusals
from handfast.web.access import Forbidden, NotFound, User
from handfast.web.forms import storable
from handfast.web.house import after, house_of, page, refused, signed_in, wants_fragment

if TYPE_CHECKING:
    from handfast.store.refusals import Refusal

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
#: No mended payload is larger than what the doors themselves take.
LARGEST: Final = 1_000_000
WEEK: Final = timedelta(days=7)


def pretty(found: Refusal) -> str:
    """The payload as it is shown for mending."""
    if found.payload is None:
        return found.raw or ""
    return orjson.dumps(found.payload, option=orjson.OPT_INDENT_2).decode()


@router.get("/problems")
def problems_page(request: Request, user: Me) -> Response:
    _may_see(user)
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        found = refusals.refusals(conn)
        counts = refusals.refusal_counts(conn, at - WEEK)
    return page(request, user, "problems.html", nav="problems", refusals=found, counts=counts, pretty=pretty, problem=None, at_problem=None)


@router.post("/problems/{problem_id}/replay")
def replay(
    request: Request, user: Me, problem_id: str, payload: Annotated[str, AfterValidator(storable), Form(max_length=LARGEST)] = ""
) -> Response:
    """Take the mended payload in. What is still wrong with it is said beside it, and the text is kept as typed."""
    found = _for_mending(request, user, problem_id)
    try:
        mended = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        problem = Problem(
            Place("the payload", error.lineno, error.colno), f"it is not JSON: {error.msg}", "Mend it at that place and try again."
        )
        return _still_wrong(request, user, found, payload, problem)
    done = intake.replay_problem(house_of(request).store, problem_id, mended, request.state.at)
    if isinstance(done, Problem):
        return _still_wrong(request, user, found, payload, done)
    return _settled(request, user, problem_id, "Taken in")


@router.post("/problems/{problem_id}/dismiss")
def dismiss(request: Request, user: Me, problem_id: str) -> Response:
    """Settle it without taking anything in; it stays in the database."""
    _for_mending(request, user, problem_id)
    if (wrong := intake.dismiss_problem(house_of(request).store, problem_id, request.state.at)) is not None:
        return refused(request, user, wrong, "/problems")
    return _settled(request, user, problem_id, "Dismissed")


def _may_see(user: User) -> None:
    if not user.sees_problems:
        raise Forbidden(
            Problem(
                Place("intake problems"),
                "intake problems hold raw personal data, so only marketing, RevOps and managers see them",
                "Ask RevOps.",
            )
        )


def _for_mending(request: Request, user: User, problem_id: str) -> Refusal:
    _may_see(user)
    if not user.mends:
        raise Forbidden(Problem(Place("intake problems"), "only marketing and RevOps mend or dismiss them", "Ask RevOps."))
    with house_of(request).store.reading() as conn:
        found = refusals.refusal(conn, problem_id)
    if found is None:
        raise NotFound("No intake problem has this id.")
    return found


def _still_wrong(request: Request, user: User, found: Refusal, typed: str, problem: Problem) -> Response:
    if wants_fragment(request):
        return page(request, user, "_refusal.html", nav="", status=409, one=found, text=typed, problem=problem)
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        listed: list[Any] = refusals.refusals(conn)
        counts = refusals.refusal_counts(conn, at - WEEK)

    def text(one: Refusal) -> str:
        return typed if one.id == found.id else pretty(one)

    context: dict[str, Any] = {"refusals": listed, "counts": counts, "pretty": text, "problem": problem, "at_problem": found.id}
    return page(request, user, "problems.html", nav="problems", status=409, **context)


def _settled(request: Request, user: User, problem_id: str, said: str) -> Response:
    if not wants_fragment(request):
        return after(request, "/problems")
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        left = refusals.refusals(conn)
        counts = refusals.refusal_counts(conn, at - WEEK)
    context: dict[str, Any] = {"refusals": left, "counts": counts, "pretty": pretty, "problem": None, "at_problem": None}
    toast = {"said": said, "who": problem_id, "touch_id": None, "back": "/problems"}
    return page(request, user, "_settled.html", nav="problems", toast=toast, **context)
