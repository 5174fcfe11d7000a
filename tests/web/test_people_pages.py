"""The pages of who is there, what nobody owns, what is argued about, and whose turn it is: each role as the cast knows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import cast
import httpx
import pytest

from handfast.desk import feeds
from handfast.store import availability
from handfast.store import disputes as rows

if TYPE_CHECKING:
    from conftest import Running
    from handfast.store.base import Store

Client = Callable[[str | None], httpx.Client]


def shown(client: httpx.Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text[:400]
    return answer.text


def there(server: Running) -> dict[str, availability.There]:
    with server.store.reading() as conn:
        return {one.id: one for one in availability.there(conn, cast.NOW)}


def test_a_rep_switches_themselves_off_and_on_and_nobody_else(client: Client, server: Running) -> None:
    ana = client("ana")
    assert "Takes handoffs." in shown(ana, "/reps")
    assert ana.post("/reps/ana/switch", data={"to": "off", "why": "On the road"}).status_code == 303
    assert there(server)["ana"].off_why == "On the road"
    assert "Switched off" in shown(ana, "/reps")
    assert ana.post("/reps/ana/switch", data={"to": "on"}).status_code == 303
    assert there(server)["ana"].off_since is None
    assert ana.post("/reps/chloe/switch", data={"to": "off"}).status_code == 403
    assert client("mara").post("/reps/chloe/switch", data={"to": "off"}).status_code == 303


def test_an_absence_is_entered_by_days_and_taken_back(client: Client, server: Running) -> None:
    ana = client("ana")
    assert ana.post("/reps/ana/absences", data={"first": "2026-12-21", "last": "2026-12-23", "why": "skiing"}).status_code == 303
    with server.store.reading() as conn:
        [one] = availability.absences_of(conn, cast.NOW, "ana")
    assert (f"{one.starts_at:%m-%d %H}", f"{one.ends_at:%m-%d %H}") == ("12-20 23", "12-23 23"), "whole days in Berlin"
    assert "skiing" in shown(ana, "/reps")
    assert "Mon 21 Dec to Wed 23 Dec" in shown(ana, "/reps")
    assert "skiing" not in shown(client("chloe"), "/reps"), "why somebody is away is theirs"
    assert ana.post("/reps/ana/absences/drop", data={"starts": one.starts_at.isoformat(), "source": ""}).status_code == 303
    said = ana.post("/reps/ana/absences", data={"first": "2026-12-23", "last": "2026-12-21"})
    assert said.status_code == 409
    assert "The absence ends before it begins." in said.text


def test_a_calendar_is_read_and_what_is_wrong_in_it_is_said(client: Client, server: Running) -> None:
    ana = client("ana")
    good = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261221\r\nDTEND;VALUE=DATE:20261224\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    assert ana.post("/reps/ana/calendar", files={"file": ("leave.ics", good)}).status_code == 303
    with server.store.reading() as conn:
        assert len(availability.absences_of(conn, cast.NOW, "ana")) == 1
    said = ana.post("/reps/ana/calendar", files={"file": ("leave.ics", b"<html>sign in</html>")})
    assert said.status_code == 409
    assert "not an iCalendar file" in said.text
    with server.store.reading() as conn:
        assert len(availability.absences_of(conn, cast.NOW, "ana")) == 1, "a calendar that cannot be read changes nothing"


def test_a_calendar_is_kept_by_its_address_which_is_never_shown(client: Client, server: Running) -> None:
    ana, address = client("ana"), "https://127.0.0.1:9/secret-7f31/leave.ics"
    assert ana.post("/reps/ana/feeds", data={"url": address, "name": "leave"}).status_code == 303
    assert "not fetched yet" in shown(ana, "/reps")
    feeds.ask_next(server.store, cast.NOW + timedelta(days=1))
    page = shown(ana, "/reps")
    assert "cannot be read" in page
    assert "inside a private network" in page
    assert "secret-7f31" not in page
    assert "inside a private network" not in shown(client("chloe"), "/reps")
    assert ana.post("/reps/chloe/feeds", data={"url": address}).status_code == 403
    said = ana.post("/reps/ana/feeds", data={"url": "http://calendars.example/secret-7f31"})
    assert said.status_code == 409
    assert "not https" in said.text
    assert ana.post("/reps/ana/feeds/drop", data={"name": "leave"}).status_code == 303
    assert "not fetched yet" not in shown(ana, "/reps")
    assert "cannot be read" not in shown(ana, "/reps")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"week": "mon-fri 9-5"}, "is not an interval"),
        ({"week": "someday 09:00-17:00"}, "is no weekday"),
        ({"holidays": "DE-XX"}, "no part &#39;XX&#39;"),
        ({"skills": "Français"}, "not a skill"),
    ],
)
def test_hours_that_cannot_be_are_refused_with_a_word(client: Client, data: dict[str, str], what: str) -> None:
    said = client("ana").post("/reps/ana/profile", data=data)
    assert said.status_code == 409
    assert what in said.text


def test_hours_region_and_skills_are_kept(client: Client, server: Running) -> None:
    data = {"week": "mon-thu 09:00-12:30 13:15-17:30; fri 09:00-15:00", "holidays": "de-by", "skills": "German, soc2"}
    assert client("ana").post("/reps/ana/profile", data=data).status_code == 303
    ana = there(server)["ana"]
    assert (ana.week, ana.holidays, ana.skills) == (
        {"mon-thu": ["09:00-12:30", "13:15-17:30"], "fri": ["09:00-15:00"]},
        "DE-BY",
        ("german", "soc2"),
    )


def test_the_exception_queue_says_who_was_asked_and_gives_it_out(client: Client, server: Running) -> None:
    text = shown(client("ana"), "/exceptions")
    assert "Mateo Garcia" in text
    assert "Hand over" not in text, "a rep does not give it out"
    mara = client("mara")
    assert "Mateo Garcia" in shown(mara, "/exceptions")
    refused = mara.post("/handoffs/hnd_mateo/reassign", data={"to": "ben", "why": "He speaks Spanish."})
    assert refused.status_code == 409
    assert "Ben Carter is away" in refused.text
    assert mara.post("/handoffs/hnd_mateo/reassign", data={"to": "ben", "why": "He speaks Spanish.", "anyway": "true"}).status_code == 303
    assert "Everything has an owner" in shown(mara, "/exceptions")


def test_a_dispute_in_one_click_is_answered_by_the_other_side(client: Client, server: Running) -> None:
    ana, priya, mara = client("ana"), client("priya"), client("mara")
    assert "Nothing is disputed" in shown(ana, "/disputes")
    assert ana.post("/handoffs/hnd_maya/dispute", data={"about": "owner", "reason": "Halden is Chloe's."}).status_code == 303
    with server.store.reading() as conn:
        [one] = rows.waiting(conn)
    assert "It was wrong" not in shown(mara, "/disputes"), "sales does not answer for itself"
    assert mara.post(f"/disputes/{one.id}/answer", data={"said": "upheld"}).status_code == 409
    assert "It was wrong" in shown(priya, "/disputes")
    assert priya.post(f"/disputes/{one.id}/answer", data={"said": "upheld", "finding": "True."}).status_code == 303
    assert "1 of 1 decisions were wrong" in shown(priya, "/disputes")
    text = shown(ana, "/handoffs/hnd_maya")
    assert "It was wrong, said priya@northwind.example" in text
    assert "Left its owner" in text


def test_the_ledger_tells_everybody_their_own_next_turn(client: Client, server: Running) -> None:
    with server.store.writing() as conn:
        conn.execute("UPDATE assignment SET counts = true, pool = 'dach-mid' WHERE handoff_id = 'hnd_maya'")
        conn.execute("INSERT INTO rotation (pool, rep_id, turns, level) VALUES ('dach-mid', 'ana', 1, 1), ('dach-mid', 'chloe', 0, 0)")
    text = shown(client("chloe"), "/fairness")
    assert text.index("dach-mid") < text.index("the very next")
    assert "Ben Carter is away until" in text
    mara = client("mara")
    assert mara.post("/handoffs/hnd_maya/credit", data={"reason": "no_show", "note": "Nobody came."}).status_code == 303
    assert "Nobody came." in shown(mara, "/fairness")
    assert mara.post("/handoffs/hnd_maya/credit", data={"reason": "no_show"}).status_code == 409
    assert client("ana").post("/handoffs/hnd_maya/credit", data={"reason": "no_show"}).status_code == 403


def test_before_there_is_anything_each_page_says_what_to_do(store: Store, running: Any, browse: Any) -> None:
    """An installation with nothing in it: no reps, no contract."""
    with store.writing() as conn:
        conn.execute(
            "INSERT INTO login (id, email, name, role, password, created_at) VALUES ('log_x', 'rita@northwind.example', 'Rita', 'revops', %s, %s)",
            (cast.hashed(), cast.minutes(-60)),
        )
    empty = running(store)
    nobody = browse(empty.url)
    rita = browse(empty.url, headers={"Origin": empty.url})
    assert rita.post("/login", data={"email": "rita@northwind.example", "password": cast.PASSWORD}).status_code == 303
    for path in ("/reps", "/exceptions", "/disputes", "/fairness"):
        assert nobody.get(path).status_code == 303
        assert 'class="empty' in shown(rita, path)
