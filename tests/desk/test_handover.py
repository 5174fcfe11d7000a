"""From a signal to an owner with a running clock: the second hop, told as stories."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from handfast.desk import handover
from handfast.desk.contracts import NoContract
from handfast.desk.handover import decide
from handfast.facts import Outcome
from handfast.store import handover as rows
from handfast.store import lanes as lane_rows
from handfast.store.base import Store

from .house import CONTRACT, House, moment


def test_a_demo_request_becomes_a_handoff_with_owner_clock_brief_and_notice(house: House) -> None:
    done = house.arrives("anna@kraus.example", "Mon 10:00")
    assert (done.opened, done.unassigned) == (1, 0)
    assert house.owner() in {"anna", "ben"}
    assert house.one("SELECT due_at FROM clock") == moment("Mon 11:00")
    assert [r[0] for r in house.rows("SELECT action FROM timer ORDER BY step")] == ["remind", "breach", "tell", "reassign", "return_to"]
    assert house.heard(str(house.owner())) == ["handoff_opened"]
    assert house.one("SELECT body ->> 'next_step' FROM brief") == "demo"
    assert house.events() == ["handoff_opened", "assigned"]
    assert house.one("SELECT count(*) FROM pending") == 0


def test_a_small_company_is_not_ready_and_nobody_is_told(house: House) -> None:
    house.arrives("tim@tiny.example", "Mon 10:00", account={"employees": 8})
    assert house.one("SELECT outcome FROM standing") == "not_yet"
    assert house.one("SELECT count(*) FROM handoff") == 0
    assert house.one("SELECT count(*) FROM outbox") == 0


def test_what_is_not_known_is_unknown_and_becomes_ready_when_it_is_learned(house: House) -> None:
    house.arrives("eva@silent.example", "Mon 10:00", account={})
    assert house.one("SELECT outcome FROM standing") == "not_yet"
    house.hears(house.signal("eva@silent.example", "identified", "Mon 11:00", account={"employees": 80}))
    assert house.decide("Mon 11:00").opened == 1
    assert house.one("SELECT opened_at FROM handoff") == moment("Mon 11:00")


def test_an_embargo_beats_everything(house: House) -> None:
    house.arrives("kim@north.example", "Mon 10:00", person={"country": "KP"})
    assert house.one("SELECT outcome, reason FROM standing") == ("never", "embargo")
    assert house.one("SELECT count(*) FROM handoff") == 0


def test_what_a_visitor_did_before_telling_their_name_counts(house: House) -> None:
    for minute in (1, 2):
        house.hears(house.signal(None, "page_viewed", f"Mon 10:0{minute}", visitor="v1", path="/pricing"))
    assert house.decide("Mon 10:05").verdicts == 0
    house.arrives("lea@later.example", "Mon 10:10", visitor="v1")
    assert house.one("SELECT intent FROM standing") > 49_000_000
    assert len(house.one("SELECT inputs FROM verdict")) == 3


def test_a_signal_that_waited_in_its_visitors_lane_is_decided_with_its_account_at_once(house: House) -> None:
    """Recorded while nobody knew the visitor, decided when everybody does: one turn is enough, on the virtual clock too."""
    house.hears(house.signal(None, "page_viewed", "Mon 12:00", visitor="v1", path="/pricing"))
    house.arrives("lea@later.example", "Mon 10:10", visitor="v1")
    done = decide(house.store, house.book, moment("Mon 12:00"))
    assert (done.signals, done.verdicts, done.postponed) == (1, 1, 0)
    assert house.one("SELECT at FROM standing") == moment("Mon 12:00")
    assert house.one("SELECT count(*) FROM pending") == 0


def test_a_second_person_of_an_account_joins_and_starts_no_second_clock(house: House) -> None:
    house.arrives("one@acme.example", "Mon 10:00")
    done = house.arrives("two@acme.example", "Mon 10:30")
    assert (done.opened, done.joined) == (0, 1)
    assert house.one("SELECT count(*) FROM clock") == 1
    assert house.one("SELECT count(*) FROM handoff_person") == 2
    assert house.heard(str(house.owner())) == ["handoff_opened", "joined"]


def test_two_people_of_one_account_in_one_batch_make_one_handoff(house: House) -> None:
    signals = [house.signal(f"{n}@acme.example", "form_submitted", "Mon 10:00", form="demo", account={"employees": 99}) for n in "abc"]
    house.hears(*signals)
    done = house.decide("Mon 10:00")
    assert (done.opened, done.joined) == (1, 2)


def test_free_mail_is_no_account(house: House) -> None:
    for name in ("x", "y"):
        house.arrives(f"{name}@gmail.com", "Mon 10:00", person={"employees": 100}, account={})
    assert house.one("SELECT count(*) FROM account") == 0
    assert house.one("SELECT count(DISTINCT party) FROM handoff") == 2


def test_the_database_itself_refuses_a_second_open_handoff(house: House) -> None:
    house.arrives("one@acme.example", "Mon 10:00")
    with pytest.raises(psycopg.errors.UniqueViolation), house.store.writing() as conn:
        conn.execute(
            """INSERT INTO handoff (id, motion, party, account_id, person_id, contract_id, verdict_id, next_step, opened_at, decided_at)
               SELECT 'hnd_x', motion, party, account_id, person_id, contract_id, verdict_id, next_step, opened_at, decided_at FROM handoff"""
        )


def test_the_owner_of_the_account_gets_it_and_it_is_no_turn(house: House) -> None:
    house.arrives("one@acme.example", "Mon 10:00")
    house.ends(house.handoff(), str(house.owner()), Outcome.RECYCLE, "Mon 10:05", reason="not_now")
    with house.store.writing() as conn:
        conn.execute("UPDATE account SET owner_id = 'cleo'")
    house.arrives("two@acme.example", "Mon 12:00")
    assert house.owner(1) == "cleo"
    assert house.rows("SELECT rule, counts FROM assignment WHERE owner_id = 'cleo'") == [("named_account", False)]


def test_a_territory_claims_its_own(house: House) -> None:
    house.arrives("jean@lyon.example", "Mon 10:00", person={"country": "FR"})
    assert house.owner() == "zoe"
    assert house.one("SELECT rule FROM assignment") == "territory"


def test_caps_hold_and_what_nobody_can_take_waits_visibly(house: House) -> None:
    for n in range(8):
        house.arrives(f"lead@firm{n}.example", "Mon 10:00")
    counts = dict(house.rows("SELECT coalesce(owner_id, 'nobody'), count(*) FROM handoff GROUP BY 1"))
    assert counts == {"anna": 3, "ben": 3, "nobody": 2}
    assert house.one("SELECT count(*) FROM clock WHERE kind = 'exception'") == 2
    assert house.heard("ops") == ["exception", "exception"]


def test_who_is_away_is_passed_over_with_the_reason(house: House) -> None:
    house.away("anna", "Mon 00:00", "Tue 00:00")
    for n in range(2):
        house.arrives(f"lead@firm{n}.example", "Mon 10:00")
    assert {house.owner(0), house.owner(1)} == {"ben"}
    working = house.rows("SELECT working FROM assignment")[0][0]
    assert any(s["reason"] == "pto" for rung in working for s in rung.get("skipped", ()))


def test_deciding_again_changes_nothing(house: House) -> None:
    house.arrives("one@acme.example", "Mon 10:00", message="fixed")
    before = house.rows("SELECT * FROM handoff"), house.events()
    house.hears(house.signal("one@acme.example", "form_submitted", "Mon 10:00", form="demo", message="fixed"))
    house.decide("Mon 10:30")
    assert (house.rows("SELECT * FROM handoff"), house.events()) == before


def test_the_same_signals_in_one_batch_or_one_by_one_lead_to_the_same_verdicts(house: House, database_url: str) -> None:
    def stories(each: House) -> list[object]:
        query = "SELECT person_id, at, outcome, fit, intent, next_step, signal_id, inputs FROM verdict ORDER BY at, id"
        return each.rows(query) + each.rows("SELECT * FROM standing ORDER BY person_id")

    signals = [
        house.signal(None, "page_viewed", f"Mon 10:{n:02d}", visitor=f"v{n % 3}", path="/pricing", message=f"p{n}") for n in range(9)
    ] + [
        house.signal(f"p{n}@firm{n % 2}.example", "form_submitted", f"Mon 11:{n:02d}", visitor=f"v{n}", form="demo", message=f"f{n}",
                     account={"employees": 10 if n == 2 else 60 + n})
        for n in range(3)
    ]  # fmt: skip
    for signal in signals:
        house.hears(signal)
        house.decide(signal.received_at)
    one_by_one = stories(house)
    with house.store.writing() as conn:
        conn.execute(
            "TRUNCATE signal, pending, person, account, identity, standing, verdict, handoff, handoff_person, assignment, rotation, brief, clock, timer,"
            " outbox, event CASCADE"
        )
        conn.execute("ALTER SEQUENCE signal_seq_seq RESTART")
    house.hears(*signals)
    house.decide("Mon 12:00", punctual=True)
    assert stories(house) == one_by_one


def test_a_closed_handoff_opens_again_only_for_a_new_request(house: House) -> None:
    house.arrives("one@acme.example", "Mon 10:00")
    house.ends(house.handoff(), str(house.owner()), Outcome.RECYCLE, "Mon 12:00", reason="not_now")
    house.hears(house.signal("one@acme.example", "page_viewed", "Tue 10:00", path="/pricing"))
    assert house.decide("Tue 10:00").opened == 0, "an old request must not open it again"
    assert house.arrives("one@acme.example", "Wed 10:00").opened == 1


def test_who_was_disqualified_is_not_handed_over_again(house: House) -> None:
    house.arrives("one@acme.example", "Mon 10:00")
    house.ends(house.handoff(), str(house.owner()), Outcome.DISQUALIFY, "Mon 12:00", reason="bad_fit")
    assert house.arrives("one@acme.example", "Wed 10:00").opened == 0


def test_a_user_known_by_id_is_folded_into_the_one_with_the_address(house: House) -> None:
    house.hears(house.signal(None, "page_viewed", "Mon 09:00", user="u1", path="/pricing"))
    house.decide("Mon 09:00")
    house.arrives("ada@firm.example", "Mon 10:00")
    house.hears(house.signal("ada@firm.example", "identified", "Mon 11:00", user="u1"))
    house.decide("Mon 11:00")
    assert house.one("SELECT count(*) FROM person WHERE merged_into IS NULL") == 1
    assert house.one("SELECT count(DISTINCT person_id) FROM identity") == 1


def test_two_workers_share_the_lanes_and_the_longest_waiting_go_first(house: House) -> None:
    from handfast.facts import LANES

    house.hears(*(house.signal(f"one@firm{n}.example", "page_viewed", f"Tue 10:{n:02}", path="/about") for n in range(50)))
    with house.store.writing() as first, house.store.writing() as second:
        lanes = lane_rows.pending_lanes(first)
        oldest = dict(house.rows("SELECT lane, min(received_at) FROM pending GROUP BY lane"))
        assert lanes == sorted(oldest, key=lambda lane: (oldest[lane], lane))
        here = lane_rows.hold_lanes(first, lanes, 5)
        there = lane_rows.hold_lanes(second, lanes, LANES)
        assert here == lanes[:5]
        assert there == lanes[5:], "what the first left, all of it"


def test_the_few_that_wait_are_left_to_the_worker_that_is_deciding_already(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.hears(house.signal("ada@kraus.example", "form_submitted", "Mon 10:00", form="demo", account={"employees": 300}))
    at = moment("Mon 10:01")
    with house.store.writing() as another:
        assert lane_rows.take_floor(another)
        assert decide(house.store, house.book, at, in_company=True).signals == 0, "the other one will take it"
    with house.store.writing() as another:
        assert lane_rows.take_floor(another)
        monkeypatch.setattr(handover, "WORTH_COMPANY", 1)
        assert decide(house.store, house.book, at, in_company=True).signals == 1, "many are worth more hands than one"
    house.hears(house.signal("eva@braun.example", "form_submitted", "Mon 10:02", form="demo", account={"employees": 300}))
    monkeypatch.undo()
    assert decide(house.store, house.book, moment("Mon 10:03"), in_company=True).signals == 1, "nobody else is at it"


def test_few_are_gathered_until_the_oldest_has_waited_a_tenth_of_a_second(house: House) -> None:
    first, later = moment("Mon 10:00"), moment("Mon 10:00") + timedelta(milliseconds=30)
    house.hears(house.signal("ada@kraus.example", "form_submitted", "Mon 10:00", form="demo", account={"employees": 300}))
    waits = decide(house.store, house.book, later, in_company=True)
    assert (waits.signals, waits.rest) == (0, pytest.approx(0.07))
    house.hears(house.signal("eva@braun.example", "form_submitted", "Mon 10:00", form="demo", account={"employees": 300}))
    assert decide(house.store, house.book, first - timedelta(minutes=5), in_company=True).rest == 0.1, (
        "a clock that is behind waits no longer"
    )
    assert decide(house.store, house.book, first + handover.GATHER, in_company=True).signals == 2, "both in one transaction"


def test_without_a_contract_signals_wait_and_nothing_is_lost(store: Store, house: House) -> None:
    with store.writing() as conn:
        conn.execute("TRUNCATE contract CASCADE")  # rows of it are never deleted
    house.book = type(house.book)()
    house.hears(house.signal("a@b.example", "page_viewed", "Mon 10:00"))
    with pytest.raises(NoContract):
        decide(store, house.book, moment("Mon 10:00"))
    assert house.one("SELECT count(*) FROM pending") == 1


def test_a_contract_that_comes_into_force_later_judges_later_signals_only(house: House) -> None:
    from handfast.desk.contracts import put_in_force

    house.arrives("one@acme.example", "Mon 10:00")
    version, problems = put_in_force(house.store, CONTRACT.replace("employees >= 50", "employees >= 5000"), "c.yaml", moment("Tue 00:00"))
    assert (version, problems) == (2, [])
    assert house.arrives("two@bcme.example", "Tue 10:00").opened == 0
    assert house.rows("SELECT DISTINCT c.version FROM handoff h JOIN contract c ON c.id = h.contract_id") == [(1,)]


def test_a_backlog_across_a_change_is_decided_by_the_version_of_each_signals_time(house: House) -> None:
    from handfast.desk.contracts import put_in_force

    stricter = CONTRACT.replace(
        'at_least: 20\n    points: [{when: "employees >= 50"', 'at_least: 20\n    points: [{when: "employees >= 500"'
    )
    number, problems = put_in_force(house.store, stricter, "c.yaml", moment("Wed 00:00"))
    assert number == 2, problems
    asks = [("one@acme.example", "Tue 10:00"), ("two@byte.example", "Wed 10:00"), ("three@cord.example", "Tue 11:00")]
    house.hears(*(house.signal(who, "form_submitted", at, form="demo", account={"employees": 200}) for who, at in asks))
    house.decide("Thu 10:00")
    told = dict(house.rows("SELECT p.email, s.outcome FROM standing AS s JOIN person AS p ON p.id = s.person_id"))
    assert told == {"one@acme.example": "ready", "two@byte.example": "not_yet", "three@cord.example": "ready"}


def test_a_contract_that_does_not_read_leaves_the_one_in_force(house: House) -> None:
    from handfast.desk.contracts import put_in_force

    version, problems = put_in_force(house.store, "contract: broken\nready: [", "c.yaml", moment("Tue 00:00"))
    assert version is None
    assert problems
    assert problems[0].fix
    assert house.arrives("one@acme.example", "Tue 10:00").opened == 1


def test_a_signal_no_rule_hears_costs_no_verdict(house: House) -> None:
    house.hears(house.signal("one@acme.example", "page_viewed", "Tue 09:00", path="/pricing", account={"employees": 10}))
    assert house.decide("Tue 09:00").verdicts == 1
    house.hears(house.signal("one@acme.example", "page_viewed", "Tue 09:10", path="/about"))
    done = house.decide("Tue 09:10")
    assert (done.signals, done.verdicts) == (1, 0)
    house.hears(house.signal("two@acme.example", "page_viewed", "Tue 09:20", path="/about", account={"employees": 200}))
    house.decide("Tue 09:20")
    house.hears(house.signal("one@acme.example", "page_viewed", "Tue 09:30", path="/about"))
    assert house.decide("Tue 09:30").verdicts == 1, "a colleague taught us something about the company"


def test_who_asks_for_nothing_but_was_ready_is_asked_again(house: House) -> None:
    """Ready is not for ever: the first signal after the wish is over finds out, whatever it is."""
    house.arrives("one@acme.example", "Tue 09:00")
    house.hears(house.signal("one@acme.example", "page_viewed", "Thu+1 09:00", path="/about"))
    house.decide("Thu+1 09:00")
    assert house.rows("SELECT outcome FROM verdict ORDER BY at") == [("ready",), ("not_yet",)]


def test_what_was_heard_of_late_is_seen_by_whatever_comes_next(store: Store) -> None:
    house = House(store, CONTRACT.replace("{on: form_submitted, points: 30}", "{on: form_submitted, points: 15}"))
    for minute in ("00", "01"):
        house.hears(house.signal("one@acme.example", "page_viewed", f"Tue 10:{minute}", path="/pricing", account={"employees": 200}))
    house.decide("Tue 10:01")
    house.hears(house.signal("one@acme.example", "form_submitted", "Tue 09:00", received="Tue 11:00", form="demo"))
    assert house.decide("Tue 11:00").opened == 0, "at nine, fifteen points were not enough"
    house.hears(house.signal("one@acme.example", "page_viewed", "Tue 12:00", path="/about"))
    assert house.decide("Tue 12:00").opened == 1


def test_a_key_that_is_linked_brings_along_what_was_done_under_it(house: House) -> None:
    house.hears(house.signal("one@acme.example", "page_viewed", "Tue 09:00", path="/about", account={"employees": 200}))
    house.hears(house.signal(None, "form_submitted", "Tue 09:10", form="demo", visitor="v1"))
    assert house.decide("Tue 09:10").opened == 0
    house.hears(house.signal("one@acme.example", "logged_in", "Tue 09:20", visitor="v1"))
    assert house.decide("Tue 09:20").opened == 1


def test_live_reads_a_signals_value_as_the_contracts_own_examples_do(house: House) -> None:
    """One reading of loose values: what `contract prove` and the live loop make of "yes", 30.0 and 12.5 is the same."""
    from handfast.contract.frames import as_frame
    from handfast.contract.reading import read_contract
    from handfast.desk.verdicts import typed

    text = CONTRACT.replace("ready:\n", "signals: {used: {often: int, paid: bool, share: number, plan: text}}\nready:\n", 1).replace(
        "    points:\n      - {on: form_submitted",
        "    points:\n      - {on: used, when: \"often > 1 AND paid AND share > 0 AND plan = 'x'\", points: 1}\n      - {on: form_submitted",
    )
    agreement, problems = read_contract(text, "c.yaml")
    assert agreement is not None, problems
    said = [
        {"often": 30.0, "paid": "yes", "share": "0.5", "plan": "x"},
        {"often": 12.5, "paid": 1, "share": True, "plan": {"a": 1}},
        {"often": "7", "paid": "perhaps", "share": 3, "plan": 4},
        {},
    ]
    house.hears(*(house.signal("a@b.example", "used", f"Mon 10:0{n}", **one) for n, one in enumerate(said)))
    house.decide("Mon 10:10")
    person = house.one("SELECT id FROM person")
    names = list(agreement.signal_fields)
    with house.store.reading() as conn:
        got = rows.evidence(conn, rows.keys_of_person(conn, person), ["used"], moment("Mon 09:00"), moment("Mon 11:00"), names)
    live = typed(got.sort("occurred_at"), agreement).select(names)
    assert live.equals(as_frame(said, agreement.signal_fields).select(names))
