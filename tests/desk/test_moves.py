"""What moves when somebody says "not mine", leaves, returns, or another system names another owner; and who argues about it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from handfast.connectors.files.rows import EndRow
from handfast.desk import availability, disputes, imports, moves, reroute, waiting
from handfast.desk.actions import reassign
from handfast.desk.imports import NewAccount
from handfast.desk.moves import Moved, move
from handfast.desk.refused import Refused
from handfast.desk.why import why
from handfast.facts import Outcome
from handfast.problem import Problem
from handfast.store import disputes as dispute_rows
from handfast.store import moves as rows
from handfast.store.base import Store

from .house import CONTRACT, REPS, House, moment

REROUTE = CONTRACT.replace(
    "bad_fit: {blames: fit}", "bad_fit: {blames: fit}, wrong_owner: {blames: routing, leads_to: reroute, note: true}"
)


def with_moves(text: str) -> str:
    return CONTRACT.replace("  default: team\n", f"  default: team\n  moves: {{{text}}}\n")


def worker(house: House, at: str) -> Moved:
    """A turn of the worker: what moves by itself, then what is held."""
    done = move(house.store, house.book, moment(at))
    waiting.drain_all(house.store, house.book, moment(at))
    with house.store.reading() as conn:
        assert waiting.unowned(conn) == []
    return done


def rules(house: House, number: int = 0) -> list[tuple[str | None, str]]:
    """Owner and rule of every leg."""
    return house.rows("SELECT owner_id, rule FROM assignment WHERE handoff_id = %s ORDER BY leg", house.handoff(number))


def turns(house: House) -> dict[str, int]:
    return dict(house.rows("SELECT rep_id, turns FROM rotation WHERE pool = 'team'"))


# --- not mine ---------------------------------------------------------------------------------------------------


def test_whoever_says_not_mine_is_rid_of_it_and_has_their_turn_back(store: Store) -> None:
    house = House(store, REROUTE)
    house.arrives("pat@firm.example", "Mon 10:00")
    due = house.one("SELECT due_at FROM clock WHERE kind = 'first_touch'")
    house.ends(house.handoff(), "anna", Outcome.DISQUALIFY, "Mon 10:10", reason="wrong_owner", note="Ben knows them.")
    assert house.owner() is None
    assert house.rows("SELECT closed_at FROM handoff") == [(None,)]
    assert house.one("SELECT kind FROM clock WHERE kind = 'exception' AND stopped_at IS NULL") == "exception"
    assert worker(house, "Mon 10:11").credits == 1
    assert rules(house) == [("anna", "pool"), (None, "rerouted"), ("ben", "pool")]
    assert turns(house) == {"anna": 0, "ben": 1}
    assert house.one("SELECT due_at FROM clock WHERE kind = 'first_touch'") == due, "the lead's clock is never reset"
    assert [(r[0], r[1]) for r in house.rows("SELECT reason, note FROM turn_credit")] == [("wrong_owner", "Ben knows them.")]
    house.ends(house.handoff(), "ben", Outcome.DISQUALIFY, "Mon 10:20", reason="wrong_owner", note="Not mine either.")
    worker(house, "Mon 10:21")
    assert house.owner() is None, "nobody gets it a second time"
    assert turns(house) == {"anna": 0, "ben": 0}


def test_a_turn_is_given_back_once_and_only_where_one_was_taken(house: House) -> None:
    house.arrives("pat@firm.example", "Mon 10:00")
    at = moment("Mon 12:00")
    assert reroute.give_back(house.store, house.handoff(), "no_show", "They never came.", "mia", at)
    assert not reroute.give_back(house.store, house.handoff(), "no_show", "They never came.", "mia", at)
    worker(house, "Mon 12:01")
    assert turns(house) == {"anna": 0, "ben": 0}
    imports.put_accounts(house.store, [NewAccount("owned.example", domain="owned.example", owner="cleo")], at)
    house.arrives("pat@owned.example", "Mon 13:00")
    assert not reroute.give_back(house.store, house.handoff(1), "no_show", "", "mia", at)


# --- away, and back ---------------------------------------------------------------------------------------------

OWNED = NewAccount("owned.example", domain="owned.example", owner="anna")


def test_what_is_held_for_an_owner_goes_back_when_they_return(store: Store) -> None:
    """Anna owns the account and is away: Ben covers. Back on Wednesday she gets it, as long as nobody has tried."""
    house = House(store, with_moves("hand_back: untouched"))
    imports.put_accounts(house.store, [OWNED, NewAccount("other.example", domain="other.example", owner="anna")], moment("Mon 08:00"))
    house.away("anna", "Mon 08:00", "Wed 09:00")
    house.arrives("pat@owned.example", "Mon 10:00")
    house.arrives("kim@other.example", "Mon 10:01")
    assert [house.owner(0), house.owner(1)] == ["ben", "ben"]
    house.calls(house.handoff(1), "ben", "Mon 10:30")
    assert worker(house, "Tue 09:00").handed_back == 0
    assert worker(house, "Wed 09:00").handed_back == 1
    assert [house.owner(0), house.owner(1)] == ["anna", "ben"]
    assert house.rows("SELECT how FROM cover ORDER BY handoff_id = %s DESC", house.handoff(0)) == [("handed_back",), ("stays",)]
    assert rules(house) == [("ben", "pool"), ("anna", "handed_back")]


def test_without_a_word_in_the_contract_cover_stays(house: House) -> None:
    imports.put_accounts(house.store, [OWNED], moment("Mon 08:00"))
    house.away("anna", "Mon 08:00", "Wed 09:00")
    house.arrives("pat@owned.example", "Mon 10:00")
    assert worker(house, "Wed 09:00").handed_back == 0
    assert house.owner() == "ben"


def test_untouched_handoffs_of_whoever_leaves_for_long_go_to_somebody_else(store: Store) -> None:
    house = House(store, with_moves("away_longer_than: 2 days, hand_back: all"))
    house.arrives("pat@firm.example", "Mon 10:00")
    house.arrives("kim@other.example", "Mon 10:01")
    assert house.owner() == "anna"
    house.away("anna", "Mon 12:00", "Tue 12:00")
    assert worker(house, "Mon 12:01").away == 0, "one day is not long"
    house.away("anna", "Tue 12:00", "Fri 12:00")  # joins on to it
    assert worker(house, "Tue 12:01").away == 1
    assert [house.owner(0), house.owner(1)] == ["ben", "ben"]
    assert rules(house) == [("anna", "pool"), ("ben", "away")]
    assert worker(house, "Fri 12:00").handed_back == 1
    assert house.owner() == "anna"


def test_with_nobody_there_it_stays_where_it_is(store: Store) -> None:
    house = House(store, with_moves("away_longer_than: 2 days"))
    house.arrives("pat@firm.example", "Mon 10:00")
    house.away("anna", "Mon 12:00", "Fri 12:00")
    availability.switch(house.store, "ben", False, "ben", moment("Mon 12:00"))
    assert worker(house, "Mon 12:01").away == 0
    assert house.owner() == "anna"


# --- another owner named elsewhere --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "touched", "owner", "state"),
    [
        ("owner_changed: stay", False, "anna", "left"),
        ("owner_changed: untouched", False, "cleo", "followed"),
        ("owner_changed: untouched", True, "anna", "left"),
        ("owner_changed: all", True, "cleo", "followed"),
        ("undo_within: 2 hours", False, "anna", "undone"),
        ("undo_within: 10 minutes, owner_changed: all", False, "cleo", "followed"),
    ],
)
def test_the_crm_names_another_owner(store: Store, policy: str, touched: bool, owner: str, state: str) -> None:
    house = House(store, with_moves(policy))
    imports.put_accounts(house.store, [OWNED], moment("Mon 08:00"))
    house.arrives("pat@owned.example", "Mon 10:00")
    if touched:
        house.calls(house.handoff(), "anna", "Mon 10:05")
    imports.put_accounts(house.store, [NewAccount("owned.example", owner="cleo")], moment("Mon 11:00"))
    worker(house, "Mon 11:01")
    assert house.owner() == owner
    assert house.rows("SELECT was, becomes, by, state, minutes FROM owner_change") == [("anna", "cleo", "import", state, 60.0)]
    assert house.one("SELECT owner_id FROM account WHERE key = 'owned.example'") == ("anna" if state == "undone" else "cleo")
    assert house.events().count("owner_changed") == 1
    with house.store.reading() as conn:
        assert rows.overridden(conn, moment("Mon 00:00")) == [("import", 1, 0)]


def test_a_new_owner_who_is_full_does_not_get_it_and_that_is_said(store: Store) -> None:
    house = House(store, with_moves("owner_changed: all"))
    imports.put_accounts(house.store, [OWNED], moment("Mon 08:00"))
    house.arrives("pat@owned.example", "Mon 10:00")
    house.away("cleo", "Mon 08:00", "Fri 08:00")
    imports.put_accounts(house.store, [NewAccount("owned.example", owner="cleo")], moment("Mon 11:00"))
    worker(house, "Mon 11:01")
    assert house.owner() == "anna"
    assert "It would follow the account, but cleo C is away" in str(house.rows("SELECT data FROM event WHERE name = 'move_failed'"))


# --- disputes -----------------------------------------------------------------------------------------------------


def dispute(house: House, at: str = "Mon 11:00", role: str = "rep", by: str = "anna@kraus.example", about: str = "owner") -> str:
    return disputes.raise_dispute(
        house.store, house.handoff(), about, role, by, "Their parent company is Ben's.", moment(at), book=house.book
    )


def answered(house: House) -> list[dispute_rows.Dispute]:
    with house.store.reading() as conn:
        return dispute_rows.answered(conn)


def test_a_dispute_upheld_moves_the_handoff_and_is_a_label(house: House) -> None:
    house.arrives("pat@firm.example", "Mon 10:00")
    one = dispute(house)
    assert house.one("SELECT due_at FROM dispute") == moment("Wed 11:00")
    with pytest.raises(Refused, match="open already"):
        dispute(house, "Mon 11:05")
    with pytest.raises(Refused, match="raised by sales, so marketing or RevOps answers it"):
        disputes.answer(house.store, one, True, "manager", "mia@kraus.example", "", moment("Mon 12:00"))
    disputes.answer(house.store, one, True, "marketing", "max@kraus.example", "True, they merged.", moment("Mon 12:00"), book=house.book)
    worker(house, "Mon 12:01")
    assert house.owner() == "ben"
    assert turns(house) == {"anna": 0, "ben": 1}
    [label] = answered(house)
    assert (label.rule, label.owner_id, label.state, label.about) == ("pool", "anna", "upheld", "owner")
    with pytest.raises(Refused, match="has an answer already"):
        disputes.answer(house.store, one, False, "revops", "ops", "", moment("Mon 13:00"))


def test_a_dispute_rejected_changes_nothing_but_says_that_the_decision_was_right(house: House) -> None:
    house.arrives("pat@firm.example", "Mon 10:00")
    one = dispute(house)
    disputes.answer(house.store, one, False, "revops", "ops@kraus.example", "No, they are separate.", moment("Mon 12:00"), book=house.book)
    worker(house, "Mon 12:01")
    assert house.owner() == "anna"
    assert [one.state for one in answered(house)] == ["rejected"]


def test_marketing_disputes_and_sales_answers(house: House) -> None:
    house.arrives("pat@firm.example", "Mon 10:00")
    one = dispute(house, role="marketing", by="max@kraus.example", about="readiness")
    with pytest.raises(Refused, match="a sales manager or RevOps"):
        disputes.answer(house.store, one, True, "marketing", "max@kraus.example", "", moment("Mon 12:00"))
    disputes.answer(house.store, one, True, "manager", "mia@kraus.example", "", moment("Mon 12:00"))
    assert house.owner() == "anna", "what was ready then stays with its owner"


def test_a_dispute_nobody_answers_is_late_once(house: House) -> None:
    house.arrives("pat@firm.example", "Mon 10:00")
    dispute(house)
    assert worker(house, "Wed 10:59").late_disputes == 0
    assert worker(house, "Wed 11:00").late_disputes == 1
    assert worker(house, "Wed 12:00").late_disputes == 0
    with house.store.reading() as conn:
        assert dispute_rows.waiting(conn)[0].late_at == moment("Wed 11:00")
    assert (house.heard("marketing"), house.heard("ops")) == (["dispute"], ["dispute"]), "who has to answer, and who minds the exceptions"
    why = house.one("SELECT DISTINCT payload ->> 'why' FROM outbox WHERE kind = 'dispute'")
    assert why == "Sales disputes the owner since 2026-03-02 10:00 UTC, and nobody has answered."
    assert "Their parent company" not in why, "what they said of it stays on the page"


def test_a_late_dispute_of_marketing_goes_to_the_owners_manager_and_to_whoever_minds_by_contract(store: Store) -> None:
    house = House(store, CONTRACT.replace("  default: team\n", "  default: team\n  minded_by: zoe\n"))
    house.arrives("pat@firm.example", "Mon 10:00")
    dispute(house, role="marketing", by="max@kraus.example", about="readiness")
    house.ends(house.handoff(), "anna", Outcome.RECYCLE, "Mon 12:00", reason="not_now")
    worker(house, "Wed 11:00")
    assert (house.heard("mia"), house.heard("zoe"), house.heard("ops")) == (["dispute"], ["dispute"], [])


@pytest.mark.parametrize("role", ["revops", "leader"])
def test_what_revops_or_a_leader_raises_is_neither_sides_and_either_answers_it_but_not_they(house: House, role: str) -> None:
    house.arrives("pat@firm.example", "Mon 10:00")
    one = dispute(house, role=role, by="olga@kraus.example")
    assert house.one("SELECT side FROM dispute") == "neither"
    with pytest.raises(Refused, match="nobody answers a dispute they raised themselves"):
        disputes.answer(house.store, one, True, role, "olga@kraus.example", "", moment("Mon 12:00"))
    with pytest.raises(Refused, match="raised by RevOps or a leader, so marketing, a sales manager or RevOps answers it"):
        disputes.answer(house.store, one, True, "rep", "ben@kraus.example", "", moment("Mon 12:00"))
    worker(house, "Wed 11:00")
    assert (house.heard("marketing"), house.heard("mia")) == (["dispute"], ["dispute"]), "either side may answer, so both hear of it"
    manager = role == "revops"
    disputes.answer(house.store, one, False, "manager" if manager else "marketing", "mia@kraus.example", "", moment("Wed 12:00"))
    assert [one.state for one in answered(house)] == ["rejected"]


def test_only_whoever_raised_it_takes_it_back(house: House) -> None:
    house.arrives("pat@firm.example", "Mon 10:00")
    one = dispute(house)
    with pytest.raises(Refused, match="not yours"):
        disputes.withdraw(house.store, one, "ben@kraus.example", moment("Mon 12:00"))
    disputes.withdraw(house.store, one, "anna@kraus.example", moment("Mon 12:00"))
    assert answered(house) == []


def test_a_dispute_needs_a_reason_and_something_to_be_about(house: House) -> None:
    house.arrives("pat@firm.example", "Mon 10:00")
    for about, reason, what in (("owner", "  ", "needs a reason"), ("weather", "x", "nobody can dispute 'weather'")):
        with pytest.raises(Refused, match=what):
            disputes.raise_dispute(house.store, house.handoff(), about, "rep", "anna", reason, moment("Mon 11:00"))


def test_why_tells_cover_and_disputes(house: House) -> None:
    imports.put_accounts(house.store, [OWNED], moment("Mon 08:00"))
    house.away("anna", "Mon 08:00", "Wed 09:00")
    house.arrives("pat@owned.example", "Mon 10:00")
    dispute(house)
    story = why(house.store, house.handoff())
    assert story is not None
    assert (story["cover"]["owner"], story["cover"]["reason"]) == ("Anna A", "pto")
    assert [one["reason"] for one in story["disputes"]] == ["Their parent company is Ben's."]
    json.dumps(story, default=str)


@pytest.mark.parametrize(("trusted", "owner"), [("[web]", "cleo"), ("[crm]", "anna"), ("[]", "anna")])
def test_a_signal_names_an_owner_only_where_the_contract_trusts_its_source(store: Store, trusted: str, owner: str) -> None:
    """Whoever reads a web page knows its write key: the account of Anna is not taken with one call."""
    house = House(store, with_moves(f"owner_changed: all, owners_from: {trusted}"))
    imports.put_accounts(house.store, [OWNED], moment("Mon 08:00"))
    house.arrives("pat@owned.example", "Mon 10:00")
    house.hears(house.signal("pat@owned.example", "group", "Mon 11:00", account={"owner": "cleo@kraus.example"}))
    house.decide("Mon 11:00")
    house.hears(house.signal("pat@owned.example", "group", "Mon 11:05", account={"owner": "nobody@kraus.example"}))
    house.decide("Mon 11:05")
    worker(house, "Mon 11:06")
    assert house.owner() == owner
    assert house.events().count("owner_not_known") == (owner == "cleo")
    assert house.rows("SELECT by FROM owner_change") == ([("web",)] if owner == "cleo" else [])


def test_whatever_belongs_to_somebody_who_left_goes_to_somebody_else(store: Store) -> None:
    """Touched or not, and whatever the contract says of those who are away: nobody works it any more."""
    house = House(store)
    house.arrives("pat@firm.example", "Mon 10:00")
    house.calls(house.handoff(), "anna", "Mon 10:05")
    imports.put_reps(house.store, [replace(one, active=False) for one in REPS if one.id == "anna"])
    with house.store.reading() as conn:
        assert [str(one.what) for one in waiting.unowned(conn)] == ["its owner no longer takes handoffs"]
    assert worker(house, "Mon 11:00").away == 1
    assert rules(house) == [("anna", "pool"), ("ben", "away")]
    assert house.rows("SELECT owner_id FROM cover") == []


def test_what_belonged_to_somebody_who_left_waits_in_the_queue_while_nobody_is_there(store: Store) -> None:
    house = House(store)
    house.arrives("pat@firm.example", "Mon 10:00")
    house.away("ben", "Mon 00:00", "Tue 09:00")
    imports.put_reps(house.store, [replace(one, active=False) for one in REPS if one.id == "anna"])
    assert worker(house, "Mon 11:00").away == 1
    assert house.owner() is None
    assert house.one("SELECT stopped_at IS NULL FROM clock WHERE kind = 'exception'") is True
    assert not worker(house, "Mon 11:01").anything, "it has moved"
    worker(house, "Tue 09:00")
    assert rules(house) == [("anna", "pool"), (None, "away"), ("ben", "pool")]


def test_those_at_the_front_who_must_stay_keep_nobody_waiting(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anna is away for a day, Ben for a week. Hers is older and stays; his is looked at after it, and moves on."""
    monkeypatch.setattr(moves, "BATCH", 1)
    house = House(store, with_moves("away_longer_than: 2 days, hand_back: all").replace("anna: 1, ben: 1", "anna: 1, ben: 1, cleo: 1"))
    house.arrives("pat@firm.example", "Mon 10:00")
    house.arrives("kim@other.example", "Mon 10:01")
    house.away("anna", "Mon 12:00", "Tue 12:00")
    house.away("ben", "Mon 12:00", "Fri 12:00")
    assert worker(house, "Mon 12:01").away == 1
    assert [house.owner(0), house.owner(1)] == ["anna", "cleo"]
    house.away("anna", "Tue 12:00", "Thu 12:00")  # joins on to it
    assert worker(house, "Tue 12:01").away == 1
    assert worker(house, "Thu 12:00").handed_back == 1, "Ben's is the older cover, and he is not back"
    assert [house.owner(0), house.owner(1)] == ["anna", "cleo"]


