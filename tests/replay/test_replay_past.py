"""A replay routes by what held then: whose the account was, what stood above it, and what reps were like when a handoff was received."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from handfast.contract.reading import read_contract
from handfast.desk import availability, imports
from handfast.desk.actions import record_opportunities
from handfast.desk.imports import NewAccount
from handfast.desk.replay import Asked, replay
from handfast.facts import Absence, Outcome, Rep
from handfast.store.base import Store
from handfast.tuning import replay_report
from handfast.tuning.replay_load import Owned, routed
from handfast.tuning.replay_past import Like, Moment, Owners, Reps
from handfast.tuning.replay_past import Owned as Told
from tests.desk.house import CONTRACT, REPS, House, moment

GROUPED = CONTRACT.replace("  default: team\n", "  default: team\n  hierarchy: parent\n")
Owns = list[tuple[str, str | None, str]]


@pytest.fixture
def whose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[House, str], tuple[Owns, dict[str, Any]]]:
    """(party's moment, owner, rule) of each handoff under the contract in force, and the report."""
    asked: list[list[Owned]] = []

    def listening(*args: Any) -> list[Owned]:
        asked.append(routed(*args))
        return asked[-1]

    monkeypatch.setattr(replay_report, "routed", listening)

    def of(house: House, text: str) -> tuple[Owns, dict[str, Any]]:
        asked.clear()
        draft, problems = read_contract(text, "draft.yaml")
        assert draft is not None, problems
        found = replay(house.store, Asked(draft, moment("Mon 00:00"), moment("Mon+3 00:00")), tmp_path, lambda _what, _share: None)
        told = [(f"{one.opening.row.received_at:%d %H:%M}", one.owner, one.rule) for one in asked[0]]
        return told, found.report

    return of


def live(house: House) -> Owns:
    """As it was: the first leg of each handoff."""
    return [
        (f"{at:%d %H:%M}", owner, rule)
        for at, owner, rule in house.rows(
            "SELECT h.opened_at, a.owner_id, a.rule FROM handoff AS h JOIN assignment AS a ON a.handoff_id = h.id AND a.leg = 0 ORDER BY 1"
        )
    ]


def named(house: House, key: str, owner: str | None, at: str, **fields: str) -> None:
    imports.put_accounts(house.store, [NewAccount(key, domain=key, owner=owner, fields=fields)], moment(at))


def comes_and_goes(house: House, email: str, day: str) -> None:
    """A handoff that is over the same evening."""
    house.arrives(email, f"{day} 10:00")
    [(handoff, owner)] = house.rows("SELECT id, owner_id FROM handoff WHERE closed_at IS NULL")
    house.ends(handoff, owner or "anna", Outcome.RECYCLE, f"{day} 17:00", reason="not_now")


def test_the_first_goes_to_the_old_owner_and_the_second_to_the_new(store: Store, whose: Callable[..., Any]) -> None:
    house = House(store)
    named(house, "firm.example", "anna", "Mon 08:00")
    comes_and_goes(house, "pat@firm.example", "Mon")
    named(house, "firm.example", "cleo", "Wed 09:00")
    comes_and_goes(house, "kim@firm.example", "Thu")
    found, report = whose(house, CONTRACT)
    assert found == [("02 09:00", "anna", "named_account"), ("05 09:00", "cleo", "named_account")] == live(house)
    assert report["notes"] == []


def test_an_owner_named_before_a_history_was_imported_is_known_to_all_of_it(store: Store, whose: Callable[..., Any]) -> None:
    """The accounts came on Friday, and after them a file with the signals of Monday: live they went to the owner. The replay says so."""
    house = House(store)
    named(house, "firm.example", "anna", "Fri 08:00")
    house.hears(house.signal("pat@firm.example", "form_submitted", "Mon 10:00", form="demo", account={"employees": 200}))
    house.decide("Fri 09:00")
    found, report = whose(house, CONTRACT)
    assert found == [("02 09:00", "anna", "named_account")] == live(house)
    assert report["notes"] == ["1 handoff was received before the owner of their account was recorded: the first who was is taken."]


def test_who_was_away_or_switched_off_then(store: Store, whose: Callable[..., Any]) -> None:
    """Anna switched herself off for a day; Ben's leave was entered when it had begun, and taken back."""
    house = House(store)
    availability.switch(store, "anna", False, "anna", moment("Mon 09:30"))
    comes_and_goes(house, "pat@one.example", "Mon")
    availability.switch(store, "anna", True, "anna", moment("Mon 18:00"))
    house.away("ben", "Mon 00:00", "Fri 00:00", said="Tue 08:00")
    comes_and_goes(house, "pat@two.example", "Tue")
    comes_and_goes(house, "pat@three.example", "Wed")
    availability.drop_absence(store, "ben", moment("Mon 00:00"), "", "mia", moment("Wed 18:00"))
    comes_and_goes(house, "pat@four.example", "Thu")
    found, _ = whose(house, CONTRACT)
    assert [owner for _, owner, _ in found] == ["ben", "anna", "anna", "ben"] == [owner for _, owner, _ in live(house)]


def test_skills_hours_and_who_had_left_then(store: Store, whose: Callable[..., Any]) -> None:
    text = CONTRACT.replace("cap: 3 open", "cap: 3 open, needs: [german]")
    house = House(store, text)
    availability.set_profile(store, "anna", None, None, ["german"], "mia", moment("Mon 08:00"))
    comes_and_goes(house, "pat@one.example", "Mon")
    availability.set_profile(store, "ben", None, None, ["german"], "mia", moment("Mon 19:00"))
    imports.put_reps(store, [replace(REPS[1], active=False)], moment("Mon 20:00"))
    comes_and_goes(house, "pat@two.example", "Tue")
    found, _ = whose(house, text)
    assert [owner for _, owner, _ in found] == ["anna", "ben"] == [owner for _, owner, _ in live(house)]


def test_what_stood_above_an_account_then(store: Store, whose: Callable[..., Any]) -> None:
    house = House(store, GROUPED)
    named(house, "group.example", "cleo", "Mon 08:00")
    named(house, "other.example", "ben", "Mon 08:00")
    named(house, "firm.example", None, "Mon 08:00", parent="group.example")
    comes_and_goes(house, "pat@firm.example", "Mon")
    named(house, "firm.example", None, "Wed 08:00", parent="other.example")
    comes_and_goes(house, "kim@firm.example", "Thu")
    named(house, "other.example", "anna", "Fri 08:00")
    comes_and_goes(house, "lea@firm.example", "Fri")
    found, _ = whose(house, GROUPED)
    assert [owner for _, owner, _ in found] == ["cleo", "ben", "anna"] == [owner for _, owner, _ in live(house)]


def dealt(house: House, owner: str, at: str, opened: str = "Mon 08:00") -> None:
    """The opportunity of the firm, as the CRM has it."""
    [(account,)] = house.rows("SELECT id FROM account WHERE key = 'firm.example'")
    record_opportunities(house.store, [("opp", None, account, owner, "open", None, moment(opened), None, None)], moment(at))


def test_whose_an_opportunity_was_then(store: Store, whose: Callable[..., Any]) -> None:
    """Nobody's before the CRM told of it, then Cleo's, then Zoe's: each handoff as it was live, and not all of them by today's owner."""
    text = CONTRACT.replace("  default: team\n", "  default: team\n  ladder: [open_opportunity, territory, pool]\n")
    house = House(store, text)
    named(house, "firm.example", None, "Mon 08:00")
    comes_and_goes(house, "pat@firm.example", "Mon")
    dealt(house, "cleo", "Tue 08:00")
    comes_and_goes(house, "kim@firm.example", "Tue")
    dealt(house, "zoe", "Wed 08:00")
    comes_and_goes(house, "lea@firm.example", "Wed")
    found, _ = whose(house, text)
    assert [owner for _, owner, _ in found] == ["anna", "cleo", "zoe"] == [owner for _, owner, _ in live(house)]
    assert house.rows("SELECT was, becomes FROM roster_log WHERE noun = 'deal' ORDER BY seq") == [(None, "cleo"), ("cleo", "zoe")]


def test_whoever_came_later_is_taken_as_they_came_and_that_is_said(store: Store, whose: Callable[..., Any]) -> None:
    """A draft gives the firm's territory to somebody who was hired in the second week."""
    house = House(store)
    comes_and_goes(house, "pat@firm.example", "Mon")
    imports.put_reps(store, [Rep("neo", "Neo N", "neo@kraus.example")], moment("Mon+1 08:00"))
    _, report = whose(house, CONTRACT.replace("members: {anna: 1, ben: 1}", "members: {neo: 1}"))
    assert {row["rep"]: row["draft"]["handoffs"] for row in report["owners"]["reps"]} == {"anna": 0, "neo": 1}
    [note] = report["notes"]
    assert "1 handoff was received before anything was recorded of the reps who get them (Neo N; from 2026-03-09 on)" in note


def test_three_weeks_of_change_are_routed_as_they_were(store: Store, whose: Callable[..., Any]) -> None:
    """Owners, parents, leave, switches and leavers change every day; every handoff has the owner it had, by the same rule, by turn too."""
    house, random = House(store, GROUPED), Random(11)
    firms = [f"{name}.example" for name in ("one", "two", "three", "four")]
    for number, day in enumerate(f"{name}+{week}" for week in range(3) for name in ("Mon", "Tue", "Wed", "Thu", "Fri")):
        rep, firm, other = random.choice(REPS[1:]), random.choice(firms), random.choice(firms)
        match random.randrange(5):
            case 0 | 1:
                named(house, firm, rep.id, f"{day} 08:00", **({"parent": other} if other > firm else {}))
            case 2:
                availability.switch(store, rep.id, random.random() < 0.5, "mia", moment(f"{day} 08:00"))
            case 3:
                imports.put_reps(store, [replace(rep, active=random.random() < 0.5)], moment(f"{day} 08:00"))
            case _:
                house.away(rep.id, f"{day} 09:00", f"{day} 20:00", said=f"{day} 08:00")
        for hour, domain in enumerate(random.sample(firms, 2)):
            house.arrives(f"pat{number}{hour}@{domain}", f"{day} {10 + hour}:00")
        for handoff, owner in house.rows("SELECT id, owner_id FROM handoff WHERE closed_at IS NULL"):
            house.ends(handoff, owner or "mia", Outcome.RECYCLE, f"{day} 17:00", reason="not_now")
    found, _ = whose(house, GROUPED)
    assert found == live(house)
    assert {rule for _, _, rule in found} >= {"named_account", "pool"}
    assert len({owner for _, owner, rule in found if rule == "named_account"}) > 1


# --- the log itself -----------------------------------------------------------------------------------------------


def test_every_door_writes_the_log_and_nobody_rewrites_it(store: Store) -> None:
    house = House(store)
    named(house, "firm.example", "anna", "Mon 08:00")
    named(house, "firm.example", "anna", "Mon 09:00", industry="software")  # no other owner: nothing to log
    with store.writing() as conn:
        conn.execute("UPDATE account SET owner_id = NULL")  # by somebody at the database itself
    told = house.rows("SELECT was, becomes, at < '2026-04-01' FROM roster_log WHERE noun = 'owner' ORDER BY seq")
    assert told == [(None, "anna", True), ("anna", None, False)]
    calendar = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260310\nDTEND;VALUE=DATE:20260312\nEND:VEVENT\nEND:VCALENDAR\n"
    for at in ("Mon 10:00", "Mon 11:00"):  # read again, it says the same: nothing to log
        assert availability.read_calendar(store, "anna", calendar, "leave", "anna", moment(at)) == (1, [])
    empty = calendar.replace(b"20260310", b"20260410").replace(b"20260312", b"20260411")
    availability.read_calendar(store, "anna", empty, "leave", "anna", moment("Mon 12:00"))
    ends = [row[0] for row in house.rows("SELECT data ->> 'ends_at' FROM roster_log WHERE noun = 'absence' ORDER BY seq")]
    assert [end[:10] if end else None for end in ends] == ["2026-03-11", None, "2026-04-10"]
    with pytest.raises(Exception, match="never changed or deleted"), store.writing() as conn:
        conn.execute("DELETE FROM roster_log")


# --- moments, without a database -----------------------------------------------------------------------------------

MON, TUE, WED = (moment(f"{day} 12:00") for day in ("Mon", "Tue", "Wed"))


@pytest.mark.parametrize(
    ("moment_", "owner", "unsure"),
    [
        (Moment(MON, 1), "ana", True),  # before anything was told, and recorded before it: whoever it was taken from
        (Moment(MON, 5), "ben", True),  # received on Monday, but recorded after the first change
        (Moment(TUE, 1), "ben", False),
        (Moment(WED, 1), "cy", False),
        (Moment(MON, 9), "cy", True),
    ],
)
def test_the_owner_at_a_moment(moment_: Moment, owner: str, unsure: bool) -> None:
    owners = Owners({"acc": "cy", "old": "dee"}, [Told("acc", "ana", "ben", TUE, 3), Told("acc", "ben", "cy", WED, 8)])
    assert owners.at("acc", moment_) == owner
    assert owners.unsure("acc", moment_) == unsure
    assert (owners.at("old", moment_), owners.unsure("old", moment_)) == ("dee", True)
    assert (owners.at(None, moment_), owners.at("free", moment_)) == (None, None)


def test_going_through_the_past_and_back_again() -> None:
    """Histories that overlap are gone through in whatever order their signals come."""
    on: dict[str, Any] = {"active": True, "time_zone": "UTC", "week": None, "holidays": None, "skills": [], "off": False}
    off = {**on, "off": True}
    leave, before = Absence("ana", TUE, WED), Absence("ana", MON, TUE)
    told = [Like("ana", on, MON, 0), Like("ana", off, TUE, 4), Like("ana", None, WED, 6, TUE, WED), Like("ana", None, WED, 7, TUE)]
    watch = Reps({"ana": Rep("ana", "Ana", "a@x.example")}, [leave, before], told).watch()

    def state(moment_: Moment) -> list[tuple[bool, list[Absence]]]:
        return [(rep.off, sorted(away, key=lambda one: one.starts_at)) for rep, away in watch.changed(moment_)]

    assert state(Moment(MON, 2)) == [(False, [before])]
    assert state(Moment(MON, 3)) == [], "nothing new"
    assert state(Moment(TUE, 3)) == [(True, [before])]
    assert state(Moment(TUE, 7)) == [(True, [before, leave])], "entered before this signal was recorded, taken back after"
    assert state(Moment(MON, 2)) == [(False, [before])]
    assert state(Moment(WED, 2)) == [(True, [before])]
