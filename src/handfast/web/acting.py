"""Everything a rep can do to a handoff: touch it, accept it, say what became of it, take that back, hand it on.

Every action answers htmx with the parts that changed (the bar, the row, a toast), and everybody else with a redirect.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Request, Response

from handfast.desk.refused import Refused
from handfast.facts import Outcome, TouchKind
from handfast.moments import YEARS, moment_in
from handfast.problem import Place, Problem, one_of
from handfast.store import pages
from handfast.web import words
from handfast.web.access import Forbidden, User, access_handoff, acting_rep
from handfast.web.forms import Sentence, Word, prefixed
from handfast.web.house import House, after, house_of, page, refused, wants_fragment
from handfast.web.login import local
from handfast.web.queue import Me, bar_context, brief_context, queue_context, whose

if TYPE_CHECKING:
    from handfast.store.base import Conn
    from handfast.store.pages import Line

router = APIRouter(include_in_schema=False)


@router.post("/handoffs/{handoff_id}/touch")
def touch(
    request: Request,
    user: Me,
    handoff_id: str,
    kind: Word = "call",
    contact: Annotated[bool, Form()] = False,
    note: Sentence = "",
    back: Word = "",
) -> Response:
    """Log a touch, at once; the toast offers to take it back."""
    from handfast.desk import touches

    house = house_of(request)
    rep = _allowed(house, user, handoff_id)
    if kind not in set(TouchKind):
        return _refusal(
            request,
            user,
            handoff_id,
            back,
            Problem(Place("touch", part="kind"), f"'{kind}' is no kind of touch", one_of(TouchKind, word=kind)),
        )

    def act() -> str | None:
        return touches.touch(house.store, handoff_id, rep, TouchKind(kind), request.state.at, contact=contact, note=note).id

    return _acted(request, user, handoff_id, back, act, f"{words.TOUCHED[kind]}" if kind != "other" else "Touch logged")


@router.post("/touches/{touch_id}/undo")
def undo(request: Request, user: Me, touch_id: str, back: Word = "") -> Response:
    """Take a touch back."""
    from handfast.desk import touches

    house = house_of(request)
    with house.store.reading() as conn:
        handoff_id = pages.touch_handoff(conn, touch_id)
    if handoff_id is None:
        return refused(
            request, user, Problem(Place("touch", part=touch_id), "this touch is not there any more", "Reload the page."), local(back)
        )
    rep = _allowed(house, user, handoff_id)

    def act() -> None:
        touches.undo_touch(house.store, touch_id, rep, request.state.at)

    return _acted(request, user, handoff_id, back, act, "Touch taken back")


async def _answers(request: Request) -> dict[str, str]:
    """What the form says to the questions of its reasons: `answer-CODE-NAME`, by `CODE-NAME`."""
    return await prefixed(request, "answer-")


@router.post("/handoffs/{handoff_id}/dispose")
def dispose(
    request: Request,
    user: Me,
    handoff_id: str,
    answers: Annotated[dict[str, str], Depends(_answers)],
    outcome: Word = "",
    reason: Word = "",
    note: Sentence = "",
    meeting_at: Word = "",
    back: Word = "",
) -> Response:
    """Say what became of it. Recycle and disqualify need a reason from the contract it was opened under."""
    from handfast.desk import outcomes

    house = house_of(request)
    rep = _allowed(house, user, handoff_id)
    if outcome not in set(Outcome):
        problem = Problem(Place("handoff", part="outcome"), f"'{outcome}' is no outcome", one_of(Outcome, word=outcome))
        return _refusal(request, user, handoff_id, back, problem)
    if (meets := _local_time(meeting_at, user.zone)) is None and meeting_at:
        problem = Problem(
            Place("handoff", part="meeting_at"), f"'{meeting_at}' is not a time", f"Choose day and time, {YEARS}, or leave it empty."
        )
        return _refusal(request, user, handoff_id, back, problem)
    mine = {key.removeprefix(f"{reason}-"): value for key, value in answers.items() if key.startswith(f"{reason}-")}

    def act() -> None:
        outcomes.dispose(
            house.store,
            handoff_id,
            rep,
            Outcome(outcome),
            request.state.at,
            reason=reason or None,
            note=note,
            meeting_at=meets,
            answers=mine,
        )

    return _acted(request, user, handoff_id, back, act, words.OUTCOMES[outcome], takes_back=True)


@router.post("/handoffs/{handoff_id}/accept")
def accept(request: Request, user: Me, handoff_id: str, back: Word = "") -> Response:
    """Say: mine."""
    from handfast.desk import outcomes

    house = house_of(request)
    rep = _allowed(house, user, handoff_id)

    def act() -> None:
        outcomes.accept(house.store, handoff_id, rep, request.state.at)

    return _acted(request, user, handoff_id, back, act, "Accepted")


@router.post("/handoffs/{handoff_id}/undo")
def undo_disposition(request: Request, user: Me, handoff_id: str, why: Sentence = "", back: Word = "") -> Response:
    """Take back what was said of it last: one's own; for those who lead, also a rep's, saying why."""
    from handfast.desk import outcomes

    house = house_of(request)
    _allowed(house, user, handoff_id)
    by, at = user.rep_id or user.name, request.state.at

    def act() -> None:
        outcomes.undo(house.store, handoff_id, by, at, leads=user.leads, why=why, channels=house.channels)

    return _acted(request, user, handoff_id, back, act, "Open again")


@router.post("/handoffs/{handoff_id}/reassign")
def reassign(
    request: Request,
    user: Me,
    handoff_id: str,
    to: Word = "",
    why: Sentence = "",
    back: Word = "",
    anyway: Annotated[bool, Form()] = False,
) -> Response:
    """Hand it to another rep: for those who lead; `anyway`: although they cannot take it now."""
    from handfast.desk import actions

    house = house_of(request)
    with house.store.reading() as conn:
        access_handoff(user, conn, handoff_id)
        names = pages.rep_names(conn)
    if not user.leads:
        raise Forbidden(Problem(Place("handoff", part=handoff_id), "only a manager or RevOps reassigns", "Ask your manager."))
    if to not in names:
        problem = Problem(Place("handoff", part="to"), f"no rep has the id '{to}'" if to else "nobody was chosen", "Choose a rep.")
        return _refusal(request, user, handoff_id, back, problem)

    def act() -> None:
        actions.reassign(
            house.store, handoff_id, to, user.rep_id or user.name, why, request.state.at, anyway=anyway, channels=house.channels
        )

    return _acted(request, user, handoff_id, back, act, f"Handed to {names[to]}")


def _allowed(house: House, user: User, handoff_id: str) -> str:
    """The rep under whose name the action is recorded. Raises NotFound and Forbidden."""
    with house.store.reading() as conn:
        return acting_rep(user, access_handoff(user, conn, handoff_id, act=True))


def _local_time(text: str, zone: ZoneInfo) -> datetime | None:
    """What a `datetime-local` field says, in the user's zone, as UTC."""
    try:
        return moment_in(text, zone) if text else None
    except ValueError:
        return None