# --- the same said elsewhere ----------------------------------------------------------------------------------------


def told_elsewhere(house: House, rep: str | None, at: str, now: str) -> list[Problem]:
    """The outcome of Pat's handoff, from a file of the CRM: given at `at`, imported at `now`."""
    row = EndRow("email:pat@firm.example", Outcome.DISQUALIFY, moment(at), "wrong_owner", "", rep)
    return imports.record_end_rows(house.store, [row], "crm.csv", house.book, news_at=moment(now))[1]


def test_not_mine_said_in_the_crm_moves_it_as_on_the_page(store: Store) -> None:
    """Path parity: the same reason, from a file that came in the evening. It is read twice, and moves once."""
    house = House(store, REROUTE)
    house.arrives("pat@firm.example", "Mon 10:00")
    assert told_elsewhere(house, "anna", "Mon 10:10", "Mon 17:00") == []
    assert (house.owner(), house.rows("SELECT closed_at FROM handoff")) == (None, [(None,)])
    assert house.one("SELECT started_at FROM clock WHERE kind = 'exception'") == moment("Mon 17:00"), "nobody had it only since then"
    assert told_elsewhere(house, "anna", "Mon 10:10", "Mon 17:05") == []
    assert worker(house, "Mon 17:06").credits == 1
    assert rules(house) == [("anna", "pool"), (None, "rerouted"), ("ben", "pool")]
    assert house.rows("SELECT outcome, passed_on FROM disposition") == [("disqualify", True)]
    assert [(row[0], row[1]) for row in house.rows("SELECT reason, note FROM turn_credit")] == [("wrong_owner", "wrong owner")]


