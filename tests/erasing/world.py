"""A house that has lived: people of every kind an erasure may be about, with names that occur nowhere else.

Petronella was handed off, argued about, merged with herself and closed. Balduin is her colleague and joined her handoff. Ottokar is a firm of
one. Walburga was never named: a visitor with a user id. Xaver, of another firm, speaks of Petronella; Yolanda has nothing to do with anybody.
"""

from __future__ import annotations

import json
from datetime import timedelta

from handfast.connectors.segment import Document
from handfast.desk import clocks, disputes, match, overrides, reroute, shadow
from handfast.desk.intake import Keys, Post, admit, create_key, receive
from handfast.desk.merge import merge
from handfast.desk.touches import touch
from handfast.facts import Outcome, TouchKind
from handfast.identity.keys import email_key
from handfast.store import identity
from handfast.store.base import Store
from tests.desk.house import CONTRACT, House, moment

#: What nobody may find after they were erased.
TRACES = {
    "petronella": (
        *("petronella", "zebrowskaja", "petro.z@quarzwerk.example", "petro.privat", "5550142017", "usr-petra-4711", "anon-petra-9f3b"),
        *("hates cold calls", "met her at the fair", "she is leaving", "wants a quote for Quito"),
    ),
    "balduin": ("balduin", "kesselring", "balduin@quarzwerk.example", "usr-balduin-88", "what about docks for Balduin"),
    "ottokar": ("ottokar", "wunderlich", "4030201099"),
    "walburga": ("walburga", "usr-walburga-77", "anon-walburga-5c"),
}
WHO = {
    "petronella": "petro.z@quarzwerk.example",
    "balduin": "balduin@quarzwerk.example",
    "ottokar": "ottokar@wunderlich-werk.example",
    "walburga": "usr-walburga-77",
}
TERMS = CONTRACT.replace("dispositions:\n", "pauses: {on_holiday: {at_most: 10 days}}\ndispositions:\n").replace(
    "  recycle: {reasons: {", "  recycle: {reasons: {wrong_number: {leads_to: fix_data}, ", 1
)
DRAFT = CONTRACT.replace("employees >= 50", "employees >= 100")
PETRA = {"first_name": "Petronella", "last_name": "Zebrowskaja", "phone": "+49 555 0142 017", "title": "Head of Quarz"}


def lived(store: Store) -> None:
    """Everything, up to Friday."""
    house = House(store, TERMS)
    shadow.start(store, DRAFT, "draft 1", "rita", moment("Mon 08:00"))
    _petronella(house)
    _balduin(house)
    _argued(house)
    _others(house)
    _refused(house)
    _merged(house)
    match.tend(store, moment("Fri 10:00"))
    with store.writing() as conn:
        rarity = {"first_name": {"petronella": 0.1, "yolanda": 0.1}, "last_name": {"zebrowskaja": 0.1}, "phone": {"+495550142017": 0.1}}
        identity.add_model(conn, moment("Fri 10:00"), 6, {"shares": {}, "rarity": rarity})
        conn.execute("UPDATE rep_profile SET off_why = 'First touch of Petronella Zebrowskaja did not come in time.'")
        conn.execute("INSERT INTO note (key, value, at) VALUES ('worker', '{}', %s)", (moment("Fri 11:00"),))
        conn.execute("UPDATE outbox SET state = 'sent' WHERE kind <> 'handoff_opened' OR handoff_id <> %s", (house.handoff(),))
    while shadow.follow(store, moment("Fri 11:00"), behind=timedelta(0)):
        pass


def _petronella(house: House) -> None:
    house.hears(house.signal(None, "page_viewed", "Mon 09:40", visitor="anon-petra-9f3b", path="/pricing?e=petro.z%40quarzwerk.example"))
    house.arrives(
        WHO["petronella"], "Mon 10:00", visitor="anon-petra-9f3b", user="usr-petra-4711", person=PETRA, comment="I wants a quote for Quito",
        account={"employees": 200, "name": "Quarzwerk"},
    )  # fmt: skip
    hand = house.handoff()
    overrides.set_override(
        house.store, WHO["petronella"], "ready", "I met her at the fair", "rita", moment("Mon+2 00:00"), moment("Mon 10:05")
    )
    house.decide("Mon 10:05")
    clocks.pause(house.store, hand, "on_holiday", "anna", moment("Mon 10:10"), note="Petronella is in Quito")
    clocks.resume(house.store, hand, "anna", moment("Mon 10:15"))
    touch(house.store, hand, house.owner() or "", TouchKind.CALL, moment("Mon 10:20"), note="Petronella hates cold calls")


def _balduin(house: House) -> None:
    """He joins; he names her; and one of his signals carries her user id."""
    house.arrives(
        WHO["balduin"], "Mon 11:00", user="usr-balduin-88", person={"name": "Balduin Kesselring"},
        comment="Ask Petronella Zebrowskaja (petro.z@quarzwerk.example), or what about docks for Balduin",
    )  # fmt: skip
    house.hears(house.signal(WHO["balduin"], "page_viewed", "Mon 11:05", user="usr-petra-4711", visitor="anon-petra-9f3b", path="/pricing"))
    house.decide("Mon 11:05")


