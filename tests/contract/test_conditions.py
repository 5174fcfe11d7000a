"""Conditions: SQL over declared fields, with three values, and everything one can get wrong in them."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.conditions import DTYPES, FUNCTIONS, Compiled, as_frame, compile_condition
from handfast.problem import Place

FIELDS = {"employees": "int", "industry": "text", "score": "number", "vip": "bool", "since": "time", "desc": "text", "job-title": "text"}
HERE = Place("northwind.yaml", 12, 20)

#: Halden is known well, of Quill we know the name only.
HALDEN = {
    "employees": 640,
    "industry": "logistics",
    "score": 0.5,
    "vip": True,
    "since": datetime(2026, 3, 1, tzinfo=UTC),
    "desc": "first line\nsecond line",
    "job-title": "VP Operations",
}
QUILL: dict[str, object] = {}


def compiled(text: str) -> Compiled:
    found, problems = compile_condition(text, FIELDS, HERE)
    assert not problems, problems[0]
    assert found is not None
    return found


def said(text: str, row: dict[str, object]) -> bool | None:
    """What a condition says of one made-up company: True, False, or None for unknown."""
    answer = as_frame([row], FIELDS).select(answer=compiled(text).expr)["answer"]
    assert answer.dtype == pl.Boolean
    return answer[0]


# --- what conditions mean -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "of_halden", "of_quill"),
    [
        ("employees BETWEEN 200 AND 5000", True, None),
        ("employees NOT BETWEEN 200 AND 5000", False, None),
        ("industry = 'logistics'", True, None),
        ("industry <> 'logistics'", False, None),
        ("industry != 'finance'", True, None),
        ("Employees >= 640", True, None),
        # IN: found is true; not found is false, or unknown if anything in it is unknown
        ("industry IN ('finance', 'logistics')", True, None),
        ("industry IN ('finance', NULL)", None, None),
        ("industry IN ('logistics', NULL)", True, None),
        ("industry NOT IN ('finance', NULL)", None, None),
        ("industry NOT IN ('logistics', NULL)", False, None),
        ("employees IN (640.0, 1)", True, None),
        ("employees IN (score, 640)", True, None),
        ("since IN ('2026-03-01')", True, None),
        # the three values
        ("NULL", None, None),
        ("employees = NULL", None, None),
        ("employees IS NULL", False, True),
        ("employees IS NOT NULL", True, False),
        ("vip", True, None),
        ("NOT vip", False, None),
        ("vip IS TRUE", True, False),
        ("vip IS NOT TRUE", False, True),
        ("vip IS FALSE", False, False),
        ("(employees > 5) IS NULL", False, True),
        ("vip OR TRUE", True, True),
        ("vip AND FALSE", False, False),
        ("vip AND TRUE", True, None),
        ("NOT (vip AND FALSE)", True, True),
        ("vip = (employees > 5)", True, None),
        # patterns, over the whole text
        ("industry LIKE 'log%'", True, None),
        ("industry LIKE 'Log%'", False, None),
        ("industry ILIKE 'LOG%'", True, None),
        ("industry LIKE 'logistic_'", True, None),
        ("industry LIKE 'logistic'", False, None),
        ("industry LIKE '%gist%'", True, None),
        ("industry LIKE '%ics'", True, None),
        ("industry LIKE '%o%t%'", True, None),
        ("industry NOT LIKE 'fin%'", True, None),
        ("industry LIKE 'log!%' ESCAPE '!'", False, None),
        (r"industry LIKE 'log\%'", False, None),
        ("industry LIKE NULL", None, None),
        ("desc LIKE 'first%line'", True, None),
        ("desc LIKE 'first line'", False, None),
        ("desc LIKE 'first line_second line'", True, None),
        ("desc ILIKE 'FIRST%SECOND%'", True, None),
        ("industry LIKE '(log|x)%'", False, None),
        # numbers
        ("score * 2 = 1", True, None),
        ("employees / 3 > 213.3", True, None),
        ("employees / 0 > 1", None, None),
        ("employees / (score - 0.5) > 1", None, None),
        ("NOT (employees / 0 > 1)", None, None),
        ("-employees < -600", True, None),
        ("employees - 600 * 2 < 0", True, None),
        ("(employees - 600) * 2 > 0", True, None),
        ("employees * 1e300 * 1e300 > 1", None, None),
        # moments and functions
        ("since >= '2026-03-01'", True, None),
        ("since < '2026-03-01 00:00:01'", True, None),
        ("since = '2026-03-01T01:00:00+01:00'", True, None),
        ("lower(industry) = 'logistics' AND upper(industry) = 'LOGISTICS'", True, None),
        ("length(industry) = 9", True, None),
        ("trim('  x ') = 'x'", True, True),
        ("starts_with(industry, 'log') AND ends_with(industry, 'ics') AND contains(industry, 'gist')", True, None),
        ("coalesce(employees, score, 0) > 0", True, False),
        ("coalesce(industry, 'unknown') = 'unknown'", False, True),
        ("abs(score - 1) = 0.5", True, None),
        # names
        ("\"job-title\" LIKE 'VP%'", True, None),
        ('"desc" IS NOT NULL AND desc IS NOT NULL', True, False),
        # no field at all, and a remark
        ("TRUE", True, True),
        ("1 = 2", False, False),
        ("employees > 5 -- the smallest we take\n AND vip", True, None),
        ("industry = 'it''s'", False, None),
    ],
)
def test_what_a_condition_says(text: str, of_halden: bool | None, of_quill: bool | None) -> None:
    """SQL's three values: what nobody knows is unknown, and stays unknown through AND, OR, NOT and IN."""
    assert said(text, HALDEN) is of_halden
    assert said(text, QUILL) is of_quill


