"""The semantic difference of two contracts: sentences people say, and nothing that differs passed over."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from handfast.contract.diff import Change, diff
from handfast.contract.matching import canonical, match
from handfast.contract.terms import Contract

from .contracts import SOUND, agreed, changed

OLD = agreed().contract
DATA: dict[str, Any] = OLD.model_dump(mode="json")


def said(old: str, new: str, text: str = SOUND) -> list[str]:
    return [change.sentence for change in diff(agreed(text).contract, agreed(changed(old, new, text)).contract)]


def shaped(data: Any) -> Contract:
    return Contract.model_validate(data)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("at_least: 20", "at_least: 15", "intent bar 20 → 15"),
        ("at_least: 30", "at_least: 35", "fit bar 30 → 35"),
        ("points: 10, at_most: 3 per day", "points: 15, at_most: 3 per day", "intent rule for page_viewed where path LIKE '/pricing%' 10 → 15 points"),
        ("at_most: 3 per day", "at_most: 5 per day", "intent rule for page_viewed where path LIKE '/pricing%' cap 3 → 5 per day"),
        (", at_most: 3 per day", "", "intent rule for page_viewed where path LIKE '/pricing%' cap 3 per day → none"),
        ("points: 25", "points: 30", 'fit rule "the right size" 25 → 30 points'),
        ("200 AND 5000", "100 AND 5000", 'fit rule "the right size" condition "employees BETWEEN 200 AND 5000" → "employees BETWEEN 100 AND 5000"'),
        ("because: the right size", "because: our size", 'fit rule "the right size" reason given the right size → our size'),
        ("first_touch: 5 minutes\n", "first_touch: 3 minutes\n", "SLA hand-raiser first touch 5 → 3 minutes"),
        ("first_touch: 4 hours", "first_touch: 1 day", "SLA standard first touch 4 hours → 1 day"),
        ("calendar: berlin", "calendar: team", "SLA hand-raiser calendar berlin → team"),
        ("after: 3 minutes", "after: 4 minutes", "SLA hand-raiser reminder of the owner after 3 → 4 minutes"),
        ("reassign: team", "reassign: ana", "SLA hand-raiser reassignment to team becomes reassignment to ana"),
        ("      - {after: 3 minutes, remind: owner}\n", "", "SLA hand-raiser reminder of the owner removed"),
        ("to: team}", "to: ben}", "owner of territory east team → ben"),
        ("{name: east,", "{name: atlantic,", "territory east is now called atlantic"),
        ("territories:\n", "territories:\n    - {name: west, when: \"country = 'FR'\", to: ana}\n", "new territory west: country = 'FR'; goes to ana"),
        ("ben: 0.5", "ben: 0.5, zoe: 1", "zoe joins pool team with share 1.0"),
        (", ben: 0.5", "", "ben leaves pool team"),
        ("ben: 0.5", "ben: 0.75", "ben's share in pool team 0.5 → 0.75"),
        ("cap: 8 open", "cap: 6 open", "pool team limit each 8 → 6 open"),
        ("back: 90 days", "back: 60 days", "recycle reason not_now back after 90 → 60 days"),
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit}, spam: {}", "new disqualify reason spam"),
        ("within: 7 days}\n    - {step: pricing", "within: 9 days}\n    - {step: pricing", "next step demo (form_submitted where form = 'demo') open for 7 → 9 days"),
        ("country: text}", "country: text, state: text}", "new field state (text)"),
        ("{seats: int}", "{seats: number}", "field seats of seat_added int → number"),
        ("reason: embargo", "reason: sanctions", "never rule embargo reason embargo → sanctions"),
        ("words: [fast]", "words: [fast, quick]", "theme Speed words: with quick"),
        ("contract: Northwind", "contract: Northwind EU", "name Northwind → Northwind EU"),
        ('week: {mon-fri: ["09:00-17:30"]}', 'week: {mon-fri: ["09:00-18:00"]}', "team calendar week mon-fri: 09:00-17:30 → 09:00-18:00"),
        ("employees: 800,", "employees: 900,", 'example "a demo request" given person employees 800 → 900'),
    ],
)  # fmt: skip
def test_a_change_is_told_as_people_say_it(old: str, new: str, sentence: str) -> None:
    assert said(old, new) == [sentence]


WITH_MORE = changed(
    "ready:\n",
    "ready:\n"
    "  exclude: {competitors: [rival.example], bots: true}\n"
    "  grades: {fit: {A: 35, B: 25}, intent: {1: 40, 2: 20}}\n"
    "  account: {people: 2, roles: {champion: \"industry = 'software'\"}, intent: 40, within: 30 days}\n",
)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("A: 35", "A: 30", "grade A, fit 35 → 30"),
        ("[rival.example]", "[rival.example, foe.example]", "exclusions competitors: with foe.example"),
        ("people: 2", "people: 3", "buying group people 2 → 3"),
        ("roles: {champion", "roles: {budget: \"employees > 500\", champion", 'new role budget ("employees > 500")'),
        ("within: 30 days}\n  fit", "within: 45 days}\n  fit", "buying group within 30 → 45 days"),
    ],
)  # fmt: skip
def test_grades_exclusions_and_groups_are_told_too(old: str, new: str, sentence: str) -> None:
    assert said(old, new, WITH_MORE) == [sentence]


def test_a_part_that_is_new_or_gone_as_a_whole() -> None:
    added, removed = diff(OLD, agreed(WITH_MORE).contract), diff(agreed(WITH_MORE).contract, OLD)
    assert "new buying group: people 2; roles champion \"industry = 'software'\"; intent 40; within 30 days" in [c.sentence for c in added]
    assert "buying group removed" in [c.sentence for c in removed]


def test_comments_and_layout_are_no_change() -> None:
    assert said("   # signed in March", "") == []
    assert said("sla:\n  - name: hand-raiser\n    when:", "sla:\n\n  # first of all\n  - name: hand-raiser\n    when:") == []


def test_the_order_of_what_is_tried_in_order_is_told_as_a_move() -> None:
    demo = "    - {step: demo, on: form_submitted, when: \"form = 'demo'\", within: 7 days}\n"
    pricing = "    - {step: pricing, on: form_submitted, when: \"form = 'pricing'\", within: 7 days}\n"
    assert said(demo + pricing, pricing + demo) == [
        "next step demo (form_submitted where form = 'demo') moved from place 1 to 2, and the order decides"
    ]


def test_the_order_of_what_is_added_up_is_told_too_for_the_id_differs() -> None:
    one, other = "      - {on: form_submitted, points: 30}\n", '      - {on: seat_added, when: "seats > 3", points: 5}\n'
    (sentence,) = said(other + one, one + other)
    assert sentence.endswith("moved from place 2 to 3, which decides nothing")


def test_what_comes_before_it_does_not_move_a_rule() -> None:
    """A new first territory shifts the others; none of them is told as moved."""
    assert said("territories:\n", "territories:\n    - {name: west, when: \"country = 'FR'\", to: ana}\n") != []
    assert not any("moved" in s for s in said("territories:\n", "territories:\n    - {name: west, when: \"country = 'FR'\", to: ana}\n"))


def test_a_term_nobody_wrote_a_word_for_is_told_all_the_same() -> None:
    """What a later version of Handfast adds to contracts must not be passed over in silence."""
    from handfast.contract.diff import _Spot, _walk

    old = {"ready": {"seasonal": {"factor": 2, "months": ["jan"]}}}
    new = {"ready": {"seasonal": {"factor": 3, "months": ["jan", "feb"]}, "quiet": {"below": 5}}}
    told = list(_walk(_Spot((), (), "", ""), old, new))
    assert [change.sentence for change in told] == ["seasonal factor 2 → 3", "seasonal months: with feb", "new quiet: below 5"]


def test_as_json_names_the_places() -> None:
    (change,) = diff(OLD, agreed(changed("{name: east,", "{name: atlantic,")).contract)
    assert change.as_json() == {
        "kind": "changed",
        "sentence": "territory east is now called atlantic",
        "was": "routing.territories[0].name",
        "path": "routing.territories[0].name",
        "old": "east",
        "new": "atlantic",
    }


# --- properties -----------------------------------------------------------------------------------------------
# A contract is changed at random, and the changes told are carried out on the old one by a second, naive reader: it must arrive at the new
# one. So no leaf that differs is passed over, and none is told wrongly.


def spots(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(found for key, value in inner for found in spots(value, (*path, key)))]


def at(data: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


@st.composite
def changed_data(draw: st.DrawFn) -> Any:
    data = copy.deepcopy(DATA)
    for _ in range(draw(st.integers(0, 6))):
        path = draw(st.sampled_from(spots(data)))
        value = at(data, path)
        kind = draw(st.sampled_from(["value", "remove", "copy", "shuffle", "move"]))
        before = copy.deepcopy(data)
        if isinstance(value, list) and value and kind in ("shuffle", "copy"):
            value[:] = draw(st.permutations(value)) if kind == "shuffle" else [*value, copy.deepcopy(draw(st.sampled_from(value)))]
        elif path and kind == "remove":
            del at(data, path[:-1])[path[-1]]
        elif path and not isinstance(value, dict | list):
            at(data, path[:-1])[path[-1]] = draw(_other(value))
        try:
            shaped(data)
        except (ValidationError, KeyError):
            data = before
    return data


def _other(value: Any) -> st.SearchStrategy[Any]:
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int | float):
        return st.sampled_from([1, 1.0, 2, 7, 0.5])
    return st.sampled_from(["5 minutes", "2 days", "west", "a = 1", "true", "", None, "3 per day", 'a "quoted" text', "é→…"])


def carry_out(old: Any, new_shape: Any, changes: list[Change], was: tuple[Any, ...] = (), path: tuple[Any, ...] = ()) -> Any:
    """What the changes make of the old data, using of the new nothing but the changes. `new_shape` is not read; it keeps mypy honest."""
    here = [c for c in changes if c.kind == "changed" and c.path == path]
    if here:
        assert here[0].was == was
        assert canonical(here[0].old) == canonical(old)
        return here[0].new
    if isinstance(old, dict):
        gone = {c.was[-1] for c in changes if c.kind == "removed" and c.was and c.was[:-1] == was and len(c.was) == len(was) + 1}
        come = {c.path[-1]: c.new for c in changes if c.kind == "added" and c.path and c.path[:-1] == path and len(c.path) == len(path) + 1}
        kept = {key: carry_out(value, None, changes, (*was, key), (*path, key)) for key, value in old.items() if key not in gone}
        return {**kept, **come}
    if isinstance(old, list):
        gone = {c.was[-1] for c in changes if c.kind == "removed" and c.was and c.was[:-1] == was}
        come = {c.path[-1]: c.new for c in changes if c.kind == "added" and c.path and c.path[:-1] == path}
        moved = {c.was[-1]: c.path[-1] for c in changes if c.kind == "moved" and c.was and c.path and c.was[:-1] == was}
        slots: list[Any] = [None] * (len(old) - len(gone) + len(come))
        for place, value in come.items():
            slots[place] = ("new", value)
        for before, place in moved.items():
            slots[place] = ("old", before)
        rest = iter(n for n in range(len(old)) if n not in gone and n not in moved)
        slots = [slot if slot is not None else ("old", next(rest)) for slot in slots]
        return [
            value if kind == "new" else carry_out(old[value], None, changes, (*was, value), (*path, place))
            for place, (kind, value) in enumerate(slots)
        ]
    return old


SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@SLOW
@given(changed_data(), changed_data())
def test_carried_out_on_the_old_the_changes_give_the_new(one: Any, other: Any) -> None:
    old, new = shaped(one), shaped(other)
    changes = diff(old, new)
    assert (changes == []) == (old.id == new.id)
    assert canonical(carry_out(old.model_dump(mode="json"), None, changes)) == canonical(new.model_dump(mode="json"))
    for change in changes:
        assert change.sentence.strip()
        json.dumps(change.as_json())


@SLOW
@given(changed_data())
def test_a_contract_does_not_differ_from_itself(data: Any) -> None:
    assert diff(shaped(data), shaped(copy.deepcopy(data))) == []


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)))
def test_of_a_list_in_a_new_order_as_few_as_possible_moved(order: list[int], gone: set[int]) -> None:
    olds = [{"name": f"n{n}"} for n in range(8)]
    news = [{"name": f"n{n}"} for n in order if n not in gone]
    found = match(olds, news)
    assert set(found.removed) == gone
    assert all(olds[old] == news[new] for old, new in found.pairs)
    kept = [old for old, new in found.pairs if (old, new) not in found.moved]
    assert kept == sorted(kept)
    assert len(kept) == max((len(run) for run in _rising([old for old, _ in found.pairs])), default=0)


def _rising(places: list[int]) -> list[list[int]]:
    runs: list[list[int]] = [[]]
    for place in places:
        runs += [[*run, place] for run in runs if not run or run[-1] < place]
    return runs


def test_thousands_of_rules_are_compared_in_bounded_time() -> None:
    """Nothing in common and no end of pairs: then it is told as removed and added."""
    olds = [{"when": f"a = {n}", "points": n} for n in range(2000)]
    news = [{"when": f"b = {n}", "points": -n - 1} for n in range(2000)]
    found = match(olds, news)
    assert (len(found.pairs), len(found.removed), len(found.added)) == (0, 2000, 2000)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit, active: false}, gone: {}", "may be chosen"),
        ("bad_fit: {blames: fit}", "bad_fit: {blames: fit, attempts: 3}", "attempts before"),
        ("dispositions:", "notices: {quiet: rep}\ndispositions:", "quiet hours of notices"),
        ("dispositions:", "notices: {digest: {more_than: 5, within: 10 minutes}}\ndispositions:", "notices that go out together"),
        ("dispositions:", "dispositions:\n  undo: 5 minutes", "dispositions may be taken back for"),
        ("dispositions:", "dispositions:\n  meeting_set: {time: required}", "time of a meeting that was set"),
    ],
)
def test_terms_of_outcomes_and_notices_are_told(old: str, new: str, words: str) -> None:
    assert any(words in line for line in said(old, new)), said(old, new)
