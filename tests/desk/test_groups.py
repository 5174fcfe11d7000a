"""Three people of one firm read, compare and ask; none of them is ready alone, and the firm is called all the same."""

from __future__ import annotations

from datetime import UTC

import pytest

from handfast.desk.why import why
from handfast.store.base import Store
from handfast.store.pages import members
from handfast.web.handoffs import group_names
from handfast.web.house import _environment as environment

from .house import CONTRACT, House, moment

GROUPS = CONTRACT.replace("fields: {employees: int, country: text}", "fields: {employees: int, country: text, title: text}").replace(
    "  next_step:\n",
    "  account: {people: 2, roles: {budget: \"title ILIKE '%finance%'\"}, intent: 35, within: 30 days}\n  next_step:\n",
)


@pytest.fixture
def firm(store: Store) -> House:
    return House(store, GROUPS)


def asks(house: House, email: str, at: str, title: str) -> None:
    """A form from somebody of a small firm: fit is far below the bar."""
    house.hears(house.signal(email, "form_submitted", at, form="demo", person={"title": title}, account={"employees": 5}))
    house.decide(at)


def test_a_group_is_ready_although_nobody_alone_is(firm: House) -> None:
    asks(firm, "lena@klein.example", "Mon 10:00", "Engineer")
    assert firm.rows("SELECT id FROM handoff") == []
    asks(firm, "otto@klein.example", "Mon 11:00", "Head of Finance")
    assert {outcome for (outcome,) in firm.rows("SELECT outcome FROM standing")} == {"not_yet"}
    assert firm.one("SELECT h.next_step, a.domain FROM handoff AS h JOIN account AS a ON a.id = h.account_id") == ("demo", "klein.example")
    working = firm.one("SELECT working FROM verdict WHERE outcome = 'ready'")
    assert [one["state"] for one in working["group"]["criteria"]] == ["met", "met", "met", "met"]
    assert [(one["standing"], one["active"]) for one in working["group"]["members"]] == [("confirmed", True), ("potential", True)]
    assert working["sentence"].startswith("The buying group is ready: 2 of 2 active people, 1 of 1 role covered")
    story = why(firm.store, firm.handoff())
    assert story is not None
    assert len(firm.one("SELECT inputs FROM verdict WHERE outcome = 'ready'")) == 2


def test_nobody_with_a_budget_no_group(firm: House) -> None:
    asks(firm, "lena@klein.example", "Mon 10:00", "Engineer")
    asks(firm, "otto@klein.example", "Mon 11:00", "Engineer")
    assert firm.rows("SELECT id FROM handoff") == []


def test_a_group_opens_once_and_again_only_when_somebody_asks_anew(firm: House) -> None:
    from handfast.facts import Outcome

    asks(firm, "lena@klein.example", "Mon 10:00", "Engineer")
    asks(firm, "otto@klein.example", "Mon 11:00", "Head of Finance")
    asks(firm, "lena@klein.example", "Mon 12:00", "Engineer")
    assert firm.one("SELECT count(*) FROM handoff") == 1
    firm.ends(firm.handoff(), str(firm.owner()), Outcome.RECYCLE, "Mon 13:00", reason="not_now")
    firm.hears(firm.signal("lena@klein.example", "page_viewed", "Mon 14:00", path="/pricing"))
    firm.decide("Mon 14:00")
    assert firm.one("SELECT count(*) FROM handoff") == 1
    asks(firm, "lena@klein.example", "Tue 10:00", "Engineer")
    assert firm.one("SELECT count(*) FROM handoff") == 2


def test_why_shows_the_group_and_what_it_lacks(firm: House) -> None:
    """Before the colleague with the budget comes, and after."""
    asks(firm, "lena@klein.example", "Mon 10:00", "Engineer")
    before = why(firm.store, "klein.example")
    assert before is not None
    assert before["group"]["working"]["missing"] == ["1 more active person", "role budget: nobody", "+5 intent"]
    asks(firm, "otto@klein.example", "Mon 11:00", "Head of Finance")
    after = why(firm.store, "klein.example")
    assert after is not None
    assert after["group"]["at"] == moment("Mon 11:00")
    working = after["group"]["working"]
    assert working["missing"] == []
    assert working == firm.one("SELECT working FROM verdict WHERE outcome = 'ready'")["group"]
    budget = next(one for one in working["criteria"] if one["part"] == "role")
    otto = firm.one("SELECT id FROM person WHERE email = 'otto@klein.example'")
    assert (budget["role"], budget["members"]) == ("budget", [otto])


def test_a_contract_without_terms_for_groups_shows_none(store: Store) -> None:
    house = House(store)
    house.arrives("ada@one.example", "Mon 10:00")
    told = why(store, "one.example")
    assert told is not None
    assert "group" not in told


def test_the_page_says_who_covers_which_role(firm: House) -> None:
    """As the page of the handoff shows the verdict: each part, and everybody by name with where they stand."""
    asks(firm, "lena@klein.example", "Mon 10:00", "Engineer")
    asks(firm, "otto@klein.example", "Mon 11:00", "Head of Finance")
    with firm.store.reading() as conn:
        found = members(conn, firm.handoff())
        people = group_names(conn, found)
    assert sorted(people.values()) == ["lena@klein.example", "otto@klein.example"]
    text = (
        environment()
        .from_string('{% from "_working.html" import verdict_working with context %}{{ verdict_working(working, people) }}')
        .render(working=found[0].working, people=people, now=moment("Mon 11:00"), zone=UTC)
    )
    assert "Role budget is covered by 1 person. otto@klein.example." in text
    assert "otto@klein.example: confirmed" in text
    assert "lena@klein.example: potential, active, in no role" in text
