"""One handoff, whole: what is known, why it is ready, why it is theirs, which clock runs and why, and everything that happened."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import psycopg
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from handfast.store import covers, disputes, pages, story
from handfast.store.replay import names
from handfast.web.access import User, access_handoff
from handfast.web.clocks import clocks_context
from handfast.web.house import house_of, midnight, page, render, signed_in
from handfast.web.queue import brief_context, note_opened

if TYPE_CHECKING:
    from handfast.contract.terms import Contract, Sla

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
#: How far back the palette looks.
HALF_A_YEAR: Final = timedelta(days=183)


@router.get("/handoffs/{handoff_id}")
def handoff_page(request: Request, user: Me, handoff_id: str, via: str = "") -> Response:
    house, at = house_of(request), request.state.at
    note_opened(house, user, handoff_id, at, via)
    with house.store.reading() as conn:
        line = access_handoff(user, conn, handoff_id)
        context = brief_context(house, conn, user, line, at) | clocks_context(house, conn, user, line, at)
        terms = house.terms(conn, line.contract_id)
        context |= {
            "legs": pages.legs(conn, handoff_id),
            "cover": covers.of(conn, handoff_id),
            "disputes": disputes.of_handoff(conn, handoff_id),
            "clocks": pages.clocks(conn, handoff_id),
            "timeline": pages.timeline(conn, handoff_id),
            "names": pages.rep_names(conn),
            "people": group_names(conn, context["members"]),
            "sla": sla_named(terms, line.sla),
            "terms": terms,
            "reps": pages.reps(conn) if user.leads and line.closed_at is None else [],
            "back": f"/handoffs/{handoff_id}",
        }
    return page(request, user, "handoff.html", nav="", **context)


def group_names(conn: psycopg.Connection, members: Iterable[pages.Member]) -> dict[str, str]:
    """What people call those in the buying groups that these verdicts rest on."""
    groups = (group for one in members if (group := one.working.get("group")) is not None)
    ids = {who["person_id"] for group in groups for who in group["members"]}
    return names(conn, list(ids)) if ids else {}


def sla_named(terms: Contract, name: str | None) -> Sla | None:
    """The SLA of the contract the handoff was opened under."""
    return next((sla for sla in terms.sla if sla.name == name), None)


@router.get("/find")
def find(request: Request, user: Me, q: str = "") -> Response:
    """Handoffs of the last half year by person, address or company, for the palette; and whoever is known by just these words."""
    words, at = q.replace("\0", "").strip()[:100], request.state.at
    found, known = [], False
    if len(words) >= 2:
        with house_of(request).store.reading() as conn:
            found = pages.find(conn, words, midnight(at, user.zone) - HALF_A_YEAR)
            known = story.person(conn, words) is not None or story.account(conn, words) is not None
    text = render("_found.html", lines=found, words=words, known=known, now=at, zone=user.zone)
    return HTMLResponse(text, headers={"Cache-Control": "private, no-store"})
