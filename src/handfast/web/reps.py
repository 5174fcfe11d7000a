"""Who is there: everybody reads it; a rep switches themselves, enters their absences and hours; those who lead do it for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, File, Request, Response, UploadFile

from handfast.connectors.ics.absences import LARGEST_BYTES
from handfast.desk import availability, feeds
from handfast.desk.contracts import NoContract
from handfast.desk.refused import Refused
from handfast.desk.standing import Standing, standings
from handfast.moments import YEARS, day_in, moment_in
from handfast.problem import Place, Problem
from handfast.store import availability as rows
from handfast.store import feeds as feed_rows
from handfast.store.feeds import Feed
from handfast.web import words
from handfast.web.access import Forbidden, User
from handfast.web.forms import Sentence, Word
from handfast.web.house import after, house_of, page, signed_in

router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]
#: How many Problems of a calendar are shown.
_SHOWN: Final = 8


@router.get("/reps")
def reps_page(request: Request, user: Me) -> Response:
    return _page(request, user, [])


@router.post("/reps/{rep_id}/switch")
def switch(request: Request, user: Me, rep_id: str, to: Word = "", why: Sentence = "") -> Response:
    """Takes handoffs again, or none until switched on."""
    _may(user, rep_id)
    return _do(
        request, user, rep_id, lambda: availability.switch(house_of(request).store, rep_id, to == "on", user.email, request.state.at, why)
    )


@router.post("/reps/{rep_id}/absences")
def enter(request: Request, user: Me, rep_id: str, first: Word = "", last: Word = "", why: Sentence = "") -> Response:
    """An absence from the first day through the last, whole days on the clocks of whoever is away."""
    _may(user, rep_id)
    with house_of(request).store.reading() as conn:
        zones = {one.id: ZoneInfo(one.time_zone) for one in rows.there(conn, request.state.at)}
    zone = zones.get(rep_id, user.zone)

    def act() -> None:
        starts, ends = _day(first, "first"), _day(last or first, "last") + timedelta(days=1)
        availability.add_absence(
            house_of(request).store, rep_id, _moment(starts, zone), _moment(ends, zone), why, user.email, request.state.at
        )

    return _do(request, user, rep_id, act, form="away", first=first, last=last, why=why)


@router.post("/reps/{rep_id}/absences/drop")
def drop(request: Request, user: Me, rep_id: str, starts: Word = "", source: Word = "") -> Response:
    """Takes one back."""
    _may(user, rep_id)

    def act() -> None:
        try:
            when = moment_in(starts, UTC)
        except ValueError:
            raise Refused(Problem(Place("absence"), "this is no absence of the list", "Reload the page.")) from None
        availability.drop_absence(house_of(request).store, rep_id, when, source, user.email, request.state.at)

    return _do(request, user, rep_id, act)


@router.post("/reps/{rep_id}/calendar")
def calendar(request: Request, user: Me, rep_id: str, file: Annotated[UploadFile, File()]) -> Response:
    """An iCalendar file: what it says takes the place of what it said before."""
    _may(user, rep_id)
    data = file.file.read(LARGEST_BYTES + 1)
    try:
        _, problems = availability.read_calendar(house_of(request).store, rep_id, data, "uploaded", user.email, request.state.at)
    except Refused as wrong:
        problems = [wrong.problem]
    return _page(request, user, problems[:_SHOWN], rep_id, {"form": "away"}) if problems else after(request, f"/reps#{quote(rep_id)}")


@router.post("/reps/{rep_id}/feeds")
def keep_feed(request: Request, user: Me, rep_id: str, url: Sentence = "", name: Word = "") -> Response:
    """The address of a calendar: a worker fetches it from now on."""
    _may(user, rep_id)
    keep = lambda: feeds.keep(house_of(request).store, rep_id, url, user.email, request.state.at, name)  # noqa: E731
    return _do(request, user, rep_id, keep, form="away", url=url, name=name)


@router.post("/reps/{rep_id}/feeds/drop")
def drop_feed(request: Request, user: Me, rep_id: str, name: Word = "") -> Response:
    """It is fetched no more."""
    _may(user, rep_id)
    return _do(request, user, rep_id, lambda: feeds.forget(house_of(request).store, rep_id, name, user.email, request.state.at))


@router.post("/reps/{rep_id}/profile")
def profile(request: Request, user: Me, rep_id: str, week: Sentence = "", holidays: Word = "", skills: Sentence = "") -> Response:
    """Own hours, region and skills; what is left empty is the contract's, or none."""
    _may(user, rep_id)
    named = [one for one in skills.lower().replace(",", " ").replace(";", " ").split() if one]

    def act() -> None:
        parsed = availability.parse_week(week)
        availability.set_profile(
            house_of(request).store, rep_id, parsed, holidays.strip().upper() or None, named, user.email, request.state.at
        )

    return _do(request, user, rep_id, act, form="profile", week=week, holidays=holidays, skills=skills)


def _do(request: Request, user: User, rep_id: str, act: Any, **typed: str) -> Response:
    """Back to the rep it was about; where it is refused, with what was typed."""
    try:
        act()
    except Refused as wrong:
        return _page(request, user, [wrong.problem], rep_id, typed)
    return after(request, f"/reps#{quote(rep_id)}")


def _page(request: Request, user: User, problems: list[Problem], about: str = "", typed: Mapping[str, str] | None = None) -> Response:
    at, house = request.state.at, house_of(request)
    stand: dict[str, Standing] = {}
    with house.store.reading() as conn:
        there = rows.there(conn, at)
        with suppress(NoContract):  # nobody takes handoffs before there is one
            stand = standings(conn, house.contracts(conn).at(at), at, [one.id for one in there])
        away: dict[str, list[rows.Away]] = {}
        for one in rows.absences_of(conn, at):
            away.setdefault(one.rep, []).append(one)
        kept: dict[str, list[tuple[Feed, list[Problem]]]] = {}
        for feed in feed_rows.feeds(conn):
            kept.setdefault(feed.rep, []).append((feed, feeds.problems_of(feed)))
    there.sort(key=lambda one: one.id != user.rep_id)
    context: dict[str, Any] = {
        "there": there,
        "stand": stand,
        "away": away,
        "kept": kept,
        "problems": problems,
        "about": about,
        "typed": typed or {},
        "week_text": availability.week_text,
    }
    context |= {"away_words": words.away, "back_words": words.away_until}
    today = at.astimezone(user.zone).date().isoformat()
    return page(request, user, "reps.html", nav="reps", status=409 if problems else 200, today=today, **context)


def _day(text: str, part: str) -> datetime:
    try:
        return datetime.combine(day_in(text), time())
    except ValueError:
        what, fix = f"'{text[:40]}' is not a day", f"Choose one, as 2026-12-24, {YEARS}."
        raise Refused(Problem(Place("absence", part=part), what, fix)) from None


def _moment(day: datetime, zone: ZoneInfo) -> datetime:
    return day.replace(tzinfo=zone).astimezone(UTC)


def _may(user: User, rep_id: str) -> None:
    if not user.leads and user.rep_id != rep_id:
        what = "only the rep, a manager or RevOps says when somebody takes handoffs"
        raise Forbidden(Problem(Place("availability"), what, "Ask them to."))
