"""The manager knows something the terms do not, says so by hand, and everybody can read it; it ends by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from handfast.cli import main
from handfast.desk.merge import merge, unmerge
from handfast.desk.overrides import lift_override, list_overrides, set_override
from handfast.desk.refused import Refused
from handfast.desk.why import why

from .house import House, moment


def said(house: House, about: str, verdict: str, at: str, days: int = 14, reason: str = "met at the fair") -> str:
    row = set_override(house.store, about, verdict, reason, "mia", moment(at) + timedelta(days=days), moment(at))
    house.decide(at)
    return row.id


def visits(house: House, email: str, at: str) -> None:
    """A page that is worth something, from somebody of a small firm: not ready by any term."""
    house.hears(house.signal(email, "page_viewed", at, path="/pricing", account={"employees": 5}))
    house.decide(at)


def test_ready_by_hand_opens_a_handoff_at_once(house: House) -> None:
    visits(house, "lena@klein.example", "Mon 10:00")
    assert house.rows("SELECT id FROM handoff") == []
    said(house, "lena@klein.example", "ready", "Mon 11:00")
    assert house.one("SELECT next_step, outcome FROM handoff") == ("by_hand", None)
    assert house.owner() in ("anna", "ben")
    working = house.one("SELECT working FROM verdict WHERE outcome = 'ready'")
    assert working["override"]["reason"] == "met at the fair"
    assert working["override"]["computed"] == "not_yet"
    assert working["sentence"].startswith("Ready, said mia on 2026-03-02 10:00 UTC")


def test_never_by_hand_keeps_a_person_from_sales_until_it_ends(house: House) -> None:
    visits(house, "tom@gross.example", "Mon 09:30")
    said(house, "tom@gross.example", "never", "Mon 10:00", days=2, reason="a friend of the founder")
    house.arrives("tom@gross.example", "Tue 10:00")
    assert house.rows("SELECT id FROM handoff") == []
    house.arrives("tom@gross.example", "Wed 10:01")
    assert house.one("SELECT next_step FROM handoff") == "demo"


def test_what_is_said_of_an_account_holds_for_its_people(house: House) -> None:
    visits(house, "tom@gross.example", "Mon 09:30")
    said(house, "gross.example", "never", "Mon 10:00", reason="in dispute with us")
    house.arrives("ina@gross.example", "Tue 10:00")
    assert house.rows("SELECT id FROM handoff") == []
    assert (
        house.one("SELECT outcome, reason FROM standing AS s JOIN person AS p ON p.id = s.person_id WHERE email = 'ina@gross.example'")[0]
        == "never"
    )


def test_lifted_it_holds_no_more_and_the_person_is_judged_anew(house: House) -> None:
    visits(house, "tom@gross.example", "Mon 09:30")
    override = said(house, "tom@gross.example", "never", "Mon 10:00")
    house.arrives("tom@gross.example", "Tue 10:00")
    lift_override(house.store, override, moment("Tue 11:00"))
    house.decide("Tue 11:00")
    assert house.one("SELECT next_step FROM handoff") == "demo"
    assert list_overrides(house.store, moment("Tue 12:00")) == []
    with pytest.raises(Refused, match="no override"):
        lift_override(house.store, override, moment("Tue 12:00"))


def test_after_a_disqualification_a_hand_may_say_otherwise(house: House) -> None:
    from handfast.facts import Outcome

    house.arrives("tom@gross.example", "Mon 10:00")
    house.ends(house.handoff(), str(house.owner()), Outcome.DISQUALIFY, "Mon 12:00", reason="bad_fit")
    house.arrives("tom@gross.example", "Tue 10:00")
    assert house.one("SELECT count(*) FROM handoff") == 1
    said(house, "tom@gross.example", "ready", "Tue 11:00")
    assert house.one("SELECT count(*) FROM handoff") == 2


def test_what_makes_no_sense_is_refused(house: House) -> None:
    visits(house, "tom@gross.example", "Mon 09:30")
    for about, verdict, reason, days in (
        ("nobody@nowhere.example", "never", "why", 1),
        ("tom@gross.example", "maybe", "why", 1),
        ("tom@gross.example", "never", " ", 1),
        ("tom@gross.example", "never", "why", -1),
    ):
        with pytest.raises(Refused):
            said(house, about, verdict, "Mon 10:00", days, reason)


def test_why_tells_the_override_and_what_moved_the_score(house: House) -> None:
    visits(house, "tom@gross.example", "Mon 09:30")
    house.arrives("tom@gross.example", "Mon 10:00")
    said(house, "tom@gross.example", "never", "Mon 11:00")
    story = why(house.store, "tom@gross.example")
    assert story is not None
    assert [row["reason"] for row in story["overrides"]] == ["met at the fair"]
    assert story["standing"]["working"]["override"]["verdict"] == "never"
    history = story["standing"]["history"]
    assert [(one["outcome"], one["gained"] > 0, one["changed"]) for one in history] == [
        ("not_yet", True, False), ("ready", True, True), ("never", False, True),
    ]  # fmt: skip
    assert sum(one["gained"] - one["faded"] for one in history) == history[-1]["intent_millionths"]
    assert [rule["rule"] for rule in history[1]["moved"]] == [0]


def known(house: House, email: str) -> str:
    return str(house.one("SELECT id FROM person WHERE email = %s", email))


def stands(house: House, email: str) -> str:
    return str(house.one("SELECT s.outcome FROM standing AS s JOIN person AS p ON p.id = s.person_id WHERE p.email = %s", email))


def both(house: House) -> tuple[str, str]:
    """Two records of Tom; never of the second."""
    visits(house, "tom@gross.example", "Mon 09:00")
    visits(house, "tom@privat.example", "Mon 09:10")
    said(house, "tom@privat.example", "never", "Mon 10:00", reason="a friend of the founder")
    return known(house, "tom@gross.example"), known(house, "tom@privat.example")


def test_it_holds_for_the_one_who_was_kept_for_as_long_as_the_two_are_one(house: House) -> None:
    kept, folded = both(house)
    merge(house.store, kept, folded, "rita", moment("Mon 11:00"))
    house.arrives("tom@gross.example", "Mon 12:00")
    assert stands(house, "tom@gross.example") == "never"
    assert house.rows("SELECT id FROM handoff") == []
    story = why(house.store, "tom@gross.example")
    assert story is not None
    assert [row["reason"] for row in story["overrides"]] == ["a friend of the founder"]
    assert story["standing"]["working"]["override"]["reason"] == "a friend of the founder"
    unmerge(house.store, folded, "rita", moment("Tue 09:00"))
    house.arrives("tom@gross.example", "Tue 10:00")
    assert house.one("SELECT next_step FROM handoff") == "demo"
    assert (story := why(house.store, "tom@gross.example")) is not None
    assert story["overrides"] == []
    house.arrives("tom@privat.example", "Tue 11:00")
    assert stands(house, "tom@privat.example") == "never"


def test_of_two_that_were_given_of_either_the_later_holds(house: House) -> None:
    kept, folded = both(house)
    said(house, "tom@gross.example", "ready", "Mon 10:30")
    merge(house.store, kept, folded, "rita", moment("Mon 11:00"))
    visits(house, "tom@gross.example", "Mon 12:00")
    assert stands(house, "tom@gross.example") == "ready"
    unmerge(house.store, folded, "rita", moment("Mon 13:00"))
    said(house, "tom@privat.example", "not_yet", "Mon 14:00")
    merge(house.store, kept, folded, "rita", moment("Mon 15:00"))
    visits(house, "tom@gross.example", "Mon 16:00")
    assert stands(house, "tom@gross.example") == "not_yet"


def test_it_follows_through_others(house: House) -> None:
    kept, folded = both(house)
    visits(house, "tom@bund.example", "Mon 09:20")
    last = known(house, "tom@bund.example")
    merge(house.store, kept, folded, "rita", moment("Mon 11:00"))
    merge(house.store, last, kept, "rita", moment("Mon 11:10"))
    house.arrives("tom@bund.example", "Mon 12:00")
    assert stands(house, "tom@bund.example") == "never"
    unmerge(house.store, kept, "rita", moment("Mon 13:00"))
    house.arrives("tom@bund.example", "Mon 14:00")
    house.arrives("tom@gross.example", "Mon 14:00")
    assert (stands(house, "tom@bund.example"), stands(house, "tom@gross.example")) == ("ready", "never")


@pytest.mark.parametrize("at_once", [1, 50])
def test_folded_by_a_signal_it_holds_from_that_signal_on(house: House, at_once: int) -> None:
    """However the signals fall into batches: before, the two were two."""
    house.hears(house.signal(None, "page_viewed", "Mon 09:00", path="/", user="u1"))
    house.decide("Mon 09:00")
    said(house, "u1", "never", "Mon 09:30")
    house.hears(
        house.signal("tom@gross.example", "form_submitted", "Mon 10:00", form="demo", account={"employees": 200}),
        house.signal("tom@gross.example", "page_viewed", "Mon 11:00", path="/", user="u1"),
    )
    house.decide("Mon 11:00", limit=at_once)
    tom = known(house, "tom@gross.example")
    assert house.rows("SELECT outcome FROM verdict WHERE person_id = %s ORDER BY at", tom) == [("ready",), ("never",)]
    assert house.one("SELECT opened_at FROM handoff") == moment("Mon 10:00")


def test_lifted_or_given_while_they_are_one_it_is_decided_upon_at_once(house: House) -> None:
    kept, folded = both(house)
    merge(house.store, kept, folded, "rita", moment("Mon 11:00"))
    house.arrives("tom@gross.example", "Mon 12:00")
    [row] = list_overrides(house.store, moment("Mon 13:00"))
    lift_override(house.store, row.id, moment("Mon 13:00"))
    house.decide("Mon 13:00")
    assert stands(house, "tom@gross.example") == "ready"
    said(house, folded, "never", "Mon 14:00")
    assert stands(house, "tom@gross.example") == "never"
    # Given of the one they were by then: it stays with the one who was kept.
    unmerge(house.store, folded, "rita", moment("Tue 09:00"))
    house.arrives("tom@gross.example", "Tue 10:00")
    assert stands(house, "tom@gross.example") == "never"
    house.arrives("tom@privat.example", "Tue 10:00")
    assert stands(house, "tom@privat.example") == "ready"


def test_the_command_needs_a_reason() -> None:
    told = CliRunner().invoke(main, ["override", "set", "tom@gross.example", "never"])
    assert told.exit_code == 2
    assert "--because" in told.output
