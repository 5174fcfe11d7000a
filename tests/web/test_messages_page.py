"""What was not delivered is seen, with its reason, and sent once more."""

from __future__ import annotations


def dead(
    server, ident: str = "msg_dead", state: str = "dead", why: str = "the mail server refused the recipient: 550 <b>no</b> such user"
) -> None:
    at = server.clock()
    with server.store.writing() as conn:
        conn.execute(
            """INSERT INTO outbox (id, handoff_id, kind, channel, recipient, owner_id, payload, created_at, state, attempt, next_at, settled_at, why)
               VALUES (%s, 'hnd_maya', 'reminder', 'email', 'ana', 'ana', '{}', %s, %s, 3, %s, %s, %s)""",
            (ident, at, state, at, at if state == "dead" else None, why),
        )


def state_of(server, ident: str = "msg_dead") -> tuple:
    with server.store.reading() as conn:
        return conn.execute("SELECT state, attempt FROM outbox WHERE id = %s", (ident,)).fetchone()


def test_an_installation_without_dead_letters_says_so(server, client) -> None:
    text = client("rita").get("/messages").text
    assert "Every message arrived" in text


def test_a_dead_letter_is_seen_with_its_reason_and_sent_once_more(server, client) -> None:
    dead(server)
    dead(server, "msg_wait", "waiting", "held for the receiver's hours, from 2026-11-24 08:00 UTC")
    rita = client("rita")
    text = rita.get("/messages").text
    assert "2026-11-24 08:00 UTC" not in text, "the pages tell every time on the reader's own clock"
    for words in ("Reminder", "to Ana", "550 &lt;b&gt;no&lt;/b&gt; such user", "/handoffs/hnd_maya", "held for the receiver"):
        assert words in text
    assert rita.post("/messages/msg_dead/replay").status_code == 303
    assert state_of(server) == ("waiting", 0)
    with server.store.reading() as conn:
        assert conn.execute("SELECT count(*) FROM event WHERE name = 'message_replayed'").fetchone() == (1,)
    assert rita.post("/messages/msg_dead/replay").status_code == 409  # it is not dead any more


def test_all_of_them_at_once(server, client) -> None:
    dead(server, "msg_a")
    dead(server, "msg_b")
    assert "Send all 2 once more" in client("mara").get("/messages").text
    assert client("mara").post("/messages/all/replay").status_code == 303
    assert state_of(server, "msg_a")[0] == state_of(server, "msg_b")[0] == "waiting"


def test_it_is_not_for_everybody(server, client) -> None:
    dead(server)
    for who in ("ana", "eva"):
        assert client(who).get("/messages").status_code == 403
        assert client(who).post("/messages/msg_dead/replay").status_code == 403
    assert state_of(server)[0] == "dead"
