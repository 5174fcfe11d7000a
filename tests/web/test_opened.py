"""Who opened a brief before the first touch: the owner, once, by the door the seal of the link proves."""

from __future__ import annotations

from datetime import timedelta

from delivery_wire import Wire

from handfast.desk.deliver import deliver
from handfast.desk.touches import touch
from handfast.facts import TouchKind
from handfast.measure.report import report
from handfast.store.figures import facts


def opened(server) -> list[tuple]:
    with server.store.reading() as conn:
        return conn.execute("SELECT handoff_id, rep_id, via FROM brief_opened ORDER BY at, handoff_id").fetchall()


def test_the_owner_who_looks_is_kept_once(server, client) -> None:
    ana = client("ana")
    ana.get("/queue/hnd_sofia")
    server.clock.forward(minutes=5)
    ana.get("/handoffs/hnd_sofia")
    assert opened(server) == [("hnd_sofia", "ana", "page")]


def test_somebody_else_who_looks_is_not_and_a_scanner_that_follows_the_link_is_nobody(server, client) -> None:
    for who in ("mara", "chloe", "rita"):
        client(who).get("/handoffs/hnd_sofia")
    assert client(None).get("/queue/hnd_sofia?via=email.0123456789abcdef").status_code == 303
    assert opened(server) == []


def link_in(server) -> str:
    """The link of the notice to Ana, as a sender gets it."""
    wire = Wire()
    at = server.clock()
    with server.store.writing() as conn:
        conn.execute(
            """INSERT INTO outbox (id, handoff_id, kind, channel, recipient, owner_id, payload, created_at, next_at)
               VALUES ('msg_x', 'hnd_sofia', 'handoff_opened', 'email', 'ana', 'ana', '{"handoff": {"next_step": "demo"}}', %s, %s)""",
            (at, at),
        )
    deliver(server.store, {"email": wire}, lambda: at)
    return next(m for m in wire.messages if m.id == "msg_x").seal


def test_the_link_of_a_mail_says_that_it_was_the_mail(server, client) -> None:
    seal = link_in(server)
    assert len(seal) == 16
    client("ana").get(f"/queue/hnd_sofia?via=email.{seal}")
    assert opened(server) == [("hnd_sofia", "ana", "email")]


def test_a_made_up_seal_or_one_of_another_handoff_is_the_page(server, client) -> None:
    seal = link_in(server)
    ana = client("ana")
    ana.get(f"/queue/hnd_liam?via=email.{seal}")
    ana.get(f"/queue/hnd_sofia?via=slack.{seal}")
    ana.get("/queue/hnd_tom?via=email.éé")
    assert sorted(opened(server)) == [("hnd_liam", "ana", "page"), ("hnd_sofia", "ana", "page"), ("hnd_tom", "ana", "page")]


def test_it_is_measured_beside_the_touch(server, client) -> None:
    client("ana").get("/queue/hnd_sofia")
    server.clock.forward(minutes=1)
    for handoff in ("hnd_sofia", "hnd_liam"):
        touch(server.store, handoff, "ana", TouchKind.CALL, server.clock())
    now = server.clock() + timedelta(minutes=1)
    with server.store.reading() as conn:
        known = facts(conn, now)
    assert known.handoffs.filter(handoff="hnd_sofia")["brief_at"].null_count() == 0
    figure = report(known, now, minimum=1)["measures"]["brief_opened"]
    assert (figure["hits"], figure["n"] >= 2) == (1, True)


def test_the_story_tells_it(server, client) -> None:
    ana = client("ana")
    ana.get("/queue/hnd_sofia")
    form = {
        "outcome": "recycle",
        "reason": "lost_to",
        "answer-lost_to-competitor": "Kestrel <b>",
        "answer-lost_to-contract_ends": "2027-01-31",
    }
    ana.post("/handoffs/hnd_sofia/dispose", data=form)
    text = ana.get("/handoffs/hnd_sofia").text
    assert "Opened the brief" in text
    assert "competitor: Kestrel &lt;b&gt;" in text
    ana.post("/handoffs/hnd_sofia/undo")
    assert "Outcome taken back" in ana.get("/handoffs/hnd_sofia").text
