"""The page Review: who may say who is whom, what the page shows, and what a click does."""

from __future__ import annotations

import re

import cast

from handfast.desk import match


def asked(store, client) -> str:
    """Two records of Maya, found alike: the id of the question."""
    with store.writing() as conn:
        said = '{"first_name": "Maya", "last_name": "Lindqvist", "phone": "+49 40 5550142", "city": "Hamburg"}'
        for ident, email in (("per_m1", "maya.lindqvist@gmail.com"), ("per_m2", "m.lindqvist@gmx.de")):
            conn.execute(
                "INSERT INTO person (id, email, name, fields, created_at) VALUES (%s, %s, 'Maya Lindqvist', %s, now())",
                (ident, email, said),
            )
            conn.execute("INSERT INTO identity (who, person_id, since) VALUES (%s, %s, now())", (f"email:{email}", ident))
    while (done := match.tend(store, cast.NOW)).people or done.accounts:
        pass
    text = client("rita").get("/review").text
    pairs = re.findall(r'<article class="rv" id="(rev_\w+)".*?</article>', text, re.DOTALL)
    with store.reading() as conn:
        row = conn.execute("SELECT id FROM match_review WHERE person_id = 'per_m1' AND other_id = 'per_m2'").fetchone()
    assert row
    assert row[0] in pairs
    return str(row[0])


def test_two_records_of_one_person_are_shown_answered_merged_and_parted(server, client, store) -> None:
    question = asked(store, client)
    http = client("rita")
    text = http.get("/review").text
    assert "Are Maya Lindqvist and Maya Lindqvist one person?" in text
    assert "the same phone: +49405550142" in text
    assert http.post(f"/review/{question}", data={"said": "same", "note": "called her"}).status_code == 303
    text = http.get("/review").text
    assert 'href="/review/merge/per_m1/per_m2"' in text
    seen = http.get("/review/merge/per_m1/per_m2").text
    assert "maya.lindqvist@gmail.com" in seen
    assert http.post("/review/merge/per_m1/per_m2").status_code == 303
    text = http.get("/review").text
    assert "Make two again" in text
    assert 'href="/review/merge/per_m1/per_m2"' not in text
    assert http.post("/review/part/per_m2").status_code == 303
    assert "Make two again" not in http.get("/review").text


def test_an_answer_is_given_once(server, client, store) -> None:
    question = asked(store, client)
    http = client("priya")
    assert http.post(f"/review/{question}", data={"said": "different"}).status_code == 303
    again = http.post(f"/review/{question}", data={"said": "same"})
    assert again.status_code == 409
    assert "has answered this already" in again.text


def test_reps_and_leaders_are_told_whom_to_ask(server, client, store) -> None:
    for who in ("ana", "eva"):
        answer = client(who).get("/review")
        assert answer.status_code == 403
        assert "marketing, RevOps and managers" in answer.text
        assert "/review" not in client(who).get("/board").text
    assert client(None).get("/review").status_code == 303


def test_nobody_known_by_an_id_is_said_so(server, client, store) -> None:
    answer = client("rita").get("/review/merge/per_nobody/per_none")
    assert answer.status_code == 409
    assert "nobody has this id" in answer.text.lower()
