"""Marketing's own promises about a week: measured once, and answered for."""

from __future__ import annotations

import pytest

from handfast.desk.clocks import answered
from handfast.desk.promises import measure_promises
from handfast.desk.refused import Refused
from handfast.facts import Outcome
from handfast.store.base import Store

from .house import CONTRACT, House, moment

PROMISED = CONTRACT.replace("cap: 3 open", "cap: 90 open").replace(
    "dispositions:",
    """marketing:
  volume: {every: week, at_least: 1, at_most: 3, answer_within: 1 day, ladder: [{after: 4 hours, remind: marketing}]}
  false_positives: {every: week, at_most: 25%, minimum: 2, answer_within: 2 days}
dispositions:""",
)


@pytest.fixture
def house(store: Store) -> House:
    return House(store, PROMISED)


def busy_week(house: House) -> None:
    """One handoff in the first week; four in the second, two of which end as no fit."""
    house.arrives("first@early.example", "Fri 10:00")
    for n in range(4):
        house.arrives(f"lead@firm{n}.example", f"Tue+1 10:0{n}")
    for n in (1, 2):
        house.ends(house.handoff(n), str(house.owner(n)), Outcome.DISQUALIFY, "Wed+1 10:00", reason="bad_fit")
    house.ends(house.handoff(3), str(house.owner(3)), Outcome.RECYCLE, "Wed+1 10:00", reason="not_now")


def test_a_week_that_is_only_half_known_is_not_judged(house: House) -> None:
    house.arrives("first@early.example", "Fri 10:00")
    assert measure_promises(house.store, house.book, moment("Mon+1 08:00")) == []


def test_outside_the_band_marketing_owes_an_answer_once_and_is_reminded(house: House) -> None:
    busy_week(house)
    found = measure_promises(house.store, house.book, moment("Mon+2 08:00"))
    assert [(kind, period.name, what.kept) for kind, period, what in found] == [
        ("volume", "2026-W11", False), ("false_positives", "2026-W11", False),
    ]  # fmt: skip
    assert found[0][2].why == "4 handoffs in 2026-W11; promised are 1 to 3."
    assert found[1][2].why.startswith("2 of 3 handoffs closed in 2026-W11 were disqualified for fit or data, 66.7%")
    assert measure_promises(house.store, house.book, moment("Mon+2 09:00")) == [], "each week once"
    house.clock("Mon+2 13:00")
    assert house.heard("marketing")[-1] == "measure"
    clock = house.one("SELECT id FROM clock WHERE kind = 'volume'")
    answered(house.store, clock, "maria", "The trade fair. We hold the rest back next time.", moment("Mon+2 14:00"))
    assert house.one("SELECT stopped_by, about ->> 'by', handoff_id FROM clock WHERE kind = 'volume'") == ("answered", "maria", None)
    with pytest.raises(Refused, match="answered already"):
        answered(house.store, clock, "maria", "Again.", moment("Mon+2 15:00"))
    house.clock("Wed+2 10:00")
    assert house.one("SELECT breached_at IS NOT NULL FROM clock WHERE kind = 'false_positives'"), "that one nobody answered"


def test_inside_its_bounds_nothing_is_owed_and_that_is_kept_too(house: House) -> None:
    house.arrives("first@early.example", "Fri 10:00")
    house.arrives("second@other.example", "Wed+1 10:00")
    found = measure_promises(house.store, house.book, moment("Mon+2 08:00"))
    assert [what.kept for _, _, what in found] == [True, None]
    assert house.one("SELECT count(*) FROM clock WHERE kind IN ('volume', 'false_positives')") == 0
    assert house.events().count("promise_measured") == 2