def test_not_mine_of_somebody_who_has_it_no_more_moves_nothing(store: Store) -> None:
    """Anna said so at ten past ten; by the time the file came Ben had it."""
    house = House(store, REROUTE)
    house.arrives("pat@firm.example", "Mon 10:00")
    reassign(house.store, house.handoff(), "ben", "mia", "", moment("Mon 12:00"))
    assert told_elsewhere(house, "anna", "Mon 10:10", "Mon 17:00") == []
    assert (house.owner(), house.rows("SELECT closed_at FROM handoff")) == ("ben", [(None,)])


def test_not_mine_of_a_past_that_is_lived_through_ends_it(store: Store) -> None:
    """The refusal beside it: an imported history says what became of it; nobody is given a lead of last year."""
    house = House(store, REROUTE)
    house.arrives("pat@firm.example", "Mon 10:00")
    row = EndRow("email:pat@firm.example", Outcome.DISQUALIFY, moment("Mon 10:10"), "wrong_owner", "", "anna")
    imports.record_end_rows(house.store, [row], "history.csv", house.book)
    assert house.rows("SELECT outcome, closed_at FROM handoff") == [("disqualify", moment("Mon 10:10"))]


def test_not_mine_of_what_nobody_owns_leaves_it_in_the_queue(store: Store) -> None:
    house = House(store, REROUTE)
    for rep in ("anna", "ben"):
        house.away(rep, "Mon 00:00", "Tue 00:00")
    house.arrives("pat@firm.example", "Mon 10:00")
    house.ends(house.handoff(), "mia", Outcome.DISQUALIFY, "Mon 10:10", reason="wrong_owner", note="Theirs is another firm.")
    assert (house.owner(), house.rows("SELECT closed_at FROM handoff")) == (None, [(None,)])
    worker(house, "Tue 09:00")
    assert house.owner() == "anna"
