"""What somebody says by hand goes before the terms while it holds, and what moved a score adds up to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from readiness_house import DEMO, contract, did, evidence_of, judged, people_of, points_of, utc
from test_laws import LAWS, houses, signals, signed, terms

from handfast.identity.robots import is_robot, is_role
from handfast.readiness.explain import workings
from handfast.readiness.group import judge_accounts
from handfast.readiness.history import score_history
from handfast.readiness.overrides import Override, of_accounts, of_people
from handfast.readiness.verdict import judge

NOON = utc("2026-03-04 12:00")
NORTHWIND = contract(intent={"at_least": 5, "points": [{"on": "form_submitted", "points": 10}]}, account={"intent": 5})
ASKED = [did("anna", "form_submitted", NOON, form="demo")]


def by_hand(verdict: Any, since: str, until: str, **about: str) -> Override:
    return Override(verdict, "met at the fair", "mia", utc(since), utc(until), **about)


def outcomes(*overrides: Override, at: tuple[str, ...]) -> list[str]:
    frame = of_people(overrides, [("acme", "anna")])
    return judged(NORTHWIND, [("anna", moment) for moment in at], ASKED, overrides=frame)["outcome"].to_list()


def test_it_holds_from_its_moment_up_to_its_end() -> None:
    never = by_hand("never", "2026-03-04 13:00", "2026-03-04 14:00", person_id="anna")
    at = ("2026-03-04 12:59", "2026-03-04 13:00", "2026-03-04 13:59", "2026-03-04 14:00")
    assert outcomes(never, at=at) == ["ready", "never", "never", "ready"]


def test_the_one_that_began_last_holds() -> None:
    never = by_hand("never", "2026-03-04 12:00", "2026-03-05 12:00", person_id="anna")
    waits = by_hand("not_yet", "2026-03-04 13:00", "2026-03-04 15:00", person_id="anna")
    assert outcomes(never, waits, at=("2026-03-04 12:30", "2026-03-04 14:00", "2026-03-04 16:00")) == ["never", "not_yet", "never"]


@pytest.mark.parametrize(("verdict", "outcome"), [("never", "never"), ("not_yet", "not_yet"), ("ready", "not_yet")])
def test_people_inherit_that_an_account_is_kept_away_and_not_that_it_is_ready(verdict: str, outcome: str) -> None:
    overrides = of_people([by_hand(verdict, "2026-03-01 00:00", "2026-04-01 00:00", account_id="acme")], [("acme", "anna")])
    assert judged(NORTHWIND, [("anna", NOON)], [], overrides=overrides)["outcome"].to_list() == [outcome]


def test_the_working_says_who_said_so_and_what_the_terms_say() -> None:
    overrides = of_people([by_hand("ready", "2026-03-01 00:00", "2026-04-01 00:00", person_id="boris")])
    found = judged(NORTHWIND, [("boris", NOON)], overrides=overrides, working=True)
    working = workings(NORTHWIND, found)[0]
    assert found.row(0, named=True)["computed"] == working["override"]["computed"] == "not_yet"
    assert working["sentence"] == (
        "Ready, said mia on 2026-03-01 00:00 UTC, until 2026-04-01 00:00 UTC: met at the fair. "
        "By the terms: Not yet: fit 0 (0 needed), intent 0 (5 needed), no open next step."
    )


def test_an_account_is_ready_by_hand_for_its_group_only() -> None:
    overrides = of_accounts([by_hand("ready", "2026-03-01 00:00", "2026-04-01 00:00", account_id="acme")])
    points = points_of([("acme", NOON), ("other", NOON)]).rename({"person_id": "account_id"})
    members = points_of([("boris", NOON)]).select("person_id").with_columns(account_id="person_id")
    found = judge_accounts(NORTHWIND, points, members, people_of(NORTHWIND, {}), evidence_of(NORTHWIND, []), overrides=overrides)
    assert found["outcome"].to_list() == ["ready", "not_yet"]
    assert found["computed"].to_list() == ["not_yet", "not_yet"]


def test_it_is_about_one_person_or_one_account_and_ends() -> None:
    for wrong in ({}, {"person_id": "anna", "account_id": "acme"}):
        with pytest.raises(ValueError, match="one person or one account"):
            by_hand("never", "2026-03-01 00:00", "2026-04-01 00:00", **wrong)
    with pytest.raises(ValueError, match="ends after it begins"):
        by_hand("never", "2026-03-01 00:00", "2026-03-01 00:00", person_id="anna")


# --- history ----------------------------------------------------------------------------------------------------


def test_the_history_tells_what_each_signal_gave_and_what_faded() -> None:
    agreement = contract(
        intent={"at_least": 12, "half_life": "1 day", "points": [{"on": "form_submitted", "points": 8, "because": "Wrote to us"}]},
        next_step=[DEMO],
    )
    twice = [did("anna", "form_submitted", NOON, form="demo"), did("anna", "form_submitted", NOON + timedelta(days=1), form="demo")]
    first, second = score_history(agreement, "anna", people_of(agreement, {}), evidence_of(agreement, twice))
    assert (first["gained"], first["faded"], first["outcome"], first["changed"]) == (8_000_000, 0, "not_yet", False)
    assert (second["gained"], second["faded"], second["outcome"], second["changed"]) == (8_000_000, 4_000_000, "ready", True)
    assert second["moved"] == [{"rule": 0, "because": "Wrote to us", "when": None, "millionths": 8_000_000}]
    assert second["signals"] == [1]


@LAWS
@given(terms(), houses, signals)
def test_what_was_gained_less_what_faded_is_the_score(terms: Any, house: dict[str, dict[str, Any]], signals: list[dict[str, Any]]) -> None:
    agreement = signed(terms)
    people, evidence = people_of(agreement, house), evidence_of(agreement, signals)
    history = score_history(agreement, "anna", people, evidence)
    total = 0
    for one in history:
        at: datetime = one["at"]
        total += one["gained"] - one["faded"]
        assert total == one["intent_millionths"] == judge(agreement, points_of([("anna", at)]), people, evidence)["intent"][0]
        assert sum(rule["millionths"] for rule in one["moved"]) == one["gained"]


# --- robots and desks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "robot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("python-requests/2.32", True),
        ("Mozilla/5.0 (Windows NT 10.0) Mimecast URL Protect", True),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0", False),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1", False),
        ("", False),
    ],
)
def test_crawlers_and_scanners_are_known_by_their_user_agent(agent: str, robot: bool) -> None:
    assert is_robot(agent) is robot


@pytest.mark.parametrize(
    ("local", "desk"),
    [
        ("info", True),
        ("sales-emea", True),
        ("info+web", True),
        ("support.de", True),
        ("noreply", True),
        ("anna", False),
        ("mail.jackson", False),
    ],
)
def test_a_desk_is_told_from_a_person(local: str, desk: bool) -> None:
    assert is_role(local) is desk
