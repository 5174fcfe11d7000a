"""Every column of text or JSON is decided about: who adds one says what becomes of it when a person is erased."""

from __future__ import annotations

import re
from pathlib import Path

from handfast.store.personal import HELD, SEARCHED, columns
from tests.house.test_docs import tool

SCHEMA = (Path(__file__).parents[2] / "src/handfast/store/schema.sql").read_text()
#: Types in which something can be said of a person. Uuids, numbers and times say nothing.
SAYS = re.compile(r"^    (\w+)\s+(?:text|jsonb?)\b", re.MULTILINE)


def schema(text: str) -> dict[str, set[str]]:
    """table → its columns of text and JSON."""
    return {name: set(SAYS.findall(body)) for name, body in re.findall(r"^CREATE TABLE (\w+) \((.*?)^\)", text, re.MULTILINE | re.DOTALL)}


def test_every_column_that_can_say_something_of_a_person_is_decided_about() -> None:
    known, there = columns(), schema(SCHEMA)
    assert len(there) > 50, "the schema is read at all"
    missing = [f"{table}.{column}" for table, names in there.items() for column in sorted(names - known.get(table, set()))]
    assert missing == [], "say in store/personal.py what becomes of it when a person is erased, or why it holds nothing of one"
    gone = [f"{table}.{column}" for table, names in known.items() for column in sorted(names - there.get(table, set()) - {"version_num"})]
    assert gone == [], "store/personal.py names what is not there any more"


def test_that_rule_can_fail() -> None:
    assert schema("CREATE TABLE diary (\n    id bigint,\n    entry       text NOT NULL\n);\n") == {"diary": {"entry"}}


def test_what_is_blanked_says_how_and_what_is_searched_is_there_once() -> None:
    assert [one.noun for one in HELD if one.how == "blanked" and not one.sets] == []
    assert [one.noun for one in HELD if one.how == "deleted" and one.sets] == []
    assert len({one.noun for one in HELD}) == len(HELD)
    assert len({one.table for one in SEARCHED}) == len(SEARCHED)


def test_the_page_on_personal_data_is_what_the_table_says() -> None:
    personal = tool("personal")
    text = personal.PAGE.read_text(encoding="utf-8")
    assert personal.written(text) == text, "run `python tools/personal.py`"
