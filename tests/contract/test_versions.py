"""Versions in the running loop: open handoffs keep theirs, and a scheduled one takes force by itself."""

from __future__ import annotations

from datetime import datetime

import pytest

from handfast.desk import drafts
from handfast.desk.drafts import Who
from handfast.store.base import Store
from tests.desk.house import CONTRACT, House, moment

MARA = Who("mara@kraus.example", "Mara M", "marketing")
MIA = Who("mia@kraus.example", "Mia Manager", "manager")
BIGGER = CONTRACT.replace("employees >= 50", "employees >= 5000")
FASTER = CONTRACT.replace("first_touch: 60 minutes", "first_touch: 30 minutes").replace(
    "after: 45 minutes, remind", "after: 20 minutes, remind"
)


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def signed(house: House, text: str, at: str, takes_force: str | None = None) -> int:
    since: datetime | None = moment(takes_force) if takes_force else None
    made = drafts.save(house.store, text, MARA, moment(at), takes_force=since)
    drafts.sign(house.store, made.number, "marketing", MARA, moment(at))
    done = drafts.sign(house.store, made.number, "sales", MIA, moment(at))
    assert done.version is not None
    return done.version.version


def versions(house: House) -> list[int]:
    """The version each handoff was opened under, in the order they were opened."""
    rows = house.rows("SELECT c.version FROM handoff h JOIN contract c ON c.id = h.contract_id ORDER BY h.opened_at, h.id")
    return [row[0] for row in rows]


def test_an_open_handoff_keeps_its_version_and_its_clock(house: House) -> None:
    house.arrives("one@acme.example", "Mon 10:00")
    signed(house, FASTER, "Mon 10:10")
    house.arrives("two@bcme.example", "Mon 10:20")
    assert versions(house) == [1, 2]
    dues = [row[0] for row in house.rows("SELECT due_at FROM clock WHERE kind = 'first_touch' ORDER BY started_at")]
    assert dues == [moment("Mon 11:00"), moment("Mon 10:50")]
    house.clock("Mon 10:46")
    assert house.one("SELECT count(*) FROM outbox WHERE kind = 'reminder'") == 2, "each is reminded by its own ladder"


def test_nobody_has_to_do_anything_at_the_moment_it_takes_force(house: House) -> None:
    signed(house, BIGGER, "Mon 09:00", takes_force="Tue 00:00")
    assert house.arrives("one@acme.example", "Mon 10:00").opened == 1
    assert house.arrives("two@bcme.example", "Tue 10:00").opened == 0
    assert versions(house) == [1]


def test_withdrawn_before_its_moment_it_never_judges_anybody(house: House) -> None:
    number = signed(house, BIGGER, "Mon 09:00", takes_force="Tue 00:00")
    house.arrives("one@acme.example", "Mon 10:00")
    drafts.withdraw_version(house.store, number, MIA, moment("Mon 18:00"))
    assert house.arrives("two@bcme.example", "Tue 10:00").opened == 1
    assert versions(house) == [1, 1]
