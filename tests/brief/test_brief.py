"""The brief: what Sales must know, on one page, every line with its source, and nothing that is not known."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unicodedata import category

import pytest
from brief_cast import HALDEN, MAYA, NOON, SIGNALS, agreement, case, signal
from hypothesis import given
from hypothesis import strategies as st

from handfast.brief.compose import BriefCase, compose
from handfast.facts import Account, Person

AGREED = agreement()
BASE = case(AGREED)


def lines(brief: dict[str, Any]) -> list[dict[str, Any]]:
    """Every line of a brief, wherever it stands."""
    parts = [part if isinstance(part, list) else [part] for part in brief.values()]
    return [line for part in parts for line in part if isinstance(line, dict)]


def texts(part: list[dict[str, Any]]) -> list[str]:
    return [line["text"] for line in part]


def test_it_says_who_and_what_for() -> None:
    brief = compose(AGREED, case())
    assert brief["headline"]["text"] == "Maya Lindqvist, VP Operations at Halden Logistics: demo"
    assert brief["headline"]["cites"] == ["person.name", "person.title", "account.name", "verdict"]
    assert (brief["sla"], brief["due_at"], brief["owner"]) == ("hand-raiser", "2026-11-23T12:05:00+00:00", "Ana Silva")


def test_it_says_why_now_and_why_ready_in_the_verdicts_words() -> None:
    brief = compose(AGREED, case())
    now = texts(brief["why_now"])
    assert now[0] == "demo: asked 2026-11-23 11:58 UTC, open until 2026-11-30 11:58 UTC."
    assert [sentence.split(":")[0] for sentence in now[1:]] == ["a form", "pricing page"], "the strongest first"
    assert brief["why_now"][0]["cites"] == [SIGNALS[0]["id"], "verdict"]
    assert texts(brief["why_ready"]) == [
        "Fit 55 (40 needed): ICP size +30, decides +25",
        "Intent 44.89 (20 needed): a form +24.99, pricing page +19.89",
        "Next step: demo",
    ]


def test_it_says_what_they_did_and_read() -> None:
    brief = compose(AGREED, case())
    assert brief["last_activity"] == {
        "text": "Submitted the form demo",
        "cites": [SIGNALS[0]["id"]],
        "at": "2026-11-23T11:58:00+00:00",
        "kind": "form_submitted",
    }
    assert texts(brief["key_signals"]) == [
        "Submitted the form demo",
        "Viewed Pricing",
        "Viewed Pricing",
        "Viewed SOC 2 report",
        "Clicked in the e-mail November news",
    ]
    assert texts(brief["top_content"]) == [
        "Pricing (/pricing), twice",
        "SOC 2 report (/security/soc-2-report), once",
        "November news, once",
    ]
    assert brief["top_content"][0]["cites"] == [SIGNALS[1]["id"], SIGNALS[2]["id"]]
    assert brief["asked"]["text"] == "We need a quote for 120 seats before our budget closes."


def test_it_says_whose_they_are_and_why() -> None:
    brief = compose(AGREED, case())
    assert texts(brief["why_you"]) == [
        "It is Ana's turn in pool 'smb': of 2 in line, theirs comes first. Ben Ito is away until Monday. No rep owns the account."
    ]
    assert texts(brief["buying_group"]) == ["Tom Berg, CFO"]
    assert texts(brief["persona"]) == ["VP Operations", "Seniority: vp"]
    assert texts(brief["company"]) == ["Halden Logistics", "Industry: Logistics", "Employees: 640", "Domain: halden.example"]
    assert [(line["by"], line["text"]) for line in brief["reach"]] == [("email", "maya@halden.example"), ("phone", "+49 40 5550 142")]


def test_it_says_what_to_do_and_what_to_say() -> None:
    brief = compose(AGREED, case())
    assert brief["action"]["text"] == "Call Maya at Halden Logistics about cost."
    assert brief["opener"]["text"] == (
        "Hi Maya, thanks for writing. You said “We need a quote for 120 seats before our budget closes”."
        " Is cost what matters most at Halden Logistics?"
    )
    assert texts(brief["questions"]) == ["Who else at Halden Logistics decides?", "What about cost?"]


def test_it_names_what_is_required_and_not_known() -> None:
    brief = compose(AGREED, case())
    assert [(line["name"], line["text"]) for line in brief["missing"]] == [
        ("vat_number", "Vat number is required by the contract and not known")
    ]
    bare = compose(AGREED, case(person=Person("per_x"), account=None, signals=(), assignment=()))
    assert tuple(line["name"] for line in bare["missing"]) == AGREED.contract.brief.required


# --- themes -----------------------------------------------------------------------------------------------------


def test_themes_come_with_the_words_that_speak_of_them() -> None:
    themes = compose(AGREED, case())["themes"]
    assert [(line["theme"], line["words"]) for line in themes] == [
        ("cost", ["price", "quote", "budget"]),
        ("compliance", ["soc 2", "security"]),
    ]
    assert themes[0]["cites"] == [SIGNALS[0]["id"], SIGNALS[1]["id"], SIGNALS[2]["id"]]
    assert themes[1]["talk"] == "We are audited each year."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/pricing", True),
        ("/PRICES/2026", True),
        ("what is priced in?", True),
        ("/enterprise", False),  # holds "price" only across a letter
        ("a caprice", False),
        ("/soc-2-report", True),
        ("soc2", False),
        ("SOC 2", True),
        ("soc report 2", False),
        ("budgets", True),
        ("audits and auditing", True),
        ("auditorium", False),
        ("", False),
    ],
)
def test_a_word_matches_itself_and_its_plain_endings(text: str, found: bool) -> None:
    brief = compose(AGREED, case(signals=[signal(1, "page_viewed", timedelta(0), path=text)]))
    assert bool(brief["themes"]) == found


def test_what_a_browser_says_of_itself_is_no_theme() -> None:
    seen = signal(1, "page_viewed", timedelta(0), path="/", referrer="https://price.example/", user_agent="latency/1.0", search="?q=budget")
    assert compose(AGREED, case(signals=[seen]))["themes"] == []


# --- what is not known ------------------------------------------------------------------------------------------


def test_without_a_name_nobody_is_called_there() -> None:
    brief = compose(AGREED, case(person=MAYA._replace(name="", fields={})))
    assert brief["opener"]["text"].startswith("Hi, thanks for writing.")
    assert brief["action"]["text"] == "Call them at Halden Logistics about cost."
    assert brief["headline"]["text"] == "maya@halden.example at Halden Logistics: demo"


def test_without_an_answer_or_a_theme_those_sentences_go() -> None:
    brief = compose(AGREED, case(signals=[signal(1, "page_viewed", timedelta(0), path="/about")]))
    assert brief["opener"]["text"] == "Hi Maya, thanks for writing."
    assert texts(brief["questions"]) == ["Who else at Halden Logistics decides?", "What about what you looked at?"]
    assert brief["action"]["text"] == "Call Maya at Halden Logistics about what they looked at."


def test_a_next_step_without_a_play_still_gets_an_action() -> None:
    brief = compose(AGREED, case(next_step="trial_extension"))
    assert brief["action"]["text"] == "Reach out to Maya Lindqvist: trial extension"
    assert (brief["opener"], brief["questions"]) == (None, [])


_text = st.text(st.characters(exclude_characters="{}"), max_size=30)
_nothing = st.sampled_from([None, "", "  ", "None", "null", "N/A", "unknown", "nan", float("nan")])
_anything = st.one_of(_nothing, _text, st.integers(), st.floats(), st.booleans(), st.lists(_text, max_size=2))
_field = st.sampled_from(["first_name", "last_name", "title", "seniority", "phone", "company", "email", "employees", "industry"])
_property = st.sampled_from(["path", "title", "form", "message", "question", "subject", "url"])
_kind = st.sampled_from(["page_viewed", "form_submitted", "email_clicked", "meeting_booked", "something_else"])


def test_that_they_gave_their_name_is_told_only_where_there_is_nothing_else() -> None:
    """The form says what they did; the call that comes with it says only who they are."""
    known, asked = signal(1, "identified", timedelta(minutes=1)), signal(2, "form_submitted", timedelta(minutes=2), form="demo")
    assert texts(compose(AGREED, replace(BASE, signals=(known, asked)))["key_signals"]) == ["Submitted the form demo"]
    only = compose(AGREED, replace(BASE, signals=(known,)))
    assert texts(only["key_signals"]) == ["Identified"]
    assert only["last_activity"]["text"] == "Identified"


@st.composite
def cases(draw: st.DrawFn) -> BriefCase:
    """Any case the world may hand over: fields of any type, half of them saying nothing."""
    fields = st.dictionaries(_field, _anything, max_size=6)
    person = Person("per_x", draw(st.one_of(st.none(), _text)), draw(st.one_of(_nothing, _text)) or "", None, draw(fields))
    account = draw(st.one_of(st.none(), st.builds(lambda n, d, f: Account("acc_x", "k", n, d, None, f), _text, _nothing, fields)))
    one = st.builds(
        lambda n, kind, ago, p: {**signal(n, kind, timedelta(minutes=ago)), "properties": p},
        st.integers(0, 50),
        _kind,
        st.integers(0, 9999),
        st.one_of(st.none(), st.dictionaries(_property, _anything, max_size=4)),
    )
    return replace(BASE, person=person, account=account, signals=draw(st.lists(one, max_size=6)), others=())


@given(cases())
def test_no_placeholder_and_no_none_is_ever_shown(given_case: BriefCase) -> None:
    for line in lines(compose(AGREED, given_case)):
        text = line["text"]
        assert text
        assert text == " ".join(text.split())
        assert not {category(c) for c in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}, "line breaks, invisible or direction-changing characters"
        assert not re.search(r"[{}]|\b(None|null|nan|unknown)\b", text), "a placeholder, or the name of nothing"


@given(cases())
def test_every_line_says_where_it_comes_from(given_case: BriefCase) -> None:
    brief = compose(AGREED, given_case)
    ids = {s["id"] for s in given_case.signals}
    for line in lines(brief):
        if "name" in line:  # what is missing comes from nowhere
            continue
        assert line["cites"], line
        for cite in line["cites"]:
            assert cite in ids or cite in ("verdict", "assignment") or re.fullmatch(r"(person|account)\.\w+", cite), line


@given(cases(), st.randoms(use_true_random=False))
def test_the_same_facts_give_the_same_brief_byte_for_byte(given_case: BriefCase, chance: random.Random) -> None:
    """In whatever order the store returns them."""
    shuffled = list(given_case.signals)
    chance.shuffle(shuffled)
    unlike = {s["id"] for s in given_case.signals}
    if len(unlike) == len(given_case.signals):
        assert json.dumps(compose(AGREED, replace(given_case, signals=shuffled))) == json.dumps(compose(AGREED, given_case))


def test_a_brief_stays_one_page_however_long_the_history() -> None:
    many = [signal(n, "page_viewed", timedelta(minutes=n), path=f"/p/{n}", title="T" * 5000) for n in range(400)]
    brief = compose(AGREED, case(signals=many, others=[Person(f"per_{n}", name="x" * 900) for n in range(40)]))
    assert len(json.dumps(brief)) < 20_000
    assert (len(brief["key_signals"]), len(brief["top_content"]), len(brief["buying_group"])) == (12, 5, 8)


@pytest.mark.parametrize("evil", ["a\r\nb", "a\x00b", "a\u202eb", "a\u2028b", "a\ud800b", "a\u200bb"])
def test_text_from_outside_is_one_printable_line(evil: str) -> None:
    brief = compose(AGREED, case(person=MAYA._replace(name=evil), account=HALDEN._replace(name=evil)))
    assert brief["headline"]["text"].startswith("a b, VP Operations at a b")


def test_a_naive_deadline_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        compose(AGREED, case(due_at=NOON.replace(tzinfo=None)))
