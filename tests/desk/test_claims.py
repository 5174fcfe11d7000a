"""The whole ladder on a real database: opportunities, customers, owners above the account, and conflicts that go to a person."""

from __future__ import annotations

import pytest

from handfast.desk import imports, waiting
from handfast.desk.actions import record_opportunities
from handfast.desk.imports import NewAccount
from handfast.store import waiting as waiting_rows
from handfast.store.base import Store

from .house import CONTRACT, House, moment

LADDER = CONTRACT.replace(
    "  default: team\n",
    "  ladder: [never, named_account, open_opportunity, customer, territory, pool]\n  hierarchy: ultimate\n  customers: bench\n"
    "  never: [{when: \"country = 'IT'\", reason: the lawyers have it}]\n  default: team\n",
)


@pytest.fixture
def whole(store: Store) -> House:
    return House(store, LADDER)


def deal(house: House, id_: str, email: str, owner: str | None, opened: str, closed: str | None = None, won: bool | None = None) -> None:
    person, account = house.one("SELECT id, account_id FROM person WHERE email = %s", email)
    record_opportunities(
        house.store,
        [(id_, person, account, owner, "proposal", 1000.0, moment(opened), moment(closed) if closed else None, won)],
        moment(closed or opened),
    )


def test_an_open_opportunity_brings_the_next_hand_raised_to_its_owner(whole: House) -> None:
    """Nobody owns Weiss. Zoe has had a deal with it since Tuesday: what comes on Wednesday is hers, though it is not her turn."""
    whole.hears(whole.signal("ada@weiss.example", "page_viewed", "Mon 09:00", path="/"))
    whole.decide("Mon 09:00")
    deal(whole, "opp1", "ada@weiss.example", "zoe", "Tue 10:00")
    whole.arrives("bea@weiss.example", "Wed 10:00")
    assert whole.owner() == "zoe"
    working = whole.one("SELECT working FROM assignment")
    assert [rung["rung"] for rung in working] == ["never", "named_account", "open_opportunity"]
    assert working[-1]["read"]["opportunities"] == [{"id": "opp1", "owner": "zoe", "opened": "2026-03-03"}]
    assert whole.one("SELECT counts FROM assignment") is False


def test_a_customer_comes_to_whoever_sold_to_them_last(whole: House) -> None:
    whole.hears(whole.signal("ada@weiss.example", "page_viewed", "Mon 09:00", path="/"))
    whole.decide("Mon 09:00")
    deal(whole, "opp1", "ada@weiss.example", "zoe", "Mon 10:00", "Tue 10:00", True)
    whole.arrives("ada@weiss.example", "Wed 10:00")
    assert (whole.owner(), whole.one("SELECT rule FROM assignment")) == ("zoe", "customer")


def test_two_owners_with_a_claim_leave_it_to_a_person_who_is_told_why(whole: House) -> None:
    """Anna owns Weiss, Ben the group at the top. It stands in the exception queue with its clock, and ops hears the conflict by name."""
    accounts = [
        NewAccount("weiss.example", "Weiss", "weiss.example", "anna", {"parent": "gruppe.example"}),
        NewAccount("gruppe.example", "Gruppe", "gruppe.example", None, {"parent": "holding.example"}),
        NewAccount("holding.example", "Holding", "holding.example", "ben"),
    ]
    imports.put_accounts(whole.store, accounts, moment("Mon 08:00"))
    whole.arrives("ada@weiss.example", "Mon 10:00")
    assert whole.owner() is None
    assert whole.one("SELECT kind FROM clock WHERE kind = 'exception' AND stopped_at IS NULL") == "exception"
    said = "Anna A owns the account and Ben B owns Holding above it; the contract does not say who wins."
    assert said in str(whole.one("SELECT working FROM assignment"))
    assert said in str(whole.one("SELECT payload FROM outbox WHERE kind = 'exception' AND recipient = 'ops'"))


