"""Erasing and exporting a person: for RevOps, who administer an installation. A preview first, then a word typed by hand."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from handfast.desk import erasing
from handfast.desk.refused import Refused
from handfast.problem import Place, Problem
from handfast.store.erasing import erasures
from handfast.web.access import Forbidden, User
from handfast.web.forms import Sentence, Word
from handfast.web.house import after, house_of, page, signed_in

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
#: What is typed to say that it is meant.
TYPED: Final = "erase"
LISTED: Final = 50


@router.get("/erase")
def erase_page(request: Request, user: Me, who: str = "") -> Response:
    """Whom to look for, and what was erased so far; with `who`, straight to the preview."""
    _may(user)
    if who.strip():
        return RedirectResponse(f"/erase/{quote(who.strip()[:320], safe='')}", 303)
    return _list(request, user)


@router.get("/erase/{key:path}")
def erase_preview(request: Request, user: Me, key: str) -> Response:
    """What erasing somebody would do, by counts; nothing is written."""
    _may(user)
    try:
        seen = erasing.preview(house_of(request).store, key[:400])
    except Refused as wrong:
        return _list(request, user, wrong.problem, key[:400])
    return page(
        request, user, "erase_preview.html", nav="erase", seen=seen, problem=seen.problem if seen.waiting else None, typed=TYPED, reason=""
    )


@router.post("/erase/{person}/export")
def export_person(request: Request, user: Me, person: str) -> Response:
    """Everything that is held on them, to be saved as a file."""
    _may(user)
    try:
        found = erasing.export(house_of(request).store, person, request.state.at)
    except Refused as wrong:
        return _list(request, user, wrong.problem, person)
    body = orjson.dumps(found, option=orjson.OPT_INDENT_2, default=str)
    name = f'attachment; filename="{found["person"]}.json"'
    return Response(body, media_type="application/json", headers={"Content-Disposition": name, "Cache-Control": "private, no-store"})


@router.post("/erase/{person}")
def erase_person(
    request: Request, user: Me, person: str, word: Word = "", reason: Sentence = "", close: Annotated[bool, Form()] = False
) -> Response:
    """Erases them, where the word was typed."""
    _may(user)
    house = house_of(request)
    try:
        if word.strip().lower() != TYPED:
            raise Refused(
                Problem(
                    Place("erase", part="word"), f"'{TYPED}' was not typed", "Type it to say that you mean it: nothing brings them back."
                )
            )
        erasing.erase(
            house.store, person, user.email, request.state.at, reason=reason, close=close, data_dir=house.settings.data_dir
        )  # fmt: skip
    except Refused as wrong:
        return _again(request, user, person, wrong.problem, reason)
    return after(request, "/erase")


def _again(request: Request, user: User, person: str, problem: Problem, reason: str) -> Response:
    """The preview once more, with what was wrong; the list, where there is nobody to preview."""
    try:
        seen = erasing.preview(house_of(request).store, person)
    except Refused as gone:
        return _list(request, user, gone.problem, person)
    return page(request, user, "erase_preview.html", nav="erase", status=409, seen=seen, problem=problem, typed=TYPED, reason=reason)


def _list(request: Request, user: User, problem: Problem | None = None, who: str = "") -> Response:
    with house_of(request).store.reading() as conn:
        found = erasures(conn, LISTED)
    return page(request, user, "erase.html", nav="erase", status=409 if problem else 200, erasures=found, problem=problem, who=who)


def _may(user: User) -> None:
    if not user.erases:
        raise Forbidden(
            Problem(Place("erase"), "only RevOps erases people, or exports what is held on them", "Tell them who asked, and when.")
        )
