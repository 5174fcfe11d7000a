"""Replay: choose a draft or version, let it run on what is recorded, and look at what would have been different."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, Form, Request, Response

from handfast.desk.refused import Refused
from handfast.desk.replay import TOUCH_MINUTES, Stopped
from handfast.desk.replay_runs import SILENT, SPAN, Wish, ask, perform, stop
from handfast.moments import YEARS, day_in
from handfast.problem import Place, Problem
from handfast.store import contracts
from handfast.store import replay as rows
from handfast.store.base import StorageAway
from handfast.web.access import Forbidden, NotFound, User
from handfast.web.forms import Word
from handfast.web.house import House, after, house_of, page, signed_in
from handfast.web.replay_charts import frontier

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from handfast.store.base import Conn

log = structlog.get_logger("handfast.web")
router = APIRouter(include_in_schema=False)
Me = Annotated[User, Depends(signed_in)]

_LISTED: Final = 30
#: One replay at a time in a process: each may take all of its cores and some hundred megabytes.
_turn: Final = Lock()


@router.get("/replay")
def replay_page(request: Request, user: Me, draft: int | None = None, version: int | None = None) -> Response:
    """The form, and the replays so far."""
    house, at = house_of(request), request.state.at
    with house.store.reading() as conn:
        choices = _choices(conn)
        runs, called = rows.runs(conn, _LISTED), _called(conn)
    chosen = f"draft {draft}" if draft is not None else f"version {version}" if version is not None else ""
    context: dict[str, Any] = {
        "choices": choices,
        "called": called,
        "chosen": chosen,
        "runs": [(one, _silent(one, at)) for one in runs],
        "since": (at - SPAN).astimezone(user.zone).date().isoformat(),
        "until": at.astimezone(user.zone).date().isoformat(),
        "minutes": TOUCH_MINUTES,
        "may": _may(user),
    }
    return page(request, user, "replay.html", nav="replay", **context)


@router.post("/replay")
def replay_start(
    request: Request,
    user: Me,
    of: Word = "",
    since: Word = "",
    until: Word = "",
    minutes: Annotated[int, Form(ge=1, le=600)] = TOUCH_MINUTES,
) -> Response:
    """Begins a replay, or takes up the same one."""
    house, at = _house_for(request, user), request.state.at
    with house.store.reading() as conn:
        text = next((text for name, _, text in _choices(conn) if name == of), None)
    if text is None:
        raise NotFound(f"There is no {of} of the contract.")
    # The last day is included; a replay up to today ends now, to the minute.
    end = min(_day(until, "until", at, user.zone, after=1), at.replace(second=0, microsecond=0))
    run, problems = ask(house.store, Wish(text, of, _day(since, "since", at - SPAN, user.zone), end, user.email, minutes), at)
    if run is None:
        raise Refused(problems[0])
    if run.state != "done":
        _begin(house, run)
    return after(request, f"/replay/{run.id}")


@router.get("/replay/{run_id}")
def replay_result(request: Request, user: Me, run_id: str) -> Response:
    """How far it has come, and in the end the report."""
    house = house_of(request)
    run = _run(house, run_id)
    with house.store.reading() as conn:
        title = _called(conn).get(run.contract_id, run.name)
    picture = frontier(run.result["frontier"]) if run.result is not None else ""
    return page(
        request, user, "replay_run.html", nav="replay", **_shown(request, user, run), title=title, found=run.result, picture=picture
    )


@router.get("/replay/{run_id}/progress")
def replay_progress(request: Request, user: Me, run_id: str) -> Response:
    """The bar, asked for every second; once it is done the page is asked for anew."""
    run = _run(house_of(request), run_id)
    headers = {"HX-Redirect": f"/replay/{run.id}"} if run.state not in ("waiting", "running", "stopping") else None
    return page(request, user, "_replay_progress.html", nav="replay", headers=headers, **_shown(request, user, run))


@router.post("/replay/{run_id}/stop")
def replay_stop(request: Request, user: Me, run_id: str) -> Response:
    """Asks it to stop; what was done is kept."""
    stop(_house_for(request, user).store, run_id)
    return after(request, f"/replay/{run_id}")


@router.post("/replay/{run_id}/start")
def replay_again(request: Request, user: Me, run_id: str) -> Response:
    """Goes on where it was stopped, or was left by a process that ended."""
    house = _house_for(request, user)
    _begin(house, _run(house, run_id))
    return after(request, f"/replay/{run_id}")


# --- running ----------------------------------------------------------------------------------------------------


def _begin(house: House, run: rows.Run) -> None:
    Thread(target=_work, args=(house, run), name=f"replay {run.id}", daemon=True).start()


def _work(house: House, run: rows.Run) -> None:
    with _turn:
        try:
            perform(house.store, run, _folder(house), house.clock)
        except (Stopped, Refused):
            return
        except StorageAway:
            log.warning("replay_left", run=run.id, why="database away")
        except Exception as error:  # a thread has nobody to raise to; the page says that it failed
            log.exception("replay_failed", run=run.id, error=type(error).__name__)


def _folder(house: House) -> Path:
    """Where a replay keeps its files."""
    return house.settings.data_dir / "replay"


# --- who and what -----------------------------------------------------------------------------------------------


def _may(user: User) -> bool:
    return user.proposes


def _house_for(request: Request, user: User) -> House:
    if not _may(user):
        what, fix = "only managers, marketing and RevOps start a replay: it takes the machine for a while", "Ask one of them."
        raise Forbidden(Problem(Place("replay"), what, fix))
    return house_of(request)


def _choices(conn: Conn) -> list[tuple[str, str, str]]:
    """(value, what people read, text) of every open draft without problems and every version, the latest first."""
    drafts = [(f"draft {d.number}", f"Draft {d.number}", d.source) for d in contracts.drafts(conn, only_open=True) if d.content]
    versions = [(f"version {v.version}", f"Version {v.version}, {v.name}", v.source) for v in contracts.versions(conn)]
    return [*drafts, *versions[::-1]]


def _called(conn: Conn) -> dict[str, str]:
    """What people call each contract by the hash of its terms: a version before a draft, the latest of several."""
    drafts = {d.content: f"draft {d.number}" for d in contracts.drafts(conn) if d.content}
    return drafts | {v.content: f"version {v.version}" for v in contracts.versions(conn)}


def _run(house: House, run_id: str) -> rows.Run:
    with house.store.reading() as conn:
        found = rows.run(conn, run_id)
    if found is None:
        raise NotFound("There is no such replay. It may be an old link.")
    return found


def _silent(run: rows.Run, at: datetime) -> bool:
    """Whether whoever ran it has gone."""
    return run.state in ("running", "stopping") and at - run.told_at > SILENT


def _shown(request: Request, user: User, run: rows.Run) -> Mapping[str, Any]:
    return {"run": run, "left": _silent(run, request.state.at), "may": _may(user)}


def _day(text: str, part: str, otherwise: datetime, zone: ZoneInfo, after: int = 0) -> datetime:
    """The first moment of that day in that zone, or of the day so many after it, as UTC."""
    if not text:
        return otherwise
    try:
        return datetime.combine(day_in(text) + timedelta(days=after), time(), tzinfo=zone).astimezone(UTC)
    except ValueError:
        what, fix = f"'{text[:40]}' is not a day", f"Write it as 2026-11-22, {YEARS}."
        raise Refused(Problem(Place("replay", part=part), what, fix)) from None