def test_a_condition_answers_for_every_row_even_without_a_field() -> None:
    frame = as_frame([HALDEN, QUILL, HALDEN], FIELDS)
    assert frame.select(compiled("1 = 1").expr).to_series().to_list() == [True, True, True]
    assert frame.clear().select(compiled("NULL").expr).height == 0
    for text in ("'' = coalesce('', industry)", "TRUE OR vip", "FALSE AND vip", "coalesce(1, employees) = 1"):
        assert frame.select(compiled(text).expr).height == 3


def test_the_names_of_a_condition_are_the_fields_it_reads() -> None:
    assert compiled("Employees > 5 OR (industry = 'x' AND employees < 9)").names == {"employees", "industry"}
    assert compiled("TRUE").names == frozenset()


def test_arithmetic_on_large_numbers_is_never_wrapped_around() -> None:
    assert said("employees * 9000000000000000000 > 0", {"employees": 9_000_000_000_000_000_000}) is True


def test_long_chains_are_not_deep() -> None:
    assert said(" OR ".join(["employees = 1"] * 200), {"employees": 1}) is True
    assert said(" AND ".join(["(vip OR vip)"] * 230), {"vip": True}) is True


def test_a_pattern_as_long_as_a_condition_may_be_still_works() -> None:
    assert said(f"industry ILIKE '{'_' * 3900}'", {"industry": "x" * 3900}) is True
    assert said(f"industry LIKE '{'%a' * 1900}%'", {"industry": "a" * 1900}) is True


