"""How every rep stands now is told by what decides whether they are given a handoff."""

from __future__ import annotations

from datetime import datetime

from handfast.desk.standing import Standing, standings
from handfast.store.base import Store

from .house import CONTRACT, House, moment

HOURS = CONTRACT.replace("cap: 3 open}", "cap: 1 open, hours: team}")


def standing(house: House, rep: str, at: datetime) -> Standing:
    with house.store.reading() as conn:
        return standings(conn, house.book.refresh(conn).at(at), at, [rep])[rep]


def test_outside_their_hours_until_when_full_with_how_many_and_away_through_which_day(store: Store) -> None:
    house = House(store, HOURS)
    assert standing(house, "anna", moment("Mon 10:00")) == Standing(None)
    evening = standing(house, "anna", moment("Fri 20:00"))
    assert (evening.reason, evening.until) == ("off_hours", moment("Mon+1 09:00"))
    assert standing(house, "cleo", moment("Fri 20:00")).reason is None, "their pool asks for no hours"
    house.arrives("pat@firm.example", "Mon 10:00")
    assert standing(house, "anna", moment("Mon 10:05")) == Standing("capped", held=1, most=1)
    house.away("ben", "Tue 00:00", "Thu 00:00")
    away = standing(house, "ben", moment("Tue 12:00"))
    assert (away.reason, away.until) == ("pto", moment("Thu 00:00"))