def _acted(
    request: Request, user: User, handoff_id: str, back: str, act: Callable[[], str | None], said: str, *, takes_back: bool = False
) -> Response:
    """Do it, then answer with what changed; a refusal is shown where the button was. `takes_back`: the toast offers to undo it."""
    try:
        touch_id = act()
    except Refused as refusal:
        return _refusal(request, user, handoff_id, back, refusal.problem)
    back = local(back or f"/handoffs/{handoff_id}")
    if not wants_fragment(request):
        return after(request, back)
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        line = access_handoff(user, conn, handoff_id)
        undo = f"/touches/{touch_id}/undo" if touch_id else f"/handoffs/{handoff_id}/undo" if takes_back else None
        toast = {"said": said, "who": line.person, "undo": undo, "back": back}
        if back.startswith("/queue"):
            return _queue_answer(request, user, conn, line, back, toast)
        if back.startswith("/board"):
            return page(request, user, "_board_acted.html", nav="", toast=toast, line=line, lines=_board_row(line))
        context = bar_context(house, conn, user, line, at)
        return page(request, user, "_acted.html", nav="", toast=toast, back=back, headers={"HX-Trigger": "handoff-changed"}, **context)


def _board_row(line: Line) -> list[Line]:
    """The row to show again; none for what has left the board."""
    return [line] if line.ticking and line.owner_id else []


def _queue_answer(request: Request, user: User, conn: Conn, line: Line, back: str, toast: dict[str, Any]) -> Response:
    """The list as it is now, and beside it the same handoff, or once that is closed, the next."""
    house, at = house_of(request), request.state.at
    rep = back.partition("?rep=")[2] or line.owner_id
    mine = whose(user, conn, rep)
    if mine is None:
        return page(request, user, "_acted.html", nav="", toast=toast, back=back, **bar_context(house, conn, user, line, at))
    context = queue_context(house, conn, mine, at)
    shown, headers = line, {}
    if line.closed_at is not None or line.owner_id != mine.rep_id:
        following = next((one for group in context["groups"] if group.key not in ("touched", "done") for one in group.lines), None)
        shown = following or line
    if shown.id != line.id:
        headers = {"HX-Push-Url": f"/queue/{shown.id}{mine.suffix}"}
    context |= brief_context(house, conn, user, shown, at)
    moved = shown.id != line.id or line.closed_at is not None
    here = f"/queue/{shown.id}{mine.suffix}"
    return page(request, user, "_queue_acted.html", nav="queue", toast=toast, moved=moved, back=here, headers=headers, **context)


def _refusal(request: Request, user: User, handoff_id: str, back: str, problem: Problem) -> Response:
    """409 with the bar as it is now and the problem in it; a page of its own without htmx."""
    back = local(back or f"/handoffs/{handoff_id}")
    if not wants_fragment(request):
        return refused(request, user, problem, back)
    if back.startswith("/board"):
        return page(request, user, "_toast_refused.html", nav="", status=409, problem=problem)
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        context = bar_context(house, conn, user, access_handoff(user, conn, handoff_id), at) | {"problem": problem}
    return page(request, user, "_act.html", nav="", status=409, back=back, **context)