# --- what people get wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "column", "what", "fix"),
    [
        ("emploees > 5", 1, "there is no field 'emploees'", "Did you mean 'employees'?"),
        ("vip AND indusry = 'x'", 9, "there is no field 'indusry'", "Did you mean 'industry'?"),
        ("employees = 'many'", 13, "the text 'many' is compared with employees (a whole number)", "without quotes"),
        ("industry = 5", 12, "a whole number (5) is compared with industry (a text)", "single quotes"),
        ("industry = software", 12, "there is no field 'software'", "If it is a text, write it in single quotes: 'software'."),
        ("vip = 1", 7, "is compared with vip (a yes-or-no)", "TRUE or FALSE"),
        ("vip > TRUE", 1, "a yes-or-no is neither less nor more", "= or <>"),
        ("since > 'soon'", 9, "the text 'soon' is no moment", "'2026-03-01'"),
        ("employees", 1, "a whole number stands where a comparison is needed", "Compare it"),
        ("vip OR industry", 8, "a text stands where a comparison is needed", "Compare it"),
        ("soundex(industry) = 'x'", 1, "there is no function 'soundex'", "Use one of: abs"),
        ("lowr(industry) = 'x'", 1, "there is no function 'lowr'", "Did you mean 'lower'?"),
        ("lower(employees) = 'x'", 7, "lower takes texts", "lower(text)"),
        ("lower() = 'x'", 1, "lower has 0 arguments instead of 1", "lower(text)"),
        ("employees IN (SELECT 1)", 15, "a query inside a condition is not possible", "look-up belongs in a field"),
        ("EXISTS (SELECT 1)", 1, "EXISTS is not part of a condition", ""),
        ("CASE WHEN vip THEN TRUE END", 1, "CASE is not part", "AND and OR"),
        ("CAST(employees AS text) = '5'", 1, "CAST is not part", "Declare the field"),
        ("employees::text = '5'", 10, "a cast is not possible", "Declare the field"),
        ("account.employees > 5", 8, "a dot is not possible here", "single word"),
        ("industry == 'x'", 10, "'==' is not SQL", "single '='"),
        ("industry || 'x' = 'y'", 10, "'||' is not possible", ""),
        ("industry ~ 'x'", 10, "regular expressions", "LIKE"),
        ("since > now()", 9, "does not know the time of day", "within"),
        ("industry LIKE desc", 15, "the pattern of LIKE is not a text in quotes", "contains(a, b)"),
        ("employees LIKE '5%'", 1, "LIKE looks at texts", ""),
        ("industry LIKE 'a!' ESCAPE '!'", 15, "the pattern ends with the escape", "!!"),
        ("industry LIKE 'a' ESCAPE 'xy'", 26, "a single character", ""),
        ("employees IN ()", 1, "IN is followed by no list", "IN ('a', 'b')"),
        ("industry + 1 = 2", 1, "a text cannot be reckoned with", "numbers"),
        ("employees > 5 > 3", 1, "two comparisons stand side by side", "brackets"),
        ("vip AND", 5, "breaks off at AND", "Finish"),
        ("vip vip", 5, "breaks off at vip", ""),
        ("(vip", 2, "a bracket is still open", "')'"),
        ("industry = 'x", 12, "a quote is opened here and never closed", "''"),
        ("job-title = 'x'", 1, "job-title is read as a subtraction", '"job-title"'),
        ("\"Industry\" = 'x'", 1, "there is no field 'Industry'", "lower case: industry"),
        ("", 1, "the condition is empty", "leave `when` out"),
        ("-- nothing yet", 1, "only a comment", ""),
        ("employees = 1e999", 13, "no number a computer can hold", ""),
        ("industry = 'a' 'b'", 12, "makes no sense in a condition", ""),
        ("industry = 'a'; DROP TABLE person", 15, "a single expression", "semicolon"),
        ("(employees, 1) = (2, 3)", 2, "makes no sense in a condition", ""),
        ("employees IS 5", 14, "IS is followed by something else", "IS NULL"),
        ("industry = 'x\x00'", 14, "cannot be read", "Leave it out"),
        ("vip AND \ud800", 9, "cannot be read", "Leave it out"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(text: str, column: int, what: str, fix: str) -> None:
    found, problems = compile_condition(text, FIELDS, HERE)
    assert found is None
    assert (problems[0].where.line, problems[0].where.column) == (12, 19 + column), problems[0]
    assert what in problems[0].what
    assert fix in problems[0].fix


def test_all_that_is_wrong_is_said_not_the_first_only() -> None:
    _, problems = compile_condition("emploees > 5 AND industry = 5 AND foo(vip)", FIELDS, HERE)
    assert [problem.where.column for problem in problems] == [20, 48, 54]


def test_the_line_counts_on_where_the_condition_has_several() -> None:
    _, problems = compile_condition("vip\n  AND emploees > 5", FIELDS, HERE)
    assert (problems[0].where.line, problems[0].where.column) == (13, 7)


def test_a_text_a_field_can_never_hold_is_a_slip_of_the_pen() -> None:
    fields, values = {"next_step": "text"}, {"next_step": {"demo", "pricing"}}
    for text in ("next_step = 'dmeo'", "next_step IN ('pricing', 'dmeo')", "'dmeo' <> next_step"):
        _, problems = compile_condition(text, fields, HERE, values)
        assert [problem.what for problem in problems] == ["next_step is never 'dmeo'"]
        assert problems[0].fix == "Did you mean 'demo'?"
    assert compile_condition("next_step = 'demo' OR lower(next_step) = 'x'", fields, HERE, values)[1] == []


# --- hostile text ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1900 + "vip" + ")" * 1900,
        "NOT " * 999 + "vip",
        "- " * 1900 + "1 = 1",
        "+" * 3900 + "1 = 1",
        "1" + "+1" * 1900 + " = 1",
        "=".join(["1"] * 1999),
        "lower(" * 600,
        "NOT (" * 700 + "vip",
        " ".join(["vip IS NOT"] * 360),
        "vip IN (" * 480,
        "BETWEEN " * 480,
        "employees" + " BETWEEN 1 AND 2" * 240,
        "vip" + " IS NULL" * 480,
        "x" * 4001,
        "'" * 3999,
        "/*" * 1999,
        "$a$" * 1300,
        "((((" + "employees + " * 300 + "1)))) = 1",
    ],
    ids=lambda text: text[:16],
)
def test_hostile_text_is_refused_with_a_problem(text: str) -> None:
    found, problems = compile_condition(text, FIELDS, HERE)
    assert found is None
    assert problems


