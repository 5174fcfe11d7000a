"""The contract in force, in words and as its authors wrote it, and the versions before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from handfast.desk.contracts import NoContract
from handfast.store import contracts, pages
from handfast.web.access import NotFound, User
from handfast.web.house import house_of, page, signed_in

if TYPE_CHECKING:
    from collections.abc import Mapping

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]


@router.get("/contract")
def contract_page(request: Request, user: Me) -> Response:
    """The version in force now; before there is one, how to load it."""
    return _show(request, user, None)


@router.get("/contract/v/{number}")
def contract_version(request: Request, user: Me, number: int) -> Response:
    """Another version."""
    return _show(request, user, number)


def _show(request: Request, user: User, number: int | None) -> Response:
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        book = house.contracts(conn)
        every = contracts.versions(conn)
        wrong = pages.note(conn, "contract_problem")
        names = pages.rep_names(conn)
        try:
            now_id = book.id_at(at)
        except NoContract:
            return page(request, user, "contract_none.html", nav="contract", problems=_problems(wrong), wrong=wrong)
        version = next((v for v in every if (v.id == now_id if number is None else v.version == number)), None)
        if version is None:
            raise NotFound(f"There is no version {number} of the contract.")
        terms = book.by_id(version.id).contract
    context: dict[str, Any] = {"version": version, "terms": terms, "versions": every[::-1], "in_force": now_id, "names": names}
    return page(request, user, "contract.html", nav="contract", problems=_problems(wrong), wrong=wrong, **context)


def _problems(note: tuple[Any, Any] | None) -> list[Mapping[str, Any]]:
    """The Problems of the last file that did not read: a list of `Problem.as_json`, or one of them."""
    if note is None:
        return []
    value = note[0]
    listed = value.get("problems", [value]) if isinstance(value, dict) else value
    return [one for one in listed if isinstance(one, dict)]
