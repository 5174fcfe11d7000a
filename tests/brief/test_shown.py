"""A brief shown as text, Markdown, HTML and mail: the same in each, safe in each, on the reader's own clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from brief_cast import HALDEN, MAYA, NOON, SIGNALS, agreement, case, signal
from hypothesis import given
from hypothesis import strategies as st

from handfast.brief import render
from handfast.brief.compose import compose
from handfast.brief.letter import Letter, letter
from handfast.sla.notice import KINDS, PARTIES, Address, Kind, Message, Named, notice, with_names

AGREED = agreement()
BASE = case(AGREED)
EVIL = '<script>alert(1)</script> [click](javascript:alert(1)) **bold** "onerror=1 & <img src=x>'


class Tags(HTMLParser):
    """The tags a reader's program would see, and whether every one is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(str(page))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in ("br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def evil_brief(text: str = EVIL) -> dict[str, Any]:
    person = MAYA._replace(name=text, fields={"title": text, "phone": text})
    return compose(
        AGREED,
        case(
            person=person, account=HALDEN._replace(name=text), signals=[signal(1, "form_submitted", timedelta(0), form=text, message=text)]
        ),
    )


def test_every_line_is_in_all_three() -> None:
    brief = compose(AGREED, BASE)
    text, page = render.text(brief, "Europe/Berlin"), Tags(render.html(brief, "Europe/Berlin")).text
    for heading, lines in render.sections(brief):
        assert heading in text
        assert heading in page
        assert f"## {heading}" in render.markdown(brief)
        for line in lines:
            assert render.told(heading, line, "Europe/Berlin") in text
            assert render.told(heading, line, "Europe/Berlin") in page


def test_times_are_those_of_the_readers_clock() -> None:
    brief = compose(AGREED, BASE)
    assert "First touch by Mon 23 Nov, 13:05 CET" in render.text(brief, "Europe/Berlin")
    assert "Submitted the form demo (Mon 23 Nov, 06:58 EST)" in render.text(brief, "America/New_York")
    assert "First touch by Mon 23 Nov, 12:05 UTC" in render.text(brief, "Mars/Olympus"), "a zone nobody knows is told in UTC"
    for told in (render.text(brief, "Europe/Berlin"), written("handoff_opened").text):
        assert "demo: asked Mon 23 Nov, 12:58 CET, open until Mon 30 Nov, 12:58 CET." in told


def test_what_is_stored_for_every_reader_is_told_to_one_and_their_own_words_are_left_alone() -> None:
    said = "They had them last, until 2026-03-02; page_viewed gave -1.5; ask a_b@kraus.example about /price_list and 2026-99-12."
    told = "They had them last, until Mon 2 Mar 2026; page viewed gave −1.5; ask a_b@kraus.example about /price_list and 2026-99-12."
    line = {"text": said, "cites": ["assignment"]}
    assert render.told("Why you", line, "Europe/Berlin") == told
    assert render.told("In their words", line, "Europe/Berlin") == said


