"""What every request needs, and how a page is made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from handfast.contract.history import SIGNS_FOR
from handfast.desk import logins
from handfast.desk.contracts import Book, NoContract
from handfast.numbers import percent, short, signed
from handfast.problem import counted
from handfast.store import contracts, counts, outbox
from handfast.web import charts, words
from handfast.web.access import NotSignedIn, User, user_of
from handfast.web.security import COOKIE
from handfast.worktime import worked

if TYPE_CHECKING:
    from handfast.contract.terms import Contract
    from handfast.problem import Problem
    from handfast.store.base import Conn, Store
    from handfast.store.pages import Line, OtherClock

STATIC: Final = Path(__file__).parent / "static"
UTC_ZONE: Final = ZoneInfo("UTC")


class PageSettings(Protocol):
    """What the pages ask of the settings: the address users type, `https://…` behind a proxy that speaks TLS; where files may be kept."""

    @property
    def public_url(self) -> str: ...

    @property
    def data_dir(self) -> Path: ...


@dataclass(slots=True)
class House:
    """The installation as the web sees it: its store, the time, and the contracts read so far."""

    store: Store
    settings: PageSettings
    clock: Callable[[], datetime]
    book: Book = field(default_factory=Book)
    _lock: Lock = field(default_factory=Lock)

    @property
    def channels(self) -> tuple[str, ...]:
        """The ways out of the house, by name: what is done on a page is told by the same ways as what a worker does."""
        return ("email", *(name for name in ("webhook", "slack", "apprise") if getattr(self.settings, name, None)))

    def contracts(self, conn: Conn) -> Book:
        """The book of contracts, with the versions that came since it was last asked. Safe from several threads."""
        with self._lock:
            return self.book.refresh(conn)

    def zone(self, conn: Conn, at: datetime) -> ZoneInfo:
        """The zone of the contract's own calendar; UTC before there is a contract."""
        try:
            return ZoneInfo(self.contracts(conn).at(at).contract.calendar.timezone)
        except NoContract:
            return UTC_ZONE

    def terms(self, conn: Conn, contract_id: str) -> Contract:
        """The contract a handoff was opened under."""
        return self.contracts(conn).by_id(contract_id).contract


def midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """The start of the day that `at` falls in, in that zone, as UTC."""
    return at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


# --- the request ----------------------------------------------------------------------------------------------


def house_of(request: Request) -> House:
    house = request.app.state.house
    if not isinstance(house, House):
        raise TypeError("create_app puts a House on the application")
    return house


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page; a whole page is asked for by everybody else, and by htmx when it goes back."""
    return request.headers.get("HX-Request-Type") == "partial"


def signed_in(request: Request) -> User:
    """The user of this request.

    Raises:
        NotSignedIn: there is no session, or it ended.
    """
    house, at = house_of(request), request.state.at
    token = request.cookies.get(COOKIE)
    login = logins.session_of(house.store, token, at) if token else None
    if login is None:
        raise NotSignedIn
    with house.store.reading() as conn:
        return user_of(login, house.zone(conn, at))


# --- the page -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _stamp(path: str) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:10]


def asset(path: str) -> str:
    """The address of a static file, stamped with its content, so that browsers may keep it for a year."""
    return f"/static/{path}?v={_stamp(path)}"


SPRITE: Final = "vendor/lucide-1.62.0.svg"


def icon(name: str, cls: str = "") -> Markup:
    return Markup('<svg class="i {}" aria-hidden="true"><use href="{}#{}"/></svg>').format(cls, asset(SPRITE), name)


@pass_context
def _when(context: Context, moment: datetime) -> str:
    return words.when(moment, context["now"], context["zone"])


@pass_context
def _readable(context: Context, sentence: str) -> str:
    return words.readable(sentence, context["now"], context["zone"])


@pass_context
def _day(context: Context, moment: datetime) -> str:
    return words.day(moment, context["now"], context["zone"])


@pass_context
def _last_day(context: Context, end: datetime) -> str:
    """The day before a midnight at which something ends; the day itself for any other moment."""
    return words.day(end - timedelta(microseconds=1), context["now"], context["zone"])


@pass_context
def _countdown(context: Context, line: Line | OtherClock) -> words.Countdown | None:
    if line.due_at is None or line.started_at is None or getattr(line, "paused", False):
        return None  # nothing is due while it stands still
    return words.countdown(line.started_at, line.due_at, context["now"])


def _environment() -> Environment:
    env = Environment(
        loader=PackageLoader("handfast.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.filters |= {
        "when": _when,
        "day": _day,
        "readable": _readable,
        "coded": words.coded,
        "short_day": words.short_day,
        "month_words": words.month,
        "last_day": _last_day,
        "title_words": words.title,
        "zone_words": words.zone,
        "days_words": words.days,
        "initials": words.initials,
        "hue": words.hue,
        "points": words.points,
        "took": words.took,
        "worked": worked,
        "percent": percent,
        "signed": signed,
        "short": short,
        "gist": words.gist,
        "amount": words.amount,
        "moment": datetime.fromisoformat,
    }
    env.globals.update(
        icon=icon, asset=asset, countdown=_countdown, icon_of=words.icon_of, charts=charts, TOUCHED=words.TOUCHED, OUTCOMES=words.OUTCOMES
    )
    env.tests["search_dot"] = lambda source: "." in source
    env.globals.update(criteria=words.criteria, rungs=words.rungs, shown=words.shown, seen=words.seen, counted=counted)
    return env


ENV: Final = _environment()


def render(template: str, **context: Any) -> str:
    """A template as text. `now` and `zone` must be among the context of every template that shows a time."""
    return ENV.get_template(template).render(**context)


def page(
    request: Request, user: User, template: str, *, nav: str, status: int = 200, headers: dict[str, str] | None = None, **context: Any
) -> Response:
    """A whole page or a fragment for a signed-in user, with the numbers of the navigation."""
    house, at = house_of(request), request.state.at
    if not wants_fragment(request):
        with house.store.reading() as conn:
            context["badges"] = counts.badges(conn, user.rep_id, at)
            context["undelivered"] = outbox.dead_count(conn) if user.sees_problems else 0
            side = SIGNS_FOR.get(user.role)
            context["to_sign"] = contracts.waiting_for(conn, side) if side else 0
    text = render(template, user=user, zone=user.zone, now=at, nav=nav, request=request, **context)
    return HTMLResponse(text, status, headers={"Cache-Control": "private, no-store", "Vary": "HX-Request-Type", **(headers or {})})


def plain_page(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """A page outside the signed-in frame: signing in, or an error before we know who asks."""
    text = render(template, now=request.state.at, zone=UTC_ZONE, request=request, **context)
    return HTMLResponse(text, status, headers={"Cache-Control": "private, no-store"})


def after(request: Request, where: str) -> Response:
    """Where a form without JavaScript goes next."""
    return RedirectResponse(where, 303)


def refused(request: Request, user: User, problem: Problem, back: str, status: int = 409) -> Response:
    """A refusal for a request that is not htmx's: a page with what is wrong, how to mend it, and the way back."""
    return page(request, user, "refused.html", nav="", status=status, problem=problem, back=back)
