"""Whom an erasure is about, what is held of them, and its removal: by the table in `store.personal`.

Every function takes the connection of a transaction opened by the desk. What stands in rows of others is `store.mentions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row

from handfast.facts import stable_id
from handfast.identity.keys import email_key
from handfast.identity.traces import PHONES, Named, Shared, digits, named
from handfast.store import clocks
from handfast.store.handover import dumps
from handfast.store.identity import MATCH_LOCK
from handfast.store.lanes import hold_all_lanes
from handfast.store.personal import HELD, Held

#: The advisory lock class of whoever finds people by their keys and writes to them, outside of lanes; erasing takes it alone.
KNOWN_LOCK: Final = 7112


@dataclass(frozen=True, slots=True)
class Group:
    """A person with everybody folded into them, directly or not: one human being. `root` is the one who was kept.

    `opened` are the handoffs they opened, `handoffs` these and those they joined; `accounts` all they belong or belonged to.
    """

    root: str
    people: tuple[str, ...]
    keys: tuple[str, ...]
    opened: tuple[str, ...]
    handoffs: tuple[str, ...]
    accounts: tuple[str, ...]
    erased_at: datetime | None = None

    @property
    def joined(self) -> tuple[str, ...]:
        """Handoffs of others they joined."""
        return tuple(sorted(set(self.handoffs) - set(self.opened)))

    def values(self, at: datetime | None = None, by: str = "") -> dict[str, Any]:
        """What the conditions of `store.personal` are given."""
        lists = {name: list(getattr(self, name)) for name in ("people", "keys", "opened", "handoffs")}
        return {**lists, "at": at, "by": by}

    @property
    def ids(self) -> tuple[str, ...]:
        """Their user and anonymous ids."""
        return tuple(who.partition(":")[2] for who in self.keys if not who.startswith("email:"))


def without_limit(conn: psycopg.Connection) -> None:
    """Every text there is, is looked through: that may take longer than a page may."""
    conn.execute("SELECT set_config('statement_timeout', '0', true)")


def find(conn: psycopg.Connection, who: str) -> str | None:
    """The person meant by an id, an address, a user or anonymous id, or a key as it is stored; None: nobody is."""
    word = who.strip()
    if not word or "\0" in word:
        return None
    keys = [word, email_key(word.lower()), f"user:{word}", f"visitor:{word}"]
    row = conn.execute(
        """SELECT person_id FROM (
               SELECT 0 AS n, id AS person_id FROM person WHERE id = %s
               UNION ALL SELECT array_position(%s::text[], who), person_id FROM identity WHERE who = ANY(%s)) AS q ORDER BY n LIMIT 1""",
        (word, keys, keys),
    ).fetchone()
    return row[0] if row else None


def group_of(conn: psycopg.Connection, person: str) -> Group:
    """Everybody who is one human being with this person, and what is theirs."""
    rows = conn.execute(
        """WITH RECURSIVE up AS (
               SELECT id, merged_into FROM person WHERE id = %s
               UNION SELECT p.id, p.merged_into FROM person AS p JOIN up ON p.id = up.merged_into),
           down AS (
               SELECT id FROM up WHERE merged_into IS NULL
               UNION SELECT p.id FROM person AS p JOIN down ON p.merged_into = down.id)
           SELECT p.id, p.merged_into, p.account_id, p.erased_at FROM down JOIN person AS p ON p.id = down.id ORDER BY p.id""",
        (person,),
    ).fetchall()
    people = [row[0] for row in rows]
    keys = _ids(conn, "SELECT who FROM identity WHERE person_id = ANY(%s)", people)
    opened = _ids(conn, "SELECT id FROM handoff WHERE person_id = ANY(%s)", people)
    joined = _ids(conn, "SELECT handoff_id FROM handoff_person WHERE person_id = ANY(%s)", people)
    known = _ids(conn, "SELECT belongs_to FROM learned WHERE noun = 'person' AND id = ANY(%s) AND belongs_to IS NOT NULL", people)
    accounts = tuple(sorted({*known, *(row[2] for row in rows if row[2])}))
    root = next(row[0] for row in rows if row[1] is None)
    erased = max((row[3] for row in rows if row[3] is not None), default=None)
    return Group(root, tuple(people), keys, opened, tuple(sorted({*opened, *joined})), accounts, erased)


def _ids(conn: psycopg.Connection, query: str, people: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({row[0] for row in conn.execute(query, (list(people),)).fetchall()}))


def shut_out(conn: psycopg.Connection) -> None:
    """Until this transaction ends nobody decides signals, merges people, compares them or writes what a list says of people they know.

    What is in flight is waited for. All lanes, and not only theirs: a signal that names two people is decided in the lane of one, and may
    change the other.
    """
    conn.execute("SELECT pg_advisory_xact_lock(%s, 0)", (KNOWN_LOCK,))
    conn.execute("SELECT pg_advisory_xact_lock(%s, 0)", (MATCH_LOCK,))
    hold_all_lanes(conn)


def stay_known(conn: psycopg.Connection) -> None:
    """Until this transaction ends nobody is erased: whom it found by a key may be written to. To be said before anybody is looked up.

    For what finds people outside their lanes, as lists of touches do: otherwise what was read of somebody could be written after they were
    erased. Such transactions keep nobody else waiting.
    """
    conn.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", (KNOWN_LOCK,))


def hold(conn: psycopg.Connection, group: Group) -> None:
    """Holds their handoffs, then themselves: in the order in which everybody else does."""
    conn.execute("SELECT id FROM handoff WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (list(group.handoffs),))
    conn.execute("SELECT id FROM person WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (list(group.people),))


def waiting_signals(conn: psycopg.Connection, group: Group) -> int:
    """How many signals that carry one of their keys wait to be decided."""
    row = conn.execute(
        """SELECT count(*) FROM pending AS w JOIN signal AS s ON s.id = w.signal_id
           WHERE s.who = ANY(%(keys)s) OR 'user:' || s.user_id = ANY(%(keys)s) OR 'visitor:' || s.anonymous_id = ANY(%(keys)s)
              OR 'user:' || s.previous_id = ANY(%(keys)s) OR 'visitor:' || s.previous_id = ANY(%(keys)s)""",
        {"keys": list(group.keys)},
    ).fetchone()
    return int(row[0]) if row else 0


def open_handoffs(conn: psycopg.Connection, group: Group) -> list[str]:
    """The open handoffs they opened."""
    rows = conn.execute("SELECT id FROM handoff WHERE id = ANY(%s) AND closed_at IS NULL ORDER BY opened_at, id", (list(group.opened),))
    return [row[0] for row in rows.fetchall()]


# --- what they are named by -----------------------------------------------------------------------------------


def names_of(conn: psycopg.Connection, group: Group) -> Named:
    """Everything they were ever named by, from their rows, their signals, what was learned of them, and merges."""
    people = conn.execute("SELECT email, name, fields FROM person WHERE id = ANY(%s)", (list(group.people),)).fetchall()
    signals = conn.execute(
        "SELECT DISTINCT email, user_id, anonymous_id, previous_id, person FROM signal WHERE who = ANY(%s)", (list(group.keys),)
    ).fetchall()
    learned = conn.execute(
        "SELECT DISTINCT fields FROM learned WHERE noun = 'person' AND id = ANY(%s) AND fields IS NOT NULL", (list(group.people),)
    ).fetchall()
    merged = [one for row in conn.execute(
        "SELECT before FROM person_merge WHERE kept_id = ANY(%(p)s) AND folded_id = ANY(%(p)s)", {"p": list(group.people)}
    ) for one in row[0].values()]  # fmt: skip
    said: list[Mapping[str, Any]] = [{**row[2], "name": row[1], "email": row[0] or row[2].get("email")} for row in people]
    said += [row[4] for row in signals if row[4]] + [row[0] for row in learned]
    said += [{**one.get("fields", {}), "name": one.get("name"), "email": one.get("email")} for one in merged]
    theirs = set(group.keys)
    ids = {one for row in signals for one in row[1:4] if one and {f"user:{one}", f"visitor:{one}"} & theirs}
    addresses = [row[0] for row in signals if row[0]] + [who.removeprefix("email:") for who in group.keys if who.startswith("email:")]
    return named(said, addresses=addresses, ids={*ids, *group.ids})


def shared(conn: psycopg.Connection, group: Group, of: Named) -> Shared:
    """What of this others are called too: somebody of the same name or number, a colleague, a company."""
    phones = " OR ".join(f"regexp_replace(coalesce(fields ->> '{field}', ''), '\\D', '', 'g') = ANY(%(digits)s)" for field in PHONES)
    called = "coalesce(nullif(name, ''), concat_ws(' ', fields ->> 'first_name', fields ->> 'last_name'))"
    rows = conn.execute(
        f"""SELECT {called}, {", ".join(f"fields ->> '{field}'" for field in PHONES)} FROM person
            WHERE id <> ALL(%(people)s) AND erased_at IS NULL AND (lower({called}) = ANY(%(names)s) OR {phones})""",
        {
            "people": list(group.people),
            "names": [one.lower() for one in of.names],
            "digits": [digits(one) for one in of.phones],
        },
    ).fetchall()
    colleagues = conn.execute("SELECT name, email, id FROM rep UNION ALL SELECT name, email, '' FROM login").fetchall()
    companies = conn.execute(
        "SELECT name FROM account WHERE lower(name) = ANY(%s) AND id <> ALL(%s)", ([one.lower() for one in of.names], list(group.accounts))
    ).fetchall()
    names = [row[0] for row in (*rows, *colleagues, *companies)]
    return Shared(names, [one for row in rows for one in row[1:] if one], [row[1] for row in colleagues], [row[2] for row in colleagues])


# --- by the table ---------------------------------------------------------------------------------------------


def counts(conn: psycopg.Connection, group: Group) -> dict[str, int]:
    """noun → rows that are theirs, in the order of the table."""
    return {one.noun: _count(conn, one, group) for one in HELD}


def _count(conn: psycopg.Connection, one: Held, group: Group) -> int:
    row = conn.execute(f"SELECT count(*) FROM {one.table} WHERE {one.theirs}", group.values()).fetchone()
    return int(row[0]) if row else 0


def rows_of(conn: psycopg.Connection, group: Group) -> dict[str, list[dict[str, Any]]]:
    """noun → everything that is theirs, row by row."""
    found = {}
    with conn.cursor(row_factory=dict_row) as cursor:
        for one in HELD:
            rows = cursor.execute(f"SELECT * FROM {one.table} WHERE {one.theirs} ORDER BY 1", group.values()).fetchall()
            if rows:
                found[one.noun] = rows
    return found


def erase(conn: psycopg.Connection, group: Group, at: datetime, by: str) -> dict[str, int]:
    """Deletes and blanks what is theirs, in the order of the table; noun → rows."""
    done = {}
    # What is owed because of who they were, is owed no more.
    clocks.stop(conn, group.opened, ("contact_valid", "context_complete"), [at] * len(group.opened), "closed", at)
    for one in HELD:
        if one.how == "deleted":
            done[one.noun] = conn.execute(f"DELETE FROM {one.table} WHERE {one.theirs}", group.values()).rowcount
        elif one.sets:
            done[one.noun] = conn.execute(f"UPDATE {one.table} SET {one.sets} WHERE {one.theirs}", group.values(at, by)).rowcount
        else:
            done[one.noun] = _count(conn, one, group)
    # The change of the person's own row has put them on the list of those to be compared.
    conn.execute("DELETE FROM match_waiting WHERE noun = 'person' AND id = ANY(%s)", (list(group.people),))
    return done


# --- that it was done -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Erasure:
    """That somebody was erased: nothing in it is about them."""

    id: str
    at: datetime
    by: str
    reason: str
    counts: Mapping[str, int] = field(default_factory=dict)


def add_erasure(conn: psycopg.Connection, at: datetime, by: str, reason: str, done: Mapping[str, int]) -> Erasure:
    one = Erasure(stable_id("era", str(uuid4())), at, by, reason, {noun: n for noun, n in done.items() if n})
    conn.execute(
        "INSERT INTO erasure (id, at, by, reason, counts) VALUES (%s, %s, %s, %s, %s)", (one.id, at, by, reason, dumps(dict(one.counts)))
    )
    return one


def erasures(conn: psycopg.Connection, most: int) -> list[Erasure]:
    """The latest first."""
    return [Erasure(*row) for row in conn.execute("SELECT id, at, by, reason, counts FROM erasure ORDER BY at DESC, id LIMIT %s", (most,))]


def erased(conn: psycopg.Connection, people: Sequence[str]) -> set[str]:
    """Those of these people who were erased."""
    return {row[0] for row in conn.execute("SELECT id FROM person WHERE id = ANY(%s) AND erased_at IS NOT NULL", (list(people),))}


#: Where an erased person must not stand: they have no key, nothing is learned of them, nobody judges or compares them.
_NOWHERE: Final = ("identity", "standing", "reach", "person_said", "person_key", "match_review")


def come_back(conn: psycopg.Connection) -> list[tuple[str, int]]:
    """(table, rows) that name somebody who was erased, where nothing may; and people among them who have a name or an address."""
    found = []
    for table in _NOWHERE:
        query = f"SELECT count(*) FROM {table} WHERE person_id IN (SELECT id FROM person WHERE erased_at IS NOT NULL)"
        row = conn.execute(query).fetchone()
        found.append((table, int(row[0]) if row else 0))
    row = conn.execute(
        "SELECT count(*) FROM person WHERE erased_at IS NOT NULL AND (email IS NOT NULL OR name <> 'erased' OR fields <> '{}')"
    ).fetchone()
    return [(table, many) for table, many in [*found, ("person", int(row[0]) if row else 0)] if many]
