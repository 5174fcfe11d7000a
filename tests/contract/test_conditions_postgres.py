"""The judge of what a condition means is PostgreSQL: random conditions over random rows, three-valued, row by row.

A condition is made in two spellings at once: ours, and PostgreSQL's. They differ only where docs/reference/conditions.md says so:
arithmetic is done in double precision and without errors, texts compare by code point, and two functions have other names there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handfast.contract.conditions import as_frame, compile_condition
from handfast.problem import Place

FIELDS = {"a": "int", "b": "int", "x": "number", "y": "number", "s": "text", "t": "text", "p": "bool", "q": "bool", "m": "time"}
NUMBERS = (-2, -1, 0, 1, 2, 3, 7)
FRACTIONS = (-1.5, -0.25, 0.0, 0.5, 2.0, 7.0)
TEXTS = ("", "a", "A", "ab", "aB", "b%", "a_b", "a\nb", "a\\b", "日本", "a'b", "  a ", "abab", "%", "_")
TIMES = ("2026-03-01", "2026-03-01 12:30:00", "2025-12-31 23:59:59")


class Both(NamedTuple):
    """One thing in both spellings."""

    ours: str
    theirs: str


def both(text: str) -> Both:
    return Both(text, text)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def joined(template: str, *parts: Both, theirs: str | None = None) -> Both:
    return Both(template.format(*(p.ours for p in parts)), (theirs or template).format(*(p.theirs for p in parts)))


# --- values ---------------------------------------------------------------------------------------------------

whole = st.sampled_from(["a", "b", *map(str, NUMBERS)]).map(both)
fraction = st.sampled_from(["x", "y", *map(str, FRACTIONS)]).map(lambda f: Both(f, f if f in "xy" else f"{f}::float8"))
null = st.just(both("NULL"))


@st.composite
def reckoned(draw: st.DrawFn, inner: st.SearchStrategy[Both]) -> Both:
    left, right, sign = draw(inner), draw(inner), draw(st.sampled_from("+-*/"))
    theirs = "(({0})::float8 / NULLIF(({1})::float8, 0))" if sign == "/" else f"(({{0}})::float8 {sign} ({{1}})::float8)"
    return joined(f"({{0}} {sign} {{1}})", left, right, theirs=theirs)


numbers = st.recursive(
    whole | fraction,
    lambda inner: (
        reckoned(inner)
        | inner.map(lambda n: joined("(- {0})", n))
        | inner.map(lambda n: joined("abs({0})", n))
        | st.tuples(inner, inner).map(lambda pair: joined("coalesce({0}, {1})", *pair, theirs="coalesce(({0})::float8, ({1})::float8)"))
    ),
    max_leaves=4,
)
texts = st.recursive(
    st.sampled_from(["s", "t", *map(quoted, TEXTS)]).map(lambda t: Both(t, t if t in "st" else f"{t}::text")),
    lambda inner: (
        st.tuples(st.sampled_from(["lower", "upper", "trim"]), inner).map(lambda pair: joined(f"{pair[0]}({{0}})", pair[1]))
        | st.tuples(inner, inner).map(lambda pair: joined("coalesce({0}, {1})", *pair))
    ),
    max_leaves=3,
)
lengths = texts.map(lambda t: joined("length({0})", t))
times = st.sampled_from(["m", *map(quoted, TIMES)]).map(both)
pattern = st.lists(st.sampled_from(["a", "b", "B", "%", "_", "\n", "\\%", "\\_", "\\\\", "\\a", "日"]), max_size=5).map("".join)


# --- conditions -----------------------------------------------------------------------------------------------


@st.composite
def compared(draw: st.DrawFn) -> Both:
    side = draw(st.sampled_from([numbers | lengths | null, texts | null]))
    operator = draw(st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="]))
    return joined(f"{{0}} {operator} {{1}}", draw(side), draw(side))


@st.composite
def at_times(draw: st.DrawFn) -> Both:
    operator = draw(st.sampled_from(["=", "<>", "<", ">="]))
    return joined(f"{{0}} {operator} {{1}}", both("m"), draw(times))


@st.composite
def among(draw: st.DrawFn) -> Both:
    side = draw(st.sampled_from([numbers, texts]))
    values = draw(st.lists(side | null, min_size=1, max_size=4))
    places = ", ".join(f"{{{n + 1}}}" for n in range(len(values)))
    return joined(f"{{0}} {draw(st.sampled_from(['', 'NOT ']))}IN ({places})", draw(side), *values)


@st.composite
def between(draw: st.DrawFn) -> Both:
    side = draw(st.sampled_from([numbers | null, texts | null]))
    return joined(f"{{0}} {draw(st.sampled_from(['', 'NOT ']))}BETWEEN {{1}} AND {{2}}", draw(side), draw(side), draw(side))


@st.composite
def like(draw: st.DrawFn) -> Both:
    word = draw(st.sampled_from(["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"]))
    made = draw(pattern)
    escape = draw(st.sampled_from(["", "", "!"]))
    if escape:
        made = made.replace("\\", "!")
    return joined(f"{{0}} {word} {quoted(made)}" + (f" ESCAPE '{escape}'" if escape else ""), draw(texts))


@st.composite
def asked(draw: st.DrawFn) -> Both:
    theirs = {
        "starts_with": "starts_with({0}, {1})",
        "ends_with": "(right({0}, length({1})) = {1})",
        "contains": "(strpos({0}, {1}) > 0)",
    }
    name = draw(st.sampled_from(sorted(theirs)))
    return joined(f"{name}({{0}}, {{1}})", draw(texts), draw(texts), theirs=theirs[name])


known = st.tuples(st.sampled_from(sorted(FIELDS)), st.sampled_from(["IS NULL", "IS NOT NULL"])).map(lambda pair: both(" ".join(pair)))
plain = st.sampled_from(["p", "q", "TRUE", "FALSE", "NULL", "p = q", "p <> q", "p IN (q, TRUE)", "p IS TRUE", "q IS NOT FALSE"]).map(both)


@st.composite
def combined(draw: st.DrawFn, inner: st.SearchStrategy[Both]) -> Both:
    form = draw(
        st.sampled_from(
            [
                *(
                    "{0} AND {1}",
                    "{0} OR {1}",
                    "{0} AND {1} OR {2}",
                    "NOT {0} OR {1}",
                    "NOT ({0})",
                    "({0} OR {1}) AND {2}",
                    "NOT ({0} AND {1})",
                ),
                *("({0}) IS NULL", "({0}) IS NOT TRUE", "({0}) IS FALSE", "({0}) = ({1})", "({0}) <> ({1})", "coalesce({0}, {1})"),
            ]
        )
    )
    return joined(form, draw(inner), draw(inner), draw(inner))


leaves = compared() | among() | between() | like() | asked() | known | plain | at_times()
conditions = st.recursive(leaves, combined, max_leaves=6)


# --- the comparison -------------------------------------------------------------------------------------------


def _rows() -> list[dict[str, Any]]:
    """Sixty rows in which every value meets the others, and every field is unknown in some."""
    pools: dict[str, tuple[Any, ...]] = {
        "int": NUMBERS,
        "number": FRACTIONS,
        "text": TEXTS,
        "bool": (True, False),
        "time": tuple(datetime.fromisoformat(t).replace(tzinfo=UTC) for t in TIMES),
    }
    rows = []
    for n in range(60):
        row = {}
        for k, (name, kind) in enumerate(FIELDS.items()):
            pool = (*pools[kind], None)
            row[name] = pool[(n * (k + 1) + n // (k + 2)) % len(pool)]
        rows.append(row)
    return rows


ROWS = _rows()


@pytest.fixture(scope="module")
def postgres(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute("SET timezone = 'UTC'")
        conn.execute(
            'CREATE TEMP TABLE row (n int, a bigint, b bigint, x float8, y float8, s text COLLATE "C", t text COLLATE "C", '
            "p boolean, q boolean, m timestamptz)"
        )
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO row VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", [(n, *row.values()) for n, row in enumerate(ROWS)]
            )
        yield conn


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(condition=conditions)
@example(Both("(length('') = length('')) = ((NULL = NULL) = (p))", "(length(''::text) = length(''::text)) = ((NULL = NULL) = (p))"))
def test_a_condition_means_what_postgresql_says_it_means(postgres: psycopg.Connection, condition: Both) -> None:
    compiled, problems = compile_condition(condition.ours, FIELDS, Place("x.yaml"))  # type: ignore[arg-type]
    assert compiled is not None, problems[0]
    ours = as_frame(ROWS, FIELDS).select(answer=compiled.expr)["answer"].to_list()  # type: ignore[arg-type]
    theirs = [answer for (answer,) in postgres.execute(f"SELECT ({condition.theirs}) FROM row ORDER BY n")]
    assert ours == theirs, f"{condition.ours}: {[ROWS[n] for n in range(60) if ours[n] is not theirs[n]][:2]}"
