"""My queue: a rep's open handoffs by the time left, the brief beside it, and what the bar of actions needs to know (`web.acting`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response

from handfast.desk.acting import reserved
from handfast.dispositions import needs_note
from handfast.readiness.explain import whole
from handfast.sla.notice import seal
from handfast.store import counts, notices, pages
from handfast.store import outcomes as given
from handfast.web import words
from handfast.web.access import User, access_handoff
from handfast.web.house import House, after, house_of, midnight, page, signed_in, wants_fragment

if TYPE_CHECKING:
    from handfast.contract.terms import Reason
    from handfast.store.base import Conn
    from handfast.store.pages import Line

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the list. `tone` is how it looks: late, quiet, or plain."""

    key: str
    name: str
    tone: str
    lines: tuple[Line, ...]


def groups(lines: Iterable[Line], at: datetime) -> list[Group]:
    """The list in its five parts; empty ones are left out. Within a part the order given is kept."""
    parts: dict[str, list[Line]] = {"late": [], "hour": [], "later": [], "touched": [], "done": []}
    for line in lines:
        parts[part_of(line, at)].append(line)
    said = {
        "late": ("Late", "late"),
        "hour": ("Due within the hour", ""),
        "later": ("Later", ""),
        "touched": ("Touched, waiting for an outcome", "quiet"),
        "done": ("Done today", "quiet"),
    }
    return [Group(key, *said[key], tuple(found)) for key, found in parts.items() if found]


def part_of(line: Line, at: datetime) -> str:
    """Late, due within the hour, later, touched and waiting, done. What is touched comes up again when its next step falls due."""
    if line.closed_at is not None:
        return "done"
    if line.touched_at is not None:
        if line.paused or line.task_due is None or line.task_from is None or line.task_from > at + HOUR:
            return "touched"
        return "late" if line.task_due < at else "hour" if line.task_due < at + HOUR else "later"
    if not line.ticking or line.due_at is None or line.paused:
        return "later"
    return "late" if line.due_at < at else "hour" if line.due_at < at + HOUR else "later"


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose queue is shown: the user's own, or for somebody who leads, a rep's."""

    rep_id: str
    name: str
    zone: ZoneInfo
    own: bool

    @property
    def suffix(self) -> str:
        """What links within somebody else's queue carry."""
        return "" if self.own else f"?rep={self.rep_id}"


def whose(user: User, conn: Conn, rep: str | None) -> Whose | None:
    """The queue asked for; None where the user has none of their own and named nobody known."""
    wanted = rep if rep and (user.leads or rep == user.rep_id) else user.rep_id
    found = next((r for r in pages.reps(conn) if r.id == wanted), None)
    return (
        Whose(found.id, found.name, user.zone if found.id == user.rep_id else ZoneInfo(found.time_zone), found.id == user.rep_id)
        if found
        else None
    )


def queue_context(house: House, conn: Conn, mine: Whose, at: datetime) -> dict[str, Any]:
    """What the list needs: its groups, the day's numbers, whose it is."""
    since = midnight(at, mine.zone)
    lines = pages.queue(conn, mine.rep_id, since)
    parts = groups(lines, at)
    late = next((len(g.lines) for g in parts if g.key == "late"), 0)
    return {
        "groups": parts,
        "whose": mine,
        "today": counts.today(conn, mine.rep_id, since),
        "late": late,
        "plans": _plans(house, conn, lines),
        "full": len(lines) >= pages.MOST_ROWS,
    }


def note_opened(house: House, user: User, handoff_id: str, at: datetime, via: str = "") -> None:
    """The owner looks at the brief: kept the first time, with the door they came by where the link's seal proves it.

    A scanner that follows a link is not signed in, and so opens nothing.
    """
    if user.rep_id is None:
        return
    with house.store.reading() as conn:
        if not notices.unseen(conn, handoff_id, user.rep_id):
            return
        channel, _, said = via.partition(".")
        secret = notices.kept_secret(conn) if said else None
    door = channel if secret and compare_digest(said.encode(), seal(secret, handoff_id, user.rep_id, channel).encode()) else "page"
    with house.store.writing() as conn:
        notices.note_opened(conn, handoff_id, user.rep_id, at, door)


def _plans(house: House, conn: Conn, lines: Iterable[Line]) -> dict[str, list[tuple[str, str]]]:
    """Contract → channel and hint of each step of its follow-up, of those whose next touch is shown."""
    ids = {line.contract_id for line in lines if line.task == "next_touch"}
    plans = {contract_id: house.terms(conn, contract_id).follow_up for contract_id in ids}
    return {contract_id: [(step.channel, step.say) for step in plan.steps] for contract_id, plan in plans.items() if plan is not None}


# --- the brief beside it --------------------------------------------------------------------------------------


def brief_context(house: House, conn: Conn, user: User, line: Line, at: datetime) -> dict[str, Any]:
    """What the pane beside the list needs of one handoff."""
    body = line.brief or {}
    signals = [str(cite) for one in body.get("key_signals", ()) for cite in one["cites"]]
    return {
        "line": line,
        "body": body,
        "numbers": {signal: i for i, signal in enumerate(dict.fromkeys(signals), 1)},
        "members": [_whole(house, conn, one) for one in pages.members(conn, line.id)],
        "version": house.contracts(conn).version(line.contract_id),
        **bar_context(house, conn, user, line, at),
    }


