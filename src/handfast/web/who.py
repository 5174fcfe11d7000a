"""Who: everything decided about one person or one company, on one page. Everybody reads it; it changes nothing."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from handfast.desk.why import why
from handfast.web.access import NotFound, User
from handfast.web.house import house_of, page, signed_in
from handfast.web.score_chart import score

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]


@router.get("/who/{key:path}")
def who_page(request: Request, user: Me, key: str) -> Response:
    """By id, e-mail address, user id or domain. A handoff's own page tells its story, so that is where its id leads."""
    house = house_of(request)
    told = why(house.store, key[:400], request.state.at)
    if told is None:
        raise NotFound("Nobody is known by this. Give an e-mail address, a domain, or an id as the pages show it.")
    if told["is"] == "handoff":
        return RedirectResponse(f"/handoffs/{quote(told['id'])}", 303)
    if told["is"] == "account":
        return page(request, user, "who_account.html", nav="", account=told, names=_names(told))
    return page(request, user, "who_person.html", nav="", person=told, chart=_chart(told, user), names={})


def _names(account: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["name"] or one["email"] or one["id"] for one in account["people"]}


def _chart(person: dict[str, Any], user: User) -> str:
    if (stands := person.get("standing")) is None:
        return ""
    return score(stands["history"], stands["working"]["bars"]["intent"], user.zone)
