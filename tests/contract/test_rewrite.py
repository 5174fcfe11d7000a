"""Changing one value in the author's own text: what a tuning proposal is made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.reading import rewrite
from handfast.contract.terms import Duration
from handfast.contract.text import read_text

from .contracts import SOUND, agreed


def lines_changed(before: str, after: str) -> list[tuple[str, str]]:
    old, new = before.splitlines(), after.splitlines()
    assert len(old) == len(new)
    return [(a, b) for a, b in zip(old, new, strict=True) if a != b]


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("ready", "fit", "at_least"), 28, "    at_least: 28"),
        (("contract",), "Northwind: the second", "contract: 'Northwind: the second'   # signed in March"),
        (
            ("ready", "fit", "points", 0, "points"),
            -5,
            '      - {when: "employees BETWEEN 200 AND 5000", points: -5, because: the right size}',
        ),
        (("ready", "fit", "points", 0, "when"), "employees > 9", '      - {when: "employees > 9", points: 25, because: the right size}'),
        (
            ("ready", "fit", "points", 0, "because"),
            "a, b",
            "      - {when: \"employees BETWEEN 200 AND 5000\", points: 25, because: 'a, b'}",
        ),
        (
            ("ready", "intent", "points", 0, "when"),
            "path = '/x'",
            "      - {on: page_viewed, when: 'path = ''/x''', points: 10, at_most: 3 per day}",
        ),
        (("sla", 1, "first_touch"), Duration(amount=2, unit="hour"), "  - {name: standard, first_touch: 2 hours}"),
        (("routing", "pools", "team", "members", "ben"), 0.75, "    team: {members: {ana: 1, ben: 0.75}, cap: 8 open}"),
        (("brief", "themes", 0, "words"), ["fast", "slow"], '  themes: [{theme: Speed, words: ["fast", "slow"]}]'),
    ],
)
def test_one_value_changes_and_nothing_else_does(path: tuple[Any, ...], value: Any, line: str) -> None:
    after = rewrite(SOUND, path, value)
    assert [new for _, new in lines_changed(SOUND, after)] == [line]


def test_a_condition_over_several_lines_becomes_one() -> None:
    after = rewrite(SOUND, ("ready", "fit", "points", 1, "when"), "industry = 'software'")
    assert agreed(after).contract.ready.fit.points[1].when == "industry = 'software'"
    assert "        points: 10\n" in after
    assert len(after.splitlines()) == len(SOUND.splitlines()) - 2


def test_a_value_that_reads_as_something_else_is_quoted() -> None:
    for value in ("5", "null", "- x", "a # b", "", " x ", "two\nlines", "it's", "*x", "true"):
        again, _ = read_text(rewrite(SOUND, ("contract",), value), "")
        assert again is not None
        assert again.data["contract"] == value


def test_an_empty_value_is_filled() -> None:
    assert rewrite("a:\nb: 1\n", ("a",), 5) == "a: 5\nb: 1\n"


def test_a_path_that_leads_nowhere_is_the_callers_mistake() -> None:
    with pytest.raises(KeyError):
        rewrite(SOUND, ("ready", "fit", "at_most"), 5)
    with pytest.raises(ValueError, match="quote"):
        rewrite("a: 'x", ("a",), 5)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_is_written_reads_back(data: st.DataObject) -> None:
    source, _ = read_text(SOUND, "")
    assert source is not None
    path = data.draw(st.sampled_from([path for path in source.spots if path and not isinstance(_at(source.data, path), dict | list)]))
    value = data.draw(
        st.integers(-99, 99) | st.booleans() | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Z"]), max_size=12)
    )
    again, problems = read_text(rewrite(SOUND, path, value), "")
    assert again is not None
    assert not problems
    assert _at(again.data, path) == value
    assert set(again.spots) == set(source.spots)


def _at(data: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        data = data[step]
    return data