def test_sources_are_numbered_once_and_listed() -> None:
    brief = compose(AGREED, BASE)
    shown = render.text(brief)
    body, _, listed = shown.partition("\nSources\n")
    assert listed.count(f"signal {SIGNALS[0]['id']}") == 1
    numbers = [int(line[1 : line.index("]")]) for line in listed.strip().splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert f"[{numbers[-1]}]" in body or f", {numbers[-1]}]" in body


def test_what_a_visitor_typed_is_never_markup() -> None:
    page = Tags(render.html(evil_brief()))
    assert set(page.seen) == {"article", "h2", "p", "section", "h3", "ul", "li"}
    assert page.open == []
    marked = render.markdown(evil_brief())
    assert "<script" not in marked
    assert "](javascript" not in marked
    assert "**bold**" not in marked


@given(st.text(max_size=80))
def test_any_text_is_shown_and_no_tag_appears(text: str) -> None:
    page = Tags(render.html(evil_brief(text)))
    assert set(page.seen) == {"article", "h2", "p", "section", "h3", "ul", "li"}
    assert page.open == []


def test_an_older_brief_that_lacks_parts_is_still_shown() -> None:
    old = {"headline": {"text": "Maya", "cites": []}}
    assert render.text(old) == "Maya\n"
    assert Tags(render.html(old)).text == "Maya"


# --- letters ----------------------------------------------------------------------------------------------------


def as_claimed(kind: Kind, facts: dict[str, Any]) -> dict[str, Any]:
    """The payload as a sender gets it: the names are read when it is sent."""
    parties = {(noun, facts[role].id): facts[role].name for role, noun in PARTIES.items() if facts.get(role)}
    return with_names(notice(kind, **facts), parties)


def message(
    kind: Kind, *, to: str = "ana", owner: str | None = "ana", brief: bool = True, ago: timedelta = timedelta(0), **facts: Any
) -> Message:
    named = {"ana": Named("ana", "Ana Silva"), "ben": Named("ben", "Ben Ito"), "mo": Named("mo", "Mo Haddad")}
    given_facts: dict[str, Any] = {
        "handoff_id": "hof_1",
        "opened_at": NOON,
        "next_step": "demo",
        "person": Named("per_maya", "Maya Lindqvist"),
        "account": Named("acc_halden", "Halden Logistics"),
        "owner": named[owner] if owner else None,
        "due_at": NOON + timedelta(minutes=5),
        "why": "It is Ana's turn in pool 'smb'.",
    }
    at = NOON + ago
    reader = Address(named[to].name, f"{to}@northwind.example", "Europe/Berlin") if to in named else None
    body = compose(AGREED, BASE) if brief else None
    return Message("msg_1", "hof_1", kind, "email", to, owner, as_claimed(kind, {**given_facts, **facts}), at, 1, at, reader, None, body)


def written(kind: Kind, **options: Any) -> Letter:
    return letter(message(kind, **options), "https://handoffs.northwind.example")


@pytest.mark.parametrize(
    ("kind", "options", "subject"),
    [
        ("handoff_opened", {}, "Maya Lindqvist, Halden Logistics: first touch by 13:05 CET"),
        ("handoff_opened", {"due_at": None}, "Maya Lindqvist, Halden Logistics"),
        ("handoff_opened", {"account": None, "due_at": NOON + timedelta(days=1)}, "Maya Lindqvist: first touch by Tue 24 Nov, 13:00 CET"),
        ("joined", {"joined": Named("per_tom", "Tom Berg")}, "Tom Berg joined Maya Lindqvist at Halden Logistics"),
        ("reminder", {"ago": timedelta(minutes=3)}, "Still open: Maya Lindqvist, Halden Logistics, first touch by 13:05 CET"),
        ("breach", {"to": "mo", "ago": timedelta(minutes=6)}, "Ana Silva has not made the first touch of Maya Lindqvist, Halden Logistics"),
        ("breach", {"to": "mo", "owner": None}, "Nobody has made the first touch of Maya Lindqvist, Halden Logistics"),
        ("reassigned", {"to": "ben", "owner": "ben"}, "Now yours: Maya Lindqvist, Halden Logistics"),
        ("reassigned", {"to": "ana", "owner": "ben"}, "Now with Ben Ito: Maya Lindqvist, Halden Logistics"),
        ("returned", {"to": "marketing"}, "Returned to marketing: Maya Lindqvist, Halden Logistics"),
        ("exception", {"to": "ops", "owner": None}, "Nobody owns Maya Lindqvist, Halden Logistics"),
    ],
)
def test_the_subject_says_what_it_is_about(kind: Kind, options: dict[str, Any], subject: str) -> None:
    assert written(kind, **options).subject == subject


def test_the_mail_of_a_new_handoff_carries_the_brief() -> None:
    mail = written("handoff_opened")
    for shown in (mail.text, Tags(mail.html).text):
        assert "First touch by 13:05 CET" in shown
        assert "VP Operations" in shown
        assert "Hi Maya, thanks for writing." in shown
        assert "“We need a quote for 120 seats before our budget closes.”" in shown
        assert "Fit 55 (40 needed): ICP size +30, decides +25" in shown
        assert "Why you: It is Ana's turn in pool 'smb'." in shown
    assert 'href="tel:+49405550142"' in mail.html


def test_after_the_deadline_it_is_told_as_past() -> None:
    assert "First touch was due at 13:05 CET" in written("breach", to="mo", ago=timedelta(minutes=6)).text
    assert "First touch by 13:05 CET" in written("reminder", ago=timedelta(minutes=3)).text


def test_the_rep_comes_to_the_queue_and_everybody_else_to_the_handoff() -> None:
    assert "https://handoffs.northwind.example/queue/hof_1" in written("reminder").html
    assert "https://handoffs.northwind.example/handoffs/hof_1" in written("breach", to="mo").html


@pytest.mark.parametrize("kind", KINDS)
def test_every_letter_is_whole_and_its_html_is_well_formed(kind: Kind) -> None:
    for brief in (True, False):
        mail = written(kind, brief=brief)
        page = Tags(mail.html)
        assert page.open == []
        assert ("Maya Lindqvist" in page.text) is (kind not in ("measure", "rolled_back"))  # these are about nobody
        assert mail.text.count("\n\n\n") == 0
        assert "None" not in mail.text + mail.html


@pytest.mark.parametrize("kind", KINDS)
def test_a_letter_with_nothing_but_ids_is_still_a_letter(kind: Kind) -> None:
    bare = notice(kind, handoff_id="hof_1", opened_at=NOON, next_step="", person=Named("per_x", ""))
    mail = letter(replace(message(kind), payload=bare, brief=None, to=None), "https://x.example/")
    assert mail.subject
    assert "None" not in mail.subject + mail.text
    assert Tags(mail.html).open == []


@given(st.text(max_size=120))
def test_a_number_to_call_is_digits_or_nothing(phone: str) -> None:
    body = compose(AGREED, replace(BASE, person=MAYA._replace(fields={"phone": phone})))
    page = letter(replace(message("handoff_opened"), brief=body), "https://x.example").html
    if "tel:" in page:
        number = page.split('href="tel:')[1].split('"')[0]
        assert number.lstrip("+").isdigit()
        assert 5 <= len(number.lstrip("+")) <= 15


def test_the_look_survives_an_odd_hour() -> None:
    """The night the clocks go back has 02:30 twice; the zone's name tells them apart."""
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert (render.moment(first, "Europe/Berlin"), render.moment(second, "Europe/Berlin")) == (
        "Sun 25 Oct, 02:30 CEST",
        "Sun 25 Oct, 02:30 CET",
    )
