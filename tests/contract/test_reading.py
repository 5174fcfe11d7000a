"""Reading a contract: one that is sound, and everything that can be wrong with its text, each at its line and column."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.reading import read_contract
from handfast.contract.terms import Contract
from handfast.problem import Problem

from .contracts import SOUND, agreed, changed, refused


def pointed_at(problem: Problem, text: str) -> str:
    """What stands in the text from the place of a Problem on."""
    return text.splitlines()[problem.where.line - 1][problem.where.column - 1 :]


def test_a_sound_contract_reads_without_a_word() -> None:
    terms = agreed().contract
    assert terms.contract == "Northwind"
    assert terms.ready.fit.points[1].when == "industry IN ('software', 'logistics') AND country = 'US'"
    assert terms.ready.intent.points[0].when == "path LIKE '/pricing%'"
    assert terms.routing.pools["team"].cap == 8


def test_layout_and_comments_do_not_change_what_was_agreed() -> None:
    again = SOUND.replace("   # signed in March", "").replace("\n", "\r\n").replace("4 hours", "'4  hours'")
    assert agreed(again).id == agreed().id
    assert agreed("\ufeff" + SOUND).id == agreed().id
    assert agreed(changed("4 hours", "5 hours")).id != agreed().id


def test_words_stay_words() -> None:
    """YAML 1.1 would read `on` and `no` as yes-or-no, and 12:30 as a number of seconds. A contract does not."""
    terms = agreed(changed("contract: Northwind ", "contract: no")).contract
    assert terms.contract == "no"
    assert terms.ready.intent.points[0].on == "page_viewed"


# --- the text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "what", "at"),
    [
        ("  intent:", "\tintent:", "a tab stands where the line is indented", "\tintent"),
        ("default: team", "default: [team", "a list in brackets is not closed", None),
        ("contract: Northwind", "contract: North: wind", "a ': ' stands inside a value", ": wind"),
        ("contract: Northwind", "contract: @wind", "a value begins with a sign", "@wind"),
        ("contract: Northwind", "contract: *wind", "an alias (*) without its anchor", "*wind"),
        ("contract: Northwind", "contract: !wind x", "the tag !wind means nothing", "!wind"),
        ("contract: Northwind", "contract: a\ncontract: b", "'contract' is given twice, first in line 1", "contract: b"),
        ("team: {members: {ana: 1, ben: 0.5}", "team: {members: {ana: 1, ana: 0.5}", "'ana' is given twice", "ana: 0.5"),
        ("sla:\n", "---\nsla:\n", "a second document begins here", "---"),
        ("  fit:\n", "   fit:\n", "the indentation does not fit", None),
        ("contract: Northwind", "<<: {contract: x}", "a key is a single word", "<<"),
        ("contract: Northwind", "[a, b]: c\ncontract: x", "a key is a single word", "[a, b]"),
        ("contract: Northwind", "contract: a\x07", "a character that text cannot have", "\x07"),
    ],
)
def test_yaml_that_cannot_be_read_is_said_in_plain_words(old: str, new: str, what: str, at: str | None) -> None:
    text = changed(old, new)
    problem = refused(text)[0]
    assert what in problem.what
    assert problem.fix
    assert problem.where.line
    if at is not None:
        assert text.split("\n")[problem.where.line - 1][problem.where.column - 1 :].startswith(at)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the file is empty"),
        ("# soon\n", "the file is empty"),
        ("- contract: x\n", "and this is a list"),
        ("Northwind", "and this is a single value"),
        ("contract: 'Northwind\nmotion: x\n", "a quote is opened and never closed"),
        (b"contract: caf\xe9\n", "this is not UTF-8 text"),
        (b"\x00\x01\x02", "a character that text cannot have"),
        ("[" * 50_000, "brackets nest deeper than 50"),
        ("{a: " * 20_000, "brackets nest deeper than 50"),
        ("- " * 50_000, "lists and mappings nest deeper than 50"),
        ("? " * 50_000, "lists and mappings nest deeper than 50"),
        ("contract: &a [*a]\n", "too much is written here"),
        ("x" * 100_001, "100,000 is the most"),
        (
            "a: &a [1,1,1,1,1,1,1,1]\n"
            + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 8)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
            "too much is",
        ),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_file_that_is_no_contract_at_all(text: str | bytes, what: str) -> None:
    """Empty, no text, or built to exhaust whoever reads it: one Problem, soon."""
    assert any(what in problem.what for problem in refused(text))


def test_bytes_that_are_no_utf_8_are_placed_at_their_line() -> None:
    assert refused(changed("# signed", "# caf").encode() + b"\nx: \xff\n")[0].where.line == len(SOUND.splitlines()) + 2


# --- the shape ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "at", "what", "fix"),
    [
        ("at_least: 30", "at_leest: 30", "at_leest", "'at_leest' is not known under ready.fit", "Did you mean 'at_least'?"),
        ("calendar: {", "calender: {", "calender", "'calender' is not known in a contract", "Did you mean 'calendar'?"),
        ("remind: owner", "remnd: owner", "remnd", "'remnd' is not known under sla[0].ladder[0]", "Did you mean 'remind'?"),
        (
            "cap: 8 open",
            "zzz: 8",
            "zzz",
            "'zzz' is not known under routing.pools.team",
            "Known are: members, cap, per_day, hours, needs, counter, sticky.",
        ),
        ("    at_least: 30\n", "", "fit:", "'at_least' is missing in ready.fit", "at_least: 50"),
        (", within: 7 days}", "}", "{step: demo", "'within' is missing in ready.next_step[0]", "within: 7 days"),
        ("at_least: 30", "at_least: many", "many", "ready.fit.at_least is 'many' instead of a whole number", "25"),
        ("points: 25", "points: [25]", "points:", "ready.fit.points[0].points is a list instead of a whole number", "25"),
        ("contract: Northwind", "contract: 2026", "2026", "contract is '2026' instead of a text", "quotes"),
        ("within: 7 days", "within: 7", "7", "7 has no unit", "'7 minutes' or '7 days'"),
        ("within: 7 days", "within: 7 dyas", "7 dyas", "'7 dyas' is not a duration", "'14 days'"),
        ("at_most: 3 per day", "at_most: 3", "3}", "3 does not say how often", "'3 per day'"),
        ("at_most: 3 per day", "at_most: 3 per month", "3 per month", "'3 per month' is not a cap", "'3 per day'"),
        ("cap: 8 open", "cap: eight", "eight", "'eight' is not a capacity", "'8 open'"),
        ("09:00-17:30", "9-17", '9-17"', "'9-17' is not an interval", "'09:00-12:30'"),
        ("09:00-17:30", "17:30-09:00", '17:30-09:00"', "must end after it starts", "two intervals"),
        ("employees: int", "employees: integer", "integer", "fields.employees cannot be 'integer'", "Did you mean 'int'?"),
        ("blames: fit", "blames: fti", "fti", "cannot be 'fti'", "Did you mean 'fit'?"),
        ("ana: 1", "Ana: 1", "Ana", "'Ana' is not a name", "lower-case"),
        ("ana: 1", "ana: 0", "0,", "routing.pools.team.members.ana is 0, which is too little", "above 0"),
        ("sla:\n", "sla: []\nslas:\n", "sla: []", "sla is empty", "at least one"),
        ("after: 3 minutes, remind: owner", "after: 3 minutes", "{after: 3 minutes}", "a step does exactly one thing", ""),
        ("  default: team", "  default: team\n  pools:", "pools:", "'pools' is given twice", ""),
        ("brief:\n", "match:\nbrief:\n", "match:", "match is empty", ""),
        ("words: [fast]", "words: []", "words", "nothing speaks of the theme 'Speed'", "`pages`"),
    ],
)
def test_a_wrong_shape_is_said_at_the_value_or_the_key(old: str, new: str, at: str, what: str, fix: str) -> None:
    text = changed(old, new)
    problems = refused(text)
    mine = [problem for problem in problems if what in problem.what and fix in problem.fix]
    assert mine, problems
    assert pointed_at(mine[0], text).startswith(at)


def test_all_problems_are_said_at_once_in_the_order_of_the_text() -> None:
    """A wrong key, a wrong value and a wrong condition: nobody should have to run it three times."""
    text = changed("at_least: 30", "at_leest: 30")
    text = changed("industry IN", "indusry IN", text)
    text = changed("cap: 8 open", "cap: eight", text)
    problems = refused(text)
    assert [problem.where.line for problem in problems] == sorted(problem.where.line for problem in problems)
    said = "\n".join(map(str, problems))
    for part in ("at_leest", "indusry", "eight"):
        assert part in said


# --- conditions, where they stand -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ('"employees BETWEEN', '"emploees BETWEEN', "emploees BETWEEN"),  # in double quotes
        ('"employees BETWEEN 200', '"\\x65mploees BETWEEN 200', "\\x65mploees"),  # with an escape
        ('"employees BETWEEN 200 AND 5000"', '"employees > 1 AND\n              emploees < 5"', "emploees < 5"),  # over two lines
        ("          AND country = 'US'", "          AND contry = 'US'", "contry"),  # folded
        ("when: >-\n", "when: |\n", None),
        ("'path LIKE ''/pricing%'''", "'path LIKE ''/pr'' OR pth LIKE ''/x'''", "pth LIKE"),  # in single quotes
        ('when: "seats > 3"', "when: seats > 3 AND setas > 4", "setas"),  # without quotes
        ('when: "seats > 3"', "when: &big seats > 3 AND setas > 4", "setas"),  # with an anchor
        ("\"next_step = 'demo'\"", "\"next_step = 'dmeo'\"", "'dmeo'"),
    ],
)
def test_a_word_of_a_condition_is_found_however_the_condition_is_written(old: str, new: str, at: str | None) -> None:
    text = changed(old, new)
    if at is None:
        assert agreed(text).contract.ready.fit.points[1].when.startswith("industry IN ('software', 'logistics')\nAND")
        text, at = changed("AND country", "AND contry", text), "contry"
    assert pointed_at(refused(text)[0], text).startswith(at)


# --- hostile and random text ----------------------------------------------------------------------------------


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_whatever_is_done_to_a_contract_there_is_an_agreement_or_a_problem(data: st.DataObject) -> None:
    """Cut, doubled and sprinkled contracts: never an exception, and every Problem has all its three parts."""
    text = SOUND
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 40)))
        put = data.draw(
            st.sampled_from(["", "{", "]", ": ", "\n", "'", '"', "- ", "&a ", "*a", "|", "null", "5", "[]", "{}", "\t", "#", "é", "!x "])
        )
        text = text[:start] + put + text[end:]
    agreement, problems = read_contract(text, "x.yaml")
    assert (agreement is None) == bool(problems)
    for problem in problems:
        assert problem.where.file == "x.yaml"
        assert problem.what
        assert problem.fix


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=80) | st.binary(max_size=80))
def test_random_text_is_no_contract_and_no_crash(text: str | bytes) -> None:
    assert refused(text)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(Contract.model_fields)), _VALUES)
def test_any_value_under_any_key_is_a_problem_or_fine(key: str, value: object) -> None:
    """The keys of a contract with values nobody would write."""
    import json

    lines = [line for line in SOUND.splitlines() if not line.startswith(f"{key}:")]
    text = "\n".join([*lines, f"{key}: {json.dumps(value)}"])
    agreement, problems = read_contract(text, "x.yaml")
    assert (agreement is None) == bool(problems)


def test_a_text_read_under_another_name_is_the_same_agreement_and_its_problems_stand_in_that_file() -> None:
    assert agreed() is read_contract(SOUND, "draft 7")[0]
    wrong = changed("employees BETWEEN", "emploees BETWEEN")
    (one,), (other,) = read_contract(wrong, "a.yaml")[1], read_contract(wrong, "b.yaml")[1]
    assert (one.where.file, other.where.file) == ("a.yaml", "b.yaml")
    assert (one.where.line, one.what) == (other.where.line, other.what)