_WORDS = [
    *("employees", "industry", "score", "vip", "since", "desc", '"job-title"', "nobody", "AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE"),
    *("ILIKE", "BETWEEN", "ESCAPE", "TRUE", "FALSE", "(", ")", ",", "=", "<>", "<", ">=", "+", "-", "*", "/", "1", "0.5", "'x'", "'%a_'"),
    *(
        "lower",
        "coalesce(",
        "'2026-01-01'",
        "SELECT",
        "CASE",
        "--",
        "/*",
        "*/",
        "'",
        '"',
        ";",
        ".",
        "::",
        "[",
        "{",
        "$",
        "?",
        ":",
        "\\",
        "\n",
    ),
    *("DISTINCT FROM", "SYMMETRIC", "COLLATE", "AT TIME ZONE", "INTERVAL", "ANY", "e'x'", "U&'x'", "b'1'", "%", "||", "@", "#", "^@", "é"),
]


@settings(max_examples=800, deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=14).map(" ".join) | st.text(max_size=60))
def test_whatever_the_text_there_is_a_condition_or_a_problem_and_nothing_else(text: str) -> None:
    """A condition that compiles also evaluates, to one Boolean a row; anything else has a Problem inside the text, with a way out."""
    found, problems = compile_condition(text, FIELDS, Place("x.yaml", 1, 1))
    assert (found is None) == bool(problems)
    for problem in problems:
        assert problem.what
        assert problem.fix
        assert 1 <= problem.where.line <= text.count("\n") + 1
    if found is not None:
        answer = as_frame([HALDEN, QUILL, {**HALDEN, "score": 0.0}], FIELDS).select(answer=found.expr)["answer"]
        assert (answer.dtype, len(answer)) == (pl.Boolean, 3)


# --- frames ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        *[("int", v, 7) for v in (7, 7.0, "7", " 7 ", "+7", "007")],
        *[("int", v, None) for v in (7.5, "7.5", "seven", True, 2**63, "9" * 25, float("nan"), [7], "")],
        *[("number", v, 7.5) for v in (7.5, "7.5", " 7.5 ", "75e-1")],
        *[("number", v, None) for v in ("NaN", "inf", float("inf"), True, 10**400, "1e999", {}, "")],
        *[("bool", v, True) for v in (True, "true", "Yes", 1, 1.0)],
        *[("bool", v, False) for v in (False, "FALSE", "no", 0)],
        *[("bool", v, None) for v in (2, "maybe", "", [])],
        *[
            ("text", v, e)
            for v, e in (("x", "x"), ("", ""), (5, "5"), (True, "true"), (0.5, "0.5"), ([], None), ("\ud800", None), (10**400, None))
        ],
        *[
            ("time", v, datetime(2026, 3, 1, tzinfo=UTC))
            for v in ("2026-03-01", "2026-03-01T00:00:00Z", "2026-03-01 01:00+01:00", datetime(2026, 3, 1))  # noqa: DTZ001
        ],
        *[("time", v, None) for v in ("soon", 5, "", "0001-01-01T00:00+14:00", True)],
    ],
)
def test_values_are_read_as_the_declared_type_or_are_unknown(kind: str, value: object, read: object) -> None:
    frame = as_frame([{"f": value}], {"f": kind})  # type: ignore[dict-item]
    assert frame.schema == {"f": DTYPES[kind]}  # type: ignore[index]
    assert frame["f"][0] == read


def test_a_frame_has_a_row_a_mapping_and_a_column_a_field() -> None:
    frame = as_frame([{"a": 1, "other": 2}, {}], {"b": "text", "a": "int"})
    assert frame.columns == ["b", "a"]
    assert frame["a"].to_list() == [1, None]
    assert as_frame([], {"a": "int"}).height == 0


def test_every_function_is_in_the_reference(pytestconfig: pytest.Config) -> None:
    text = (pytestconfig.rootpath / "docs" / "reference" / "conditions.md").read_text()
    for function in FUNCTIONS.values():
        assert f"`{function.usage}`" in text