def _whole(house: House, conn: Conn, member: pages.Member) -> pages.Member:
    return replace(member, working=whole(house.contracts(conn).by_id(member.contract_id), member.working))


def bar_context(house: House, conn: Conn, user: User, line: Line, at: datetime) -> dict[str, Any]:
    """What the action bar needs: may this user act, which reasons there are, what was touched and how fast."""
    terms = house.terms(conn, line.contract_id).dispositions
    spent = (line.touched_at - line.opened_at).total_seconds() if line.touched_at else None
    spare = (line.due_at - line.stopped_at).total_seconds() if line.due_at and line.stopped_at else None
    return {
        "line": line,
        "can_act": user.leads or (user.rep_id is not None and line.owner_id == user.rep_id),
        "reasons": {"recycle": _labelled(terms.recycle.reasons), "disqualify": _labelled(terms.disqualify.reasons)},
        "meeting_time": terms.meeting_set.time == "required",
        "accept": _accept(conn, user, line),
        "can_undo": _can_undo(house, conn, user, line, at),
        "outcome_words": _outcome_words(line, {**terms.recycle.reasons, **terms.disqualify.reasons}),
        "last": pages.last_touch(conn, line.id),
        "spent": spent,
        "spare": spare,
        "problem": None,
    }


def _labelled(reasons: Mapping[str, Reason]) -> list[tuple[str, str, bool, tuple[tuple[str, str], ...]]]:
    """Code, label, whether it asks for a note, and the answers it asks for (name, type); of those that may still be chosen."""
    return [
        (code, reason.label or words.title(code), needs_note(code, reason), tuple(reason.asks.items()))
        for code, reason in reasons.items()
        if reason.active
    ]


def _accept(conn: Conn, user: User, line: Line) -> bool:
    """Whether this user is asked to say that the handoff is theirs."""
    return line.owner_id is not None and line.owner_id == user.rep_id and given.awaits_accept(conn, line.id)


def _can_undo(house: House, conn: Conn, user: User, line: Line, at: datetime) -> str:
    """Whether this user may still take back how it was closed: `own`, `leads` where they must say why, or empty."""
    if line.closed_at is None or (last := given.last(conn, line.id)) is None or reserved(last.by):
        return ""
    if at - last.recorded_at > timedelta(minutes=house.terms(conn, line.contract_id).dispositions.undo.minutes):
        return ""
    return "own" if last.by == user.rep_id else "leads" if user.leads else ""


def _outcome_words(line: Line, reasons: Mapping[str, Reason]) -> str:
    if line.outcome is None:
        return ""
    said = words.OUTCOMES.get(line.outcome, words.title(line.outcome))
    if not line.reason:
        return said
    known = reasons.get(line.reason)
    label = (known.label if known else "") or words.title(line.reason)
    return f"{said}: {label[:1].lower()}{label[1:]}"


# --- pages ----------------------------------------------------------------------------------------------------


@router.get("/queue")
def queue_page(request: Request, user: Me, rep: str | None = None) -> Response:
    """The list, and the most urgent handoff beside it."""
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        mine = whose(user, conn, rep)
        if mine is None:
            return after(request, "/board")
        context = queue_context(house, conn, mine, at)
        first = next((line for group in context["groups"] if group.key != "done" for line in group.lines), None)
        context |= brief_context(house, conn, user, first, at) if first else {"line": None}
    if first and mine.own:
        note_opened(house, user, first.id, at)
    return page(request, user, "queue.html", nav="queue", view="list", **context)


@router.get("/queue/list")
def queue_list(request: Request, user: Me, rep: str | None = None) -> Response:
    """The list alone: what the stream makes a page ask for again."""
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        mine = whose(user, conn, rep)
        if mine is None:
            return after(request, "/board")
        context = queue_context(house, conn, mine, at)
    return page(request, user, "_list.html", nav="queue", line=None, **context)


@router.get("/queue/{handoff_id}")
def queue_brief(request: Request, user: Me, handoff_id: str, rep: str | None = None, via: str = "") -> Response:
    """One handoff of the list: its brief alone for htmx, else the whole page."""
    house, at = house_of(request), request.state.at
    note_opened(house, user, handoff_id, at, via)
    with house.store.reading() as conn:
        line = access_handoff(user, conn, handoff_id)
        mine = whose(user, conn, rep or line.owner_id)
        if mine is None:
            return after(request, f"/handoffs/{handoff_id}")
        context = brief_context(house, conn, user, line, at) | {"whose": mine}
        if wants_fragment(request):
            return page(request, user, "_brief.html", nav="queue", back=f"/queue/{handoff_id}{mine.suffix}", **context)
        context |= queue_context(house, conn, mine, at)
    return page(request, user, "queue.html", nav="queue", view="lead", **context)
