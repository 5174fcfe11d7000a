"""For whoever watches the process: does it live, and can it work. JSON, without signing in, nothing personal."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from handfast.store import migrate, pulse
from handfast.store.base import StorageAway
from handfast.web.house import House, house_of

if TYPE_CHECKING:
    from pathlib import Path

    from handfast.store.base import Conn

router = APIRouter(include_in_schema=False)
#: With less than this PostgreSQL may not be able to begin another file of its log.
_NEEDED_BYTES: Final = 32 << 20
#: What a full disk looks like from outside: everything can be read, and nothing new is taken.
_FULL: Final = "the database's disk is full: nothing new is recorded until there is room"
HEARTBEAT: Final = timedelta(seconds=30)


@router.api_route("/healthz", methods=["GET", "HEAD"])
def alive() -> dict[str, str]:
    """The process answers. Asks nothing else of anybody."""
    return {"status": "ok"}


@router.api_route("/readyz", methods=["GET", "HEAD"])
def ready(request: Request) -> JSONResponse:
    """200 when everything needed to work is there, 503 with what is missing when not."""
    checks = readiness(house_of(request), request.state.at)
    fine = all(check["ok"] for check in checks.values())
    answer = {"status": "ready" if fine else "not ready", "checks": checks}
    return JSONResponse(answer, 200 if fine else 503, headers={"Cache-Control": "no-store"})


def readiness(house: House, at: datetime) -> dict[str, dict[str, Any]]:
    """Each check with `ok` and a `note` in words."""
    try:
        with house.store.reading() as conn:
            checks = {"database": {"ok": True, "note": "answers"}, "tables": _tables(conn)}
            if not checks["tables"]["ok"]:  # what other tables say cannot be asked of tables of another version
                return checks
            checks |= {"worker": _worker(conn, at), "contract": _contract(conn, at)}
            return checks | ({"room": {"ok": False, "note": _FULL}} if house.store.full() else {})
    except StorageAway:
        return {"database": {"ok": False, "note": _away(house.settings.data_dir)}}


def _away(data_dir: Path) -> str:
    """Why it may be away: our own server stops on a full disk, and starts by itself when there is room."""
    if (data_dir / "postgres").is_dir() and shutil.disk_usage(data_dir).free < _NEEDED_BYTES:
        return "cannot be reached; the disk of the data directory is full: make room, and it starts again by itself"
    return "cannot be reached; check that PostgreSQL runs and HANDFAST_DATABASE_URL is right"


def _tables(conn: Conn) -> dict[str, Any]:
    have, want = migrate.revision_of(conn), migrate.revisions()[-1]
    return {"ok": have == want, "note": f"at revision {have}" if have == want else f"at revision {have}, this version needs {want}"}


def _worker(conn: Conn, at: datetime) -> dict[str, Any]:
    beat = pulse.note(conn, "worker")
    if beat is None:
        return {"ok": False, "note": "no worker has run yet; start `handfast work`"}
    age = at - beat[1]
    return {"ok": age < HEARTBEAT, "note": f"last heard of {max(0, int(age.total_seconds()))} s ago"}


def _contract(conn: Conn, at: datetime) -> dict[str, Any]:
    version = pulse.pulse(conn, at).contract_version
    problem = pulse.note(conn, "contract_problem")
    if not version:
        return {"ok": False, "note": "none is in force; load one with `handfast contract load FILE`"}
    said = f"version {version} is in force"
    return {"ok": True, "note": f"{said}; a newer file did not read" if problem else said}
