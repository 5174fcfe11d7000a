"""Whatever somebody writes into a contract, or feeds to the reader: an Agreement or Problems, never an exception, and no work without bound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handfast.connectors.files.taken import take_in
from handfast.contract.diff import diff
from handfast.contract.reading import MOST_TOLD, read_contract
from handfast.contract.text import LONGEST, MOST, read_text
from handfast.problem import counted, nearest
from handfast.tuning.proof import prove

from .contracts import SOUND, agreed, changed, refused

CALM = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
EXAMPLES = SOUND[SOUND.index("examples:") :]
READY = {"employees": 800, "country": "US", "industry": "software"}


def settled(text: str | bytes) -> list[str]:
    """What is said of a text; if nothing, it is also proved and compared, both ways."""
    agreement, problems = read_contract(text, "c.yaml")
    assert (agreement is None) == bool(problems)
    assert all(problem.what and problem.fix and len(str(problem)) < 1300 for problem in problems)
    if agreement is not None:
        prove(agreement)
        diff(agreed().contract, agreement.contract)
        diff(agreement.contract, agreed().contract)
    return [problem.what for problem in problems]


def example(given: Any, expect: Any = None) -> str:
    """The sound contract with one example, whatever it is."""
    made = [{"name": "x", "given": given, "expect": {"verdict": "ready"} if expect is None else expect}]
    return SOUND.replace(EXAMPLES, f"examples: {json.dumps(made)}\n")


# --- examples ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expect", "what"),
    [
        ({}, {"verdict": ["ready"]}, "'['ready']' is no verdict of this contract"),
        ({}, {"grade": {"A": 1}}, "'{'A': 1}' is no grade of this contract"),
        ({}, {"account": [1]}, "'[1]' is no account of this contract"),
        ({"at": "1800-01-02 10:00"}, None, "1800-01-02 10:00 lies outside the years 1970 to 2060"),
        ({"at": "9999-12-31 23:59"}, None, "9999-12-31 23:59 lies outside the years 1970 to 2060"),
        ({"at": "2026-02-30 10:00"}, None, "'2026-02-30 10:00' is no moment"),
        ({"signals": [{"kind": "form_submitted", "ago": "999999 weeks"}]}, None, "999999 weeks is longer ago than anybody remembers"),
        ({"signals": [{"kind": "form_submitted", "ago": [1]}]}, None, "'[1]' is not a duration"),
        ({"colleagues": [[1]]}, None, "'colleagues' is not a list of people"),
        ({"signals": [{"kind": "form_submitted", "ago": None, "form": "demo"}], "person": READY}, None, None),
    ],
)
def test_an_example_nobody_can_prove_is_said(given: Any, expect: Any, what: str | None) -> None:
    assert settled(example(given, expect)) == ([] if what is None else [what])


_LOOSE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["ready", "form_submitted", "demo", "ana", "2 days", "999999 weeks", "2026-03-02 10:00", "9999-12-31 23:59", "A1"])
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "ago", "form", "person", "signals", "employees", "email", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@CALM
@given(
    st.dictionaries(st.sampled_from(["person", "signals", "colleagues", "owner", "away", "open", "at", "y"]), _LOOSE, max_size=4),
    st.dictionaries(
        st.sampled_from(["verdict", "fit", "intent", "next_step", "reason", "grade", "account", "owner", "first_touch", "due", "sla"]),
        _LOOSE,
        max_size=4,
    ),
)
def test_any_example_is_proved_or_refused(given: Any, expect: Any) -> None:
    settled(example(given, expect))


# --- terms ------------------------------------------------------------------------------------------------------

_TERMS = ["times", "within", "at_most", "points", "on", "when", "because"]


@CALM
@given(
    st.dictionaries(st.sampled_from(_TERMS), _LOOSE | st.sampled_from(["3 within 7 days", "9999 within 90 days", "3 per day"]), max_size=4),
    st.sampled_from(["exclude", "grades", "account", "match", "half_life", "lookback"]),
    _LOOSE
    | st.fixed_dictionaries({"fit": _LOOSE, "intent": _LOOSE})
    | st.fixed_dictionaries({"intent": _LOOSE, "people": _LOOSE, "within": _LOOSE, "roles": _LOOSE})
    | st.fixed_dictionaries({"free_mail": _LOOSE, "competitors": _LOOSE, "scanners": _LOOSE, "bots": _LOOSE}),
)
def test_any_value_of_the_further_terms_is_fine_or_a_problem(rule: Any, term: str, value: Any) -> None:
    text = changed("- {on: form_submitted, points: 30}", f"- {json.dumps({'on': 'form_submitted', 'points': 30, **rule})}")
    if term == "match":
        text += f"match: {json.dumps(value)}\n"
    elif term in ("half_life", "lookback"):
        text = changed("    at_least: 20\n", f"    at_least: 20\n    {term}: {json.dumps(value)}\n", text)
    else:
        text = changed("  next_step:\n", f"  {term}: {json.dumps(value)}\n  next_step:\n", text)
    settled(text)


@CALM
@given(st.sampled_from(["northwind", "saas-inbound"]), st.data())
def test_a_published_contract_with_its_lines_mixed_up(name: str, data: st.DataObject) -> None:
    """Lines dropped, doubled, moved and indented anew; and a word replaced by one from elsewhere in the text."""
    lines = take_in(Path(__file__).parents[2] / "examples" / f"{name}.yaml").text.splitlines()
    at = st.integers(0, len(lines) - 1)
    for _ in range(data.draw(st.integers(1, 3))):
        one, other = data.draw(at), data.draw(at)
        match data.draw(st.sampled_from(["drop", "double", "swap", "indent", "word"])):
            case "drop":
                lines[one] = ""
            case "double":
                lines[one] += "\n" + lines[one]
            case "swap":
                lines[one], lines[other] = lines[other], lines[one]
            case "indent":
                lines[one] = "  " + lines[one]
            case _:
                words = lines[other].split() or [""]
                lines[one] = lines[one].replace((lines[one].split() or [" "])[-1], words[-1])
    settled("\n".join(lines))


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("points: 25", "points: 999999999999999999", "999999999999999999 points are beyond all measure"),
        ("points: 25", "points: -999999999999999999", "-999999999999999999 points are beyond all measure"),
        ("    at_least: 20\n", "    at_least: 20\n    lookback: 999999 weeks\n", "999999 weeks is longer than anything is remembered"),
        ("back: 90 days", "back: 999999 weeks", "999999 weeks is longer than anything is remembered"),
        ("within: 7 days", "within: 999999 weeks", "999999 weeks is longer than anything is remembered"),
        (
            '{timezone: Europe/Berlin, week: {mon-fri: ["09:00-17:00"]}}',
            '{timezone: Europe/Berlin, week: {mon: ["09:00-09:01"]}}\n  slow: {week: {mon: ["09:00-09:01"]}}',
            None,
        ),
        ("first_touch: 4 hours", "first_touch: 400 hours", None),
    ],
)
def test_numbers_beyond_all_measure(old: str, new: str, what: str | None) -> None:
    assert what in settled(changed(old, new)) if what else settled(changed(old, new)) == []


def test_a_clock_that_its_calendar_never_lets_run_out() -> None:
    """262 minutes of work, one minute a week."""
    slow = changed('{mon-fri: ["09:00-17:00"]}', '{mon: ["09:00-09:01"]}')
    assert settled(slow) == []
    assert (
        settled(changed("first_touch: 5 minutes", "first_touch: 5 hours", slow.replace("after: 15 minutes", "after: 5 hours")))
        == ["5 hours of work take more than five years: 'berlin' opens for 1 minutes a week"] * 2
    )


def test_a_reason_nobody_is_ever_given() -> None:
    """The first never-rule that holds gives the reason."""
    rules = "[{when: \"country IN ('KP', 'IR')\", reason: embargo}, {when: \"country = 'KP'\", reason: no sales there}]"
    text = changed("    never:\n      - {when: \"country IN ('KP')\", reason: embargo}\n", f"    never: {rules}\n")
    said = "nobody is ever excluded for 'no sales there': 'embargo' above it takes all of it, and the first that holds gives the reason"
    assert settled(text) == [said]
    assert settled(text.replace("country = 'KP'", "country = 'RU'")) == []


# --- texts made to be slow --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        changed("Call {first_name}.", "{" + " " * 50_000 + "}"),
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "contract: &a [*a]\n",
        "".join(" " * n + "a:\n" for n in range(400)),
        "- " * 20_000 + "a",
        "? " * 2_000 + "a",
        "!!python/object/apply:os.system [ls]\n",
        "contract: !" + "a" * 90_000 + " x\n",
        "contract: a\0b\n",
        b"contract: a\0b\n",
        "contract: a".encode("utf-16"),
        'contract: "' + "a" * 99_000 + '"\n',
        "'" * 99_000,
        "[" + "," * 90_000 + "]",
        "a: " + "9" * 90_000,
        'a: "\\ud800"',
        "a: \ud800",
        "a" * 1_000_000,
        changed("America/New_York", "../../etc/passwd"),
        changed("first_touch: 4 hours", 'first_touch: "4' + " " * 80_000 + 'x"'),
        changed('"employees BETWEEN 200 AND 5000"', '"employees' + " " * 70_000 + '> xx"'),
        f"a: &a [{'!a ,' * 4_000}]\nb: [{'*a,' * 8}]\nc: [{'1,' * 25_000}]",
    ],
    ids=lambda text: repr(text[:24]),
)
def test_a_text_made_to_hurt_is_a_problem(text: str | bytes) -> None:
    assert settled(text)


def test_a_character_may_be_escaped_in_two_halves_as_json_does() -> None:
    text = changed("contract: Northwind ", 'contract: "\\ud83d\\ude00" ')
    source, problems = read_text(text, "c.yaml")
    assert source is not None
    assert not problems
    assert source.data["contract"] == "\U0001f600"
    assert settled(text) == []


def test_half_a_character_is_a_problem_where_it_stands() -> None:
    text = changed("    at_least: 20\n", '    at_least: 20\n    half_life: "14 \\udc00 days"\n')
    (said,) = [problem for problem in refused(text) if "half a" in problem.what]
    assert "half_life" in text.splitlines()[said.where.line - 1]
    assert settled('contract: {"\\ud800": 1}\n')


def test_of_thousands_of_problems_the_first_are_told_and_the_rest_counted() -> None:
    told = refused(changed("    points:\n", "    points:\n" + '      - {when: "emploees > 1", points: 1}\n' * 2_000))
    assert len(told) == MOST_TOLD + 1
    assert told[0].fix == "Did you mean 'employees'?"
    assert [problem.where.line for problem in told[:3]] == [12, 13, 14]
    assert told[-1].what == "1,500 more problems are not told here"
    assert (counted(told), counted(told[:1]), counted([])) == ("2,000 problems", "1 problem", "0 problems")


def test_a_brace_that_is_never_closed_is_a_brace() -> None:
    assert settled(changed("Call {first_name}.", "{" + " " * 50_000)) == []


def test_aliases_do_not_multiply_a_long_text() -> None:
    """A condition of 3,000 characters, used two thousand times: the text is short, what it says is not."""
    long = "employees IN (" + ",".join(map(str, range(700))) + ")"
    rules = "      - {when: *a, reason: x}\n" * 2_000
    text = changed("    never:\n", "    never:\n" + rules, changed('"employees BETWEEN 200 AND 5000"', f'&a "{long}"'))
    assert len(text) < LONGEST
    assert any(f"{LONGEST:,} characters" in what for what in settled(text))
    source, problems = read_text("a: &a x\nb: [" + "*a," * (MOST + 1) + "]", "c.yaml")
    assert source is None or problems


@pytest.mark.parametrize(
    "condition",
    [
        "employees IN (" + ",".join(map(str, range(10_000))) + ")",
        "(" * 200 + "employees > 1" + ")" * 200,
        "NOT " * 200 + "employees > 1",
        "industry = '" + "a" * 50_000 + "'",
        "pg_sleep(10) > 1",
        "read_csv('/etc/passwd') = 1",
        "employees IN (SELECT 1)",
        "industry = 'a' || 'b'",
        "coalesce(" * 40 + "employees" + ",1)" * 40 + " > 1",
        "(" * 40 + "employees" + "+1)" * 40 + " > 1",
        "employees" + " + 1" * 40 + " > 1",
        "(" * 40 + "employees > 1" + ") IN (TRUE, employees > 2)" * 40,
    ],
    ids=lambda text: text[:20],
)
def test_a_condition_made_to_hurt_is_a_problem(condition: str) -> None:
    assert refused(changed('"employees BETWEEN 200 AND 5000"', json.dumps(condition)))


@pytest.mark.parametrize("pattern", ["%a" * 1_900 + "b", "_%" * 1_900 + "b", "%ß_" * 1_200, "a%" * 1_900])
def test_a_pattern_that_would_backtrack_elsewhere(pattern: str) -> None:
    """It compiles, and answers over a text that nearly matches; the reasoning about it ends too."""
    text = changed('"employees BETWEEN 200 AND 5000"', json.dumps(f"industry ILIKE '{pattern}'"))
    text = text.replace(EXAMPLES, example({"person": {"industry": "a" * 3_000, "country": "US"}}).partition("examples: ")[2])
    settled(text.replace("dispositions:", "dispositions:", 1))


def test_many_rules_are_not_thought_through_pair_by_pair_for_ever() -> None:
    """Seven hundred territories: nothing is said once patience is used up, and nothing is said wrongly."""
    many = "".join(f'    - {{name: t{n}, when: "employees = {n} OR employees = {n + 5000}", to: team}}\n' for n in range(700))
    assert settled(changed("  territories:\n", "  territories:\n" + many)) == []


def test_the_nearest_of_many_names_is_looked_for_nearby() -> None:
    names = [f"field{n}" for n in range(3_000)]
    assert nearest("field77x", names) in names
    assert nearest("contry", [*names, "country"]) == "country"
    assert nearest("x" * 100_000, names) is None
