"""Overrides: who is ready, not yet or never by hand. Everybody reads them; marketing, RevOps and managers set and lift them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from handfast.desk import overrides
from handfast.desk.refused import Refused
from handfast.moments import YEARS, day_in
from handfast.problem import Place, Problem
from handfast.store import identity
from handfast.store import overrides as rows
from handfast.web.access import Forbidden, User
from handfast.web.forms import Sentence, Word
from handfast.web.house import after, house_of, page, refused, signed_in

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from handfast.store.base import Conn
    from handfast.store.overrides import OverrideRow

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
#: How long one holds unless another day is chosen.
HOLDS: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Shown:
    """An override with the name of whom it is about, and of their account where it is about a person of one."""

    row: OverrideRow
    name: str
    of: str


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    about: str = ""
    verdict: str = ""
    reason: str = ""
    until: str = ""


@router.get("/overrides")
def overrides_page(request: Request, user: Me, about: str = "") -> Response:
    """Those that hold, and for those who may, the form; `about` is already filled in where a page leads here."""
    return _page(request, user, Typed(about[:320].strip(), until=_first_end(request.state.at, user.zone)))


@router.post("/overrides")
def set_one(request: Request, user: Me, about: Word = "", verdict: Word = "", reason: Sentence = "", until: Word = "") -> Response:
    """Sets one, to hold through the day `until` in the user's zone."""
    _may(user)
    typed = Typed(about.strip(), verdict, reason.strip(), until)
    try:
        overrides.set_override(
            house_of(request).store, typed.about, verdict, reason, user.email, _end_of(until, user.zone), request.state.at
        )
    except Refused as wrong:
        return _page(request, user, typed, wrong.problem)
    return after(request, "/overrides")


@router.post("/overrides/{override_id}/lift")
def lift_one(request: Request, user: Me, override_id: str) -> Response:
    """Ends one before its time."""
    _may(user)
    try:
        overrides.lift_override(house_of(request).store, override_id, request.state.at)
    except Refused as wrong:
        return refused(request, user, Problem(wrong.problem.where, wrong.problem.what, "Look at the list again."), "/overrides")
    return after(request, "/overrides")


def _page(request: Request, user: User, typed: Typed, problem: Problem | None = None) -> Response:
    with house_of(request).store.reading() as conn:
        running = _named(conn, rows.running(conn, request.state.at))
    context: dict[str, Any] = {"running": running, "typed": typed, "problem": problem, "may": user.sees_problems}
    tomorrow = (request.state.at.astimezone(user.zone) + timedelta(days=1)).date().isoformat()
    return page(request, user, "overrides.html", nav="overrides", status=409 if problem else 200, earliest=tomorrow, **context)


def _named(conn: Conn, running: list[OverrideRow]) -> list[Shown]:
    """Those that end first stand first. One given of somebody who is folded into another is shown as about the one who was kept."""
    kept = rows.kept(conn, [one.person_id for one in running if one.person_id])
    people = {p.id: (p, a) for p, a in identity.people_with_accounts(conn, list(kept.values()))}
    accounts = identity.known_accounts(conn, [one.account_id for one in running if one.account_id])
    shown = []
    for one in sorted(running, key=lambda row: row.ends_at):
        if one.person_id is not None and kept[one.person_id] in people:
            person, account = people[kept[one.person_id]]
            shown.append(Shown(one, person.name or person.email or person.id, account.name or account.key if account else ""))
        elif one.account_id in accounts:
            found = accounts[one.account_id].account
            shown.append(Shown(one, found.name or found.domain or found.key, ""))
        else:  # Erased since.
            shown.append(Shown(one, one.person_id or one.account_id or "", ""))
    return shown


def _first_end(at: datetime, zone: ZoneInfo) -> str:
    return (at.astimezone(zone) + HOLDS).date().isoformat()


def _end_of(day: str, zone: ZoneInfo) -> datetime:
    """The midnight after that day in that zone, as UTC. Raises Refused where it is no day."""
    try:
        last = day_in(day)
    except ValueError:
        what, fix = f"'{day[:40]}' is not a day", f"Choose one, as 2026-12-24, {YEARS}."
        raise Refused(Problem(Place("override", part="until"), what, fix)) from None
    return datetime.combine(last + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)


def _may(user: User) -> None:
    if not user.sees_problems:
        what = "only marketing, RevOps and managers decide by hand who is ready"
        raise Forbidden(Problem(Place("override"), what, "Tell one of them why."))
