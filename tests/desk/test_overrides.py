"""The manager knows something the terms do not, says so by hand, and everybody can read it; it ends by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from handfast.cli import main
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


def test_the_command_needs_a_reason() -> None:
    told = CliRunner().invoke(main, ["override", "set", "tom@gross.example", "never"])
    assert told.exit_code == 2
    assert "--because" in told.output
