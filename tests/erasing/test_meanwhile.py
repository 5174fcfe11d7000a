"""Somebody is erased at the very moment at which a list says what happened with them: what it says is written before, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from handfast.connectors.files.rows import DealRow, EndRow, TouchRow
from handfast.desk import imports
from handfast.desk.actions import record_opportunities
from handfast.desk.erasing import erase, preview
from handfast.desk.refused import Refused
from handfast.desk.touches import record_touches
from handfast.facts import Evidence, Outcome, Touch, TouchKind
from handfast.problem import Problem
from handfast.store import erasing, handover
from handfast.store.base import Store
from tests.desk.house import House, moment

from .world import at_work, everything, spoken_of

ADA = "ada@kraus.example"
NOTE = "Ada Lovelacia is off to Quito"
#: How long an erasure gets that should be waiting; one that need not is over in a tenth of it.
PATIENCE_SECONDS = 1.5


class Eraser:
    """Erases Ada while somebody else is between reading and writing, and waits until that is done or it cannot be."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.store = house.store
        self.thread: Thread | None = None
        self.went: list[BaseException | None] = []

    def comes(self) -> None:
        if self.thread is not None:
            return
        self.thread = Thread(target=self._erase)
        self.thread.start()
        self.thread.join(PATIENCE_SECONDS)

    def _erase(self) -> None:
        try:
            erase(self.store, ADA, "rita@house.example", moment("Tue 12:00"), close=True)
            self.went.append(None)
        except BaseException as error:
            self.went.append(error)

    def between(self, home: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """She comes right after this function has answered."""
        old: Callable[..., Any] = getattr(home, name)

        def answered(*given: Any, **more: Any) -> Any:
            found = old(*given, **more)
            self.comes()
            return found

        monkeypatch.setattr(home, name, answered)

    def is_done(self) -> None:
        assert self.thread is not None, "she never came"
        self.thread.join()
        assert self.went == [None]


@pytest.fixture
def eraser(store: Store) -> Eraser:
    return Eraser(at_work(store))


def said_of_ada(store: Store) -> list[str]:
    return spoken_of(everything(store), ("lovelacia", ADA, "quito"))


def touched(number: int, who: str = f"email:{ADA}") -> TouchRow:
    return TouchRow(f"t{number}", who, None, TouchKind.CALL, moment("Mon 11:00"), True, True, NOTE, "phone", number)


def test_a_list_of_touches_leaves_nothing_of_who_is_erased_meanwhile(store: Store, eraser: Eraser, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has found her by her address when she is erased; the touches of others go in."""
    eraser.house.arrives("zed@zett.example", "Mon 10:30", person={"name": "Zed"})
    eraser.between(handover, "identities", monkeypatch)
    rows = [touched(1), touched(2, "email:zed@zett.example")]
    imports.record_touch_rows(store, rows, "touches.csv", moment("Tue 12:00"))
    eraser.is_done()
    assert [row for row in said_of_ada(store) if "(t2," not in row] == []
    assert eraser.house.one("SELECT count(*) FROM touch WHERE id = 't2'") == 1
    added, wrong = imports.record_touch_rows(store, [touched(3)], "touches.csv", moment("Tue 12:10"))
    assert (added, [type(one) for one in wrong]) == (0, [Problem])


def test_a_list_of_deals_finds_her_or_does_not(store: Store, eraser: Eraser, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before she was erased is the company's, and stays without her name; nothing is written after."""
    eraser.between(handover, "identities", monkeypatch)
    deal = DealRow("d1", f"email:{ADA}", None, "won", 5.0, moment("Mon 11:00"), None, None, 1)
    imports.record_deal_rows(store, [deal], "deals.csv", moment("Tue 12:00"))
    eraser.is_done()
    assert nothing_after_her_end(eraser.house, "opportunity")


def nothing_after_her_end(house: House, table: str) -> bool:
    """Whether nothing of hers in this table was written by a transaction later than the one that erased her."""
    query = f"SELECT count(*) FROM {table} AS t JOIN person AS p ON p.id = t.person_id WHERE p.erased_at IS NOT NULL AND t.xmin::text::bigint > p.xmin::text::bigint"
    return bool(house.one(query) == 0)


def test_an_outcome_is_not_given_of_who_was_erased_since_they_were_found(
    store: Store, eraser: Eraser, monkeypatch: pytest.MonkeyPatch
) -> None:
    eraser.between(handover, "identities", monkeypatch)
    end = EndRow(f"email:{ADA}", Outcome.RECYCLE, moment("Mon 11:00"), "not_now", NOTE, None, 4)
    added, wrong = imports.record_end_rows(store, [end], "outcomes.csv", news_at=moment("Tue 12:00"))
    eraser.is_done()
    assert (added, ["was erased" in one.what for one in wrong]) == (0, [True])
    assert said_of_ada(store) == []


def test_calls_and_deals_another_system_reports_of_who_was_erased_are_nobodys(store: Store, eraser: Eraser) -> None:
    """It knew her id from before."""
    ada = preview(store, ADA).person
    at = moment("Tue 12:10")
    eraser.comes()
    eraser.is_done()
    call = Touch("c1", ada, None, TouchKind.CALL, at, Evidence.EVIDENCED, True, "phone", NOTE)
    assert record_touches(store, [call], at).added == 0
    assert record_opportunities(store, [("d2", ada, None, None, "open", 1.0, at, None, None)], at) == 0
    assert said_of_ada(store) == []


def test_who_erases_waits_for_whoever_has_looked_somebody_up(store: Store, eraser: Eraser) -> None:
    """And keeps nobody waiting who looks up after it: they find nobody."""
    with store.writing() as conn:
        erasing.stay_known(conn)
        eraser.comes()
        assert eraser.went == []
    eraser.is_done()
    with pytest.raises(Refused, match="nobody is known by this"):
        preview(store, ADA)