def _argued(house: House) -> None:
    hand = house.handoff()
    owner = house.owner() or ""
    found = disputes.raise_dispute(house.store, hand, "owner", "rep", owner, "Ben met her at the fair", moment("Mon 12:00"))
    disputes.answer(house.store, found, False, "revops", "rita", "Petronella hates cold calls", moment("Mon 12:30"))
    reroute.give_back(house.store, hand, "no_show", "Ms Zebrowskaja did not come", "mia", moment("Mon 12:40"))
    disputes.raise_dispute(house.store, hand, "readiness", "rep", owner, "She hates cold calls", moment("Mon 13:00"))
    note = "Zebrowskaja says she is leaving; ask Balduin"
    house.ends(hand, owner, Outcome.RECYCLE, "Tue 10:00", reason="other", note=note)


def _others(house: House) -> None:
    house.arrives(
        WHO["ottokar"], "Tue 11:00", person={"name": "Ottokar Wunderlich", "phone": "040 3020 1099"},
        account={"employees": 60, "name": "Wunderlich Werkstatt"},
    )  # fmt: skip
    house.ends(house.handoff(1), house.owner(1) or "", Outcome.DISQUALIFY, "Tue 12:00", reason="bad_fit")
    house.hears(
        house.signal(
            None,
            "page_viewed",
            "Tue 12:10",
            user="usr-walburga-77",
            visitor="anon-walburga-5c",
            person={"name": "Walburga"},
            path="/pricing",
        )
    )
    house.arrives(
        "xaver@xylo.example", "Tue 13:00", comment="Petronella Zebrowskaja told us", ref="?by=petro.z@quarzwerk.example&u=usr-petra-4711"
    )
    house.arrives("yolanda@ypsilon.example", "Tue 14:00", person={"name": "Yolanda Ypsilanti"}, comment="Nobody told us")
    house.calls(house.handoff(2), house.owner(2) or "", "Tue 14:30")
    house.arrives("xaver@xylo.example", "Tue 15:00")
    house.clock("Wed 12:00")


def _refused(house: House) -> None:
    """At the doors: a batch with events of two that nobody could take, an event of hers, a body that is no JSON, one of somebody else."""
    at = moment("Wed 13:00")
    bad = {"type": "track", "event": 3}
    batch = {"batch": [{**bad, "userId": "usr-petra-4711", "messageId": "b1"}, {**bad, "userId": "usr-xaver", "messageId": "b2"}]}
    receive(house.store, "web", "batch", Document(batch, 200, dirty=False), at)
    receive(house.store, "web", "track", Document({"event": "", "userId": "usr-petra-4711", "messageId": "b3"}, 200, dirty=False), at)
    key = create_key(house.store, "web", at)
    broken = b'{"type": "identify", "traits": {"email": "petro.z@quarzwerk.example", "name": "Petronella"'
    admit(house.store, Keys(house.store), Post("identify", broken, authorization=_basic(key)), at)
    with house.store.writing() as conn:
        conn.execute(
            """INSERT INTO intake_problem (id, source, received_at, part, what, fix, payload) VALUES ('ref_batch', 'web', %s, 'batch', 'too large', '', %s)""",
            (at, json.dumps(batch)),
        )


def _basic(key: str) -> str:
    from base64 import b64encode

    return f"Basic {b64encode(f'{key}:'.encode()).decode()}"


def _merged(house: House) -> None:
    """She wrote from home too."""
    house.hears(house.signal("petro.privat@gmail.com", "page_viewed", "Thu 10:00", person={**PETRA, "city": "Quito"}, path="/pricing"))
    house.decide("Thu 10:00")
    two = [
        house.one("SELECT person_id FROM identity WHERE who = %s", email_key(who)) for who in (WHO["petronella"], "petro.privat@gmail.com")
    ]
    merge(house.store, two[0], two[1], "rita@kraus.example", moment("Thu 11:00"))


def at_work(store: Store) -> House:
    """Ada asked for a demo at ten, and is in work."""
    house = House(store)
    person = {"name": "Ada Lovelacia"}
    house.arrives("ada@kraus.example", "Mon 10:00", user="usr-ada-1", visitor="anon-ada-1", person=person, comment="Ada here")
    return house


def everything(store: Store) -> dict[str, list[str]]:
    """table → every row, whole, as text."""
    with store.reading() as conn:
        tables = [r[0] for r in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()]
        return {t: sorted(r[0] for r in conn.execute(f"SELECT t::text FROM {t} AS t").fetchall()) for t in tables}  # type: ignore[call-overload]


def spoken_of(rows: dict[str, list[str]], words: tuple[str, ...]) -> list[str]:
    """`table: row` of every row in which one of these words stands, letters and digits alone compared."""
    plain = [_plain(word) for word in words]
    return [f"{table}: {row}" for table, found in rows.items() for row in found if any(word in _plain(row) for word in plain)]


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


__all__ = ["DRAFT", "TERMS", "TRACES", "WHO", "at_work", "everything", "lived", "spoken_of"]