def test_what_comes_to_be_claimed_by_two_while_it_waits_is_left_to_a_person(whole: House) -> None:
    """Everybody is out. Meanwhile Weiss gets two owners; Braun gets one. Back at work, nobody is given Weiss until somebody says whose."""
    for rep in ("anna", "ben", "cleo", "zoe"):
        whole.away(rep, "Mon 00:00", "Tue 09:00")
    whole.arrives("ada@weiss.example", "Mon 10:00")
    whole.arrives("eva@braun.example", "Mon 10:01")
    accounts = [
        NewAccount("weiss.example", "Weiss", "weiss.example", "anna", {"parent": "holding.example"}),
        NewAccount("holding.example", "Holding", "holding.example", "ben"),
        NewAccount("braun.example", "Braun", "braun.example", "ben"),
    ]
    imports.put_accounts(whole.store, accounts, moment("Mon 11:00"))
    assert waiting.drain_all(whole.store, whole.book, moment("Mon 11:01")) == []
    assert whole.rows("SELECT for_person FROM handoff ORDER BY opened_at") == [(True,), (False,)]
    working = whole.one("SELECT working FROM assignment WHERE handoff_id = %s AND leg = 1", whole.handoff())
    assert "Anna A owns the account and Ben B owns Holding above it" in working[-1]["because"]
    assert whole.events().count("left_to_person") == 1
    with whole.store.reading() as conn:
        assert waiting.unowned(conn) == []
        assert [one.for_person for one in waiting_rows.standing(conn)] == [True, False]
    assert waiting.drain_all(whole.store, whole.book, moment("Tue 10:00")) == [whole.handoff(1)]
    assert [whole.owner(0), whole.owner(1)] == [None, "ben"]
    assert whole.events().count("left_to_person") == 1


def test_a_group_signal_may_say_who_stands_above(whole: House) -> None:
    """The parent came with a signal; its owner counts for the next handoff of the account."""
    imports.put_accounts(whole.store, [NewAccount("gruppe.example", "Gruppe", "gruppe.example", "zoe")], moment("Mon 08:00"))
    whole.arrives("ada@weiss.example", "Mon 10:00", account={"employees": 200, "parent": "gruppe.example"})
    assert whole.owner() == "zoe"


def test_what_the_contract_keeps_from_everybody_is_given_to_nobody(whole: House) -> None:
    whole.arrives("ada@weiss.example", "Mon 10:00", account={"employees": 200, "country": "IT"})
    whole.arrives("eva@braun.example", "Mon 10:01", account={"employees": 200, "country": "DE"})
    assert [whole.owner(0), whole.owner(1)] == [None, "anna"]


def test_a_circle_of_parents_holds_nobody_up(whole: House) -> None:
    """However it came about: the handoff is opened, and the working says why nobody above was asked."""
    with whole.store.writing() as conn:
        conn.execute(
            """INSERT INTO account (id, key, fields, created_at) VALUES ('a1', 'weiss.example', '{"parent": "rot.example"}', now()),
               ('a2', 'rot.example', '{"parent": "weiss.example"}', now())"""
        )
    whole.arrives("ada@weiss.example", "Mon 10:00")
    assert whole.owner() == "anna"
    assert "lead round in a circle" in str(whole.one("SELECT working FROM assignment"))


def test_what_a_person_must_decide_is_not_given_out_by_itself_and_holds_nobody_up(whole: House) -> None:
    """Sixty wait for the lawyers. Whoever comes next is given to the next in turn at once; and once somebody decides, it is theirs."""
    from handfast.desk.actions import reassign

    signals = [
        whole.signal(f"a@weiss{n}.example", "form_submitted", "Mon 10:00", form="demo", account={"employees": 200, "country": "IT"})
        for n in range(60)
    ]
    whole.hears(*signals)
    whole.decide("Mon 10:00")
    whole.arrives("eva@braun.example", "Mon 10:01", account={"employees": 200, "country": "DE"})
    assert whole.one("SELECT count(*) FROM handoff WHERE owner_id IS NULL") == 60
    assert (
        whole.one("SELECT h.owner_id FROM handoff AS h JOIN person AS p ON p.id = h.person_id WHERE p.email = 'eva@braun.example'")
        == "anna"
    )
    assert waiting.drain_all(whole.store, whole.book, moment("Mon 10:05")) == []
    reassign(whole.store, whole.handoff(), "ben", "mia", "the lawyers agree", moment("Mon 10:06"))
    assert whole.one("SELECT for_person FROM handoff WHERE id = %s", whole.handoff()) is False
