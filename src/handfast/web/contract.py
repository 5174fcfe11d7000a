"""The contract in force, in words and as its authors wrote it; its versions, who signed them, and the drafts of the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from handfast.contract.history import SIDES, standings
from handfast.desk import drafts
from handfast.desk.contracts import NoContract
from handfast.desk.drafts import Who
from handfast.store import contracts, pages, pulse
from handfast.web import terms as words
from handfast.web.access import NotFound, User
from handfast.web.house import after, house_of, page, signed_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handfast.store.contracts import Draft, Version

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]


def who_of(user: User) -> Who:
    """The user as somebody who writes and signs contracts."""
    return Who(user.email, user.name, user.role)


@router.get("/contract")
def contract_page(request: Request, user: Me) -> Response:
    """The version in force now; before there is one, how to begin."""
    return _show(request, user, None)


@router.get("/contract/v/{number}")
def contract_version(request: Request, user: Me, number: int) -> Response:
    """Another version."""
    return _show(request, user, number)


@router.post("/contract/v/{number}/rollback")
def roll_back(request: Request, user: Me, number: int) -> Response:
    """A draft that says what this version said."""
    made = drafts.roll_back(house_of(request).store, number, who_of(user), request.state.at)
    return after(request, f"/contract/drafts/{made.number}")


@router.post("/contract/v/{number}/withdraw")
def withdraw(request: Request, user: Me, number: int) -> Response:
    """Takes a version back before its moment."""
    drafts.withdraw_version(house_of(request).store, number, who_of(user), request.state.at)
    return after(request, f"/contract/v/{number}")


def _show(request: Request, user: User, number: int | None) -> Response:
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        book = house.contracts(conn)
        every = contracts.versions(conn)
        wrong = pulse.note(conn, "contract_problem")
        names = pages.rep_names(conn)
        entries = contracts.history(conn)
        open_drafts = contracts.drafts(conn, only_open=True)
        try:
            now_id = book.id_at(at)
        except NoContract:
            if number is None:
                return _none(request, user, every, open_drafts, wrong)
            now_id = None
        version = next((v for v in every if (v.id == now_id if number is None else v.version == number)), None)
        if version is None:
            raise NotFound(f"There is no version {number} of the contract.")
        terms = book.by_id(version.id).contract
    how = standings((v.term for v in every), at)
    context: dict[str, Any] = {
        **{"version": version, "terms": terms, "versions": every[::-1], "in_force": now_id, "names": names, "how": how, "SIDES": SIDES},
        **{"signed": drafts.signatures_of(entries, version.version), "drafts": open_drafts, "who": who_of(user)},
        **{"words": words, "people": words.about_people(terms), "rest": words.after_promises(terms, names)},
        "coming": [v for v in every if how[v.version] == "scheduled" and v.version != version.version],
    }
    return page(request, user, "contract.html", nav="contract", problems=_problems(wrong), wrong=wrong, **context)


def _none(request: Request, user: User, every: list[Version], open_drafts: list[Draft], wrong: tuple[Any, Any] | None) -> Response:
    context: dict[str, Any] = {"wrong": wrong, "drafts": open_drafts, "versions": every[::-1], "who": who_of(user)}
    return page(request, user, "contract_none.html", nav="contract", problems=_problems(wrong), **context)


def _problems(note: tuple[Any, Any] | None) -> list[Mapping[str, Any]]:
    """The Problems of the last file that did not read: a list of `Problem.as_json`, or one of them."""
    if note is None:
        return []
    value = note[0]
    listed = value.get("problems", [value]) if isinstance(value, dict) else value
    return [one for one in listed if isinstance(one, dict)]
