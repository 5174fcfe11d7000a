"""The history of the contract: bound entries, and which version holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handfast.contract.history import (
    BEGINNING,
    Entry,
    Term,
    broken,
    entry_after,
    holding,
    signatures,
    standings,
    text_digest,
    version_problems,
)

MARCH = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def chain(*kinds: str) -> list[Entry]:
    entries: list[Entry] = []
    for n, kind in enumerate(kinds):
        last = (entries[-1].seq, entries[-1].hash) if entries else None
        entries.append(entry_after(last, kind, MARCH + timedelta(hours=n), "rita@northwind.example", draft=1, data={"revision": 0}))  # type: ignore[arg-type]
    return entries


def test_each_entry_is_bound_to_the_one_before() -> None:
    entries = chain("drafted", "edited", "withdrawn")
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert [entry.previous for entry in entries] == [BEGINNING, entries[0].hash, entries[1].hash]
    assert broken(entries) == []
    assert broken([]) == []


def test_the_same_moment_has_the_same_hash_in_every_zone() -> None:
    """The database answers in UTC, whatever zone the entry was written in."""
    from zoneinfo import ZoneInfo

    berlin = entry_after(None, "drafted", MARCH.astimezone(ZoneInfo("Europe/Berlin")), "rita")
    assert berlin.hash == entry_after(None, "drafted", MARCH, "rita").hash


@pytest.mark.parametrize(
    "change",
    [
        {"by": "mallory@northwind.example"},
        {"at": MARCH + timedelta(days=1)},
        {"content": "ctr_0123456789abcdef"},
        {"version": 7},
        {"data": {"revision": 1}},
        {"kind": "signed"},
        {"side": "sales"},
        {"draft": 2},
    ],
)
@pytest.mark.parametrize("spot", [0, 1, 2])
def test_whoever_changes_an_entry_is_found(change: dict[str, Any], spot: int) -> None:
    entries = chain("drafted", "edited", "withdrawn")
    entries[spot] = replace(entries[spot], **change)
    found = broken(entries)
    assert [problem.where.part for problem in found] == [f"entry {spot + 1}"]
    assert "is not what was written" in found[0].what


def test_whoever_also_makes_a_new_hash_breaks_the_next_link() -> None:
    entries = chain("drafted", "edited", "withdrawn")
    forged = replace(entries[1], by="mallory@northwind.example")
    forged = entry_after((1, entries[0].hash), forged.kind, forged.at, forged.by, draft=1, data=forged.data)
    (problem,) = broken([entries[0], forged, entries[2]])
    assert (problem.where.part, problem.what) == ("entry 3", "it is not bound to the entry before it")


def test_whoever_takes_an_entry_out_is_found() -> None:
    entries = chain("drafted", "edited", "edited", "withdrawn")
    assert any("missing" in problem.what for problem in broken([entries[0], *entries[2:]]))
    assert any("missing" in problem.what for problem in broken(entries[1:]))


def test_a_cut_end_is_found_by_a_head_that_was_noted() -> None:
    entries = chain("drafted", "edited", "withdrawn")
    assert broken(entries[:2]) == []  # the chain alone cannot know
    (problem,) = broken(entries[:2], head=entries[2].hash)
    assert "end was cut off" in problem.fix
    assert broken(entries, head=entries[1].hash[:12]) == []


def test_a_version_that_was_changed_removed_or_smuggled_in_is_found() -> None:
    entry = entry_after(None, "loaded", MARCH, "operator", version=1, data={"text": text_digest("contract: A")})
    assert version_problems([entry], {1: "contract: A"}) == []
    assert "not what entry 1 recorded" in version_problems([entry], {1: "contract: B"})[0].what
    assert "not stored any more" in version_problems([entry], {})[0].what
    assert "the history does not know it" in version_problems([entry], {1: "contract: A", 2: "x"})[0].what


# --- which version holds --------------------------------------------------------------------------------------


def test_two_scheduled_versions_take_force_by_their_moments_not_their_numbers() -> None:
    terms = [Term(1, None), Term(2, MARCH + timedelta(days=20)), Term(3, MARCH + timedelta(days=10))]
    assert standings(terms, MARCH) == {1: "in force", 2: "scheduled", 3: "scheduled"}
    assert standings(terms, MARCH + timedelta(days=10)) == {1: "superseded", 2: "scheduled", 3: "in force"}
    assert standings(terms, MARCH + timedelta(days=30)) == {1: "superseded", 2: "in force", 3: "superseded"}


def test_what_was_withdrawn_never_holds() -> None:
    terms = [Term(1, None), Term(2, MARCH, withdrawn=True)]
    assert standings(terms, MARCH + timedelta(days=1)) == {1: "in force", 2: "withdrawn"}


def test_before_the_first_moment_nothing_holds() -> None:
    assert standings([Term(1, MARCH)], MARCH - timedelta(seconds=1)) == {1: "scheduled"}
    assert standings([Term(1, MARCH)], MARCH) == {1: "in force"}


@given(st.lists(st.tuples(st.none() | st.integers(0, 20), st.booleans()), max_size=8), st.integers(-1, 21))
def test_exactly_the_last_to_begin_is_in_force(made: list[tuple[int | None, bool]], day: int) -> None:
    """Against the plainest way to say it: of those that have begun, the one that began last, and of two at once the later agreed."""
    terms = [
        Term(n, None if since is None else MARCH + timedelta(days=since), withdrawn) for n, (since, withdrawn) in enumerate(made, start=1)
    ]
    at = MARCH + timedelta(days=day)
    begun = [t for t in terms if not t.withdrawn and (t.since is None or t.since <= at)]
    expected = max(begun, key=lambda t: ((t.since or MARCH - timedelta(days=99)), t.version)).version if begun else None
    found = standings(terms, at)
    assert [version for version, how in found.items() if how == "in force"] == ([] if expected is None else [expected])
    assert len(found) == len(terms)
    assert len(holding(terms)) == sum(not t.withdrawn for t in terms)


# --- signatures -----------------------------------------------------------------------------------------------


def test_signatures_count_for_the_revision_they_were_given_for() -> None:
    data = {"name": "Mara Lang", "takes_force": None}
    old = entry_after(None, "signed", MARCH, "mara@n.example", side="marketing", draft=1, content="ctr_1", data=data | {"revision": 0})
    new = entry_after(
        (1, old.hash), "signed", MARCH, "priya@n.example", side="sales", draft=1, content="ctr_2", data=data | {"revision": 1}
    )
    other = entry_after(
        (2, new.hash), "signed", MARCH, "priya@n.example", side="sales", draft=2, content="ctr_2", data=data | {"revision": 1}
    )
    assert set(signatures([old, new, other], 1, 0)) == {"marketing"}
    given = signatures([old, new, other], 1, 1)
    assert set(given) == {"sales"}
    assert (given["sales"].by, given["sales"].content, given["sales"].hash) == ("priya@n.example", "ctr_2", new.hash)
