"""A replay asks a promise in the calendar `rep` of its owner's own hours, as known then: the due time is the one a live clock has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from handfast.facts import Absence, Rep
from handfast.routing.roster import Roster
from handfast.sla.clock import start
from handfast.tuning.replay_load import Owned, carried
from tests.sla.test_clock import told, wall, within

BERLIN = ZoneInfo("Europe/Berlin")


def test_late_is_what_a_live_clock_would_have_called_late() -> None:
    bo = Rep("bo", "Bo", "bo@northwind.example", time_zone="Europe/Berlin", week={"mon-fri": ("08:00-12:00",)})
    roster = Roster({"bo": bo}, [Absence("bo", wall("14 08:00", BERLIN), wall("16 10:00", BERLIN))])
    terms = within("1 hour", calendar="rep")
    raised = wall("13 11:30", BERLIN)
    own = roster.own_hours("bo", raised)
    assert told(start(terms, 0, "hnd", raised, own).due_at, BERLIN) == "16 10:30"

    def late(touch_minutes: int, *received: str) -> Any:
        rows = [SimpleNamespace(row=SimpleNamespace(contract=0, received_at=wall(at, BERLIN))) for at in received]
        owned = [Owned(row, "bo", "pool", "smb", 0, own) for row in rows]  # type: ignore[arg-type]
        return carried([terms], owned, touch_minutes)["bo"]

    assert late(60, "13 11:30", "13 11:30").late == 0, "the second is begun on the 16th, at half past ten, just in time"
    over = late(90, "13 11:30", "13 11:30")
    assert (over.late, over.late_minutes) == (1, (30.0,)), "in the team's hours it would have been a day late by then"
