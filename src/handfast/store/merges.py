"""Two people made one, and made two again: what moves, row by row, so that it can move back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from handfast.facts import Person
from handfast.identity.merge import Said
from handfast.store.handover import ask_again, dumps
from handfast.store.lanes import LANE_LOCK

#: noun → (table, the column that names a row, the column that names the person). `identity` is moved apart: its rows are the people
#: themselves.
_MOVED: Final = {
    "handoff": ("handoff", "id", "person_id"),
    "touch": ("touch", "id", "person_id"),
    "opportunity": ("opportunity", "id", "person_id"),
}


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge as it is kept. `before`: {kept, folded, merged}, each a person as JSON."""

    id: str
    kept: str
    folded: str
    at: datetime
    by: str
    before: Mapping[str, Any]
    fields: Mapping[str, Any]
    undone_at: datetime | None


def hold(conn: psycopg.Connection, ids: Sequence[str], lanes: Sequence[int]) -> dict[str, tuple[Person, str | None]]:
    """id → (person, into whom folded), nobody deciding about them and nobody else merging them until the transaction ends."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(%s, l) FROM (SELECT l FROM unnest(%s::int[]) AS l ORDER BY l) AS held",
        (LANE_LOCK, sorted(set(lanes))),
    )
    rows = conn.execute(
        "SELECT id, email, name, account_id, fields, merged_into FROM person WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (sorted(ids),)
    ).fetchall()
    return {r[0]: (Person(*r[:5]), r[5]) for r in rows}


def keys_of(conn: psycopg.Connection, person: str) -> list[str]:
    return [r[0] for r in conn.execute("SELECT who FROM identity WHERE person_id = %s ORDER BY who", (person,)).fetchall()]


def sayings(conn: psycopg.Connection, keys: Sequence[str], since: datetime | None = None) -> dict[str, Said]:
    """field → what signals with these keys said of the person last, received from `since` on (UTC)."""
    rows = conn.execute(
        """SELECT DISTINCT ON (f.key) f.key, f.value, s.source, s.received_at
           FROM signal AS s, jsonb_each(s.person) AS f
           WHERE s.who = ANY(%s) AND s.person IS NOT NULL AND (%s::timestamptz IS NULL OR s.received_at >= %s)
           ORDER BY f.key, s.received_at DESC, s.seq DESC""",
        (list(keys), since, since),
    ).fetchall()
    return {r[0]: Said(r[1], r[2], r[3]) for r in rows}


def keys_met(conn: psycopg.Connection, keys: Sequence[str], since: datetime) -> set[str]:
    """Keys that signals carry beside these, received from `since` on: what was learned through them."""
    rows = conn.execute(
        "SELECT user_id, anonymous_id, previous_id FROM signal WHERE who = ANY(%s) AND received_at >= %s", (list(keys), since)
    ).fetchall()
    met: set[str] = set()
    for user, visitor, previous in rows:
        met |= {f"user:{user}"} if user else set()
        met |= {f"visitor:{visitor}"} if visitor else set()
        met |= {f"user:{previous}", f"visitor:{previous}"} if previous else set()
    return met


def linked_since(conn: psycopg.Connection, person: str, since: datetime) -> set[str]:
    """Keys that became this person's from `since` on."""
    rows = conn.execute("SELECT who FROM identity WHERE person_id = %s AND since >= %s", (person, since)).fetchall()
    return {r[0] for r in rows}


def open_handoffs_of(conn: psycopg.Connection, person: str) -> list[str]:
    rows = conn.execute(
        """SELECT DISTINCT h.id FROM handoff AS h LEFT JOIN handoff_person AS p ON p.handoff_id = h.id
           WHERE h.closed_at IS NULL AND (h.person_id = %s OR p.person_id = %s) ORDER BY h.id""",
        (person, person),
    ).fetchall()
    return [r[0] for r in rows]


def in_the_way(conn: psycopg.Connection, person: str, party: str) -> tuple[str, str] | None:
    """An open handoff about this person alone, and the one of the same motion that is open about `party`; None where there are no such two."""
    return conn.execute(
        """SELECT own.id, other.id FROM handoff AS own JOIN handoff AS other ON other.party = %s AND other.motion = own.motion AND other.closed_at IS NULL
           WHERE own.party = %s AND own.closed_at IS NULL AND own.id <> other.id LIMIT 1""",
        (party, person),
    ).fetchone()


def counts(conn: psycopg.Connection, person: str) -> dict[str, int]:
    """noun → how many rows would move."""
    found = {}
    for noun, (table, _, column) in _MOVED.items():
        row = conn.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", (person,)).fetchone()
        found[noun] = row[0] if row else 0
    return found


# --- making one -----------------------------------------------------------------------------------------------


def move(conn: psycopg.Connection, merge: str, folded: str, kept: str, party: str, at: datetime) -> None:
    """Moves what is the folded person's to the one kept, and notes each row. `party`: whom handoffs about no account are about from then on."""
    keys = conn.execute("UPDATE identity SET person_id = %s WHERE person_id = %s RETURNING who", (kept, folded)).fetchall()
    moved = [("identity", r[0]) for r in keys]
    for noun, (table, ident, column) in _MOVED.items():
        found = conn.execute(f"UPDATE {table} SET {column} = %s WHERE {column} = %s RETURNING {ident}", (kept, folded)).fetchall()
        moved += [(noun, r[0]) for r in found]
    parties = conn.execute("UPDATE handoff SET party = %s WHERE party = %s RETURNING id", (party, folded)).fetchall()
    moved += [("party", r[0]) for r in parties]
    joined = conn.execute(
        """UPDATE handoff_person AS p SET person_id = %s WHERE p.person_id = %s
           AND NOT EXISTS (SELECT FROM handoff_person AS o WHERE o.handoff_id = p.handoff_id AND o.person_id = %s) RETURNING
           p.handoff_id""",
        (kept, folded, kept),
    ).fetchall()
    moved += [("handoff_person", r[0]) for r in joined]
    if conn.execute(_OPTED_OUT, (kept, folded)).rowcount:
        moved.append(("opted_out", kept))
    conn.cursor().executemany("INSERT INTO person_merge_moved (merge_id, noun, id) VALUES (%s, %s, %s)", [(merge, n, i) for n, i in moved])
    _learned_keys(conn, [i for n, i in moved if n == "identity"], kept, at)
    ask_again(conn, [kept, folded])


#: Whoever wants to hear no more is one human being: an address of theirs that said nothing of it is left alone too.
_OPTED_OUT: Final = """
INSERT INTO reach (person_id, opted_out_at) SELECT %s, opted_out_at FROM reach WHERE person_id = %s AND opted_out_at IS NOT NULL
ON CONFLICT (person_id) DO UPDATE SET opted_out_at = excluded.opted_out_at WHERE reach.opted_out_at IS NULL"""


def fold(conn: psycopg.Connection, folded: Person, into: str, merged: Person) -> None:
    """Writes the one person. The folded one gives up the address first: no two people may have it."""
    email = None if folded.email == merged.email else folded.email
    conn.execute("UPDATE person SET merged_into = %s, email = %s WHERE id = %s", (into, email, folded.id))
    put_person(conn, merged)


def put_person(conn: psycopg.Connection, person: Person) -> None:
    conn.execute(
        "UPDATE person SET email = %s, name = %s, account_id = %s, fields = %s WHERE id = %s",
        (person.email, person.name, person.account, dumps(dict(person.fields)), person.id),
    )


def add_merge(conn: psycopg.Connection, merge: Merge) -> None:
    conn.execute(
        "INSERT INTO person_merge (id, kept_id, folded_id, at, by, before, kept_fields) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (merge.id, merge.kept, merge.folded, merge.at, merge.by, dumps(merge.before), dumps(merge.fields)),
    )


def learned_person(conn: psycopg.Connection, person: Person, at: datetime) -> None:
    """What is known of this person from now on, for replay: known to every signal recorded later."""
    conn.execute(
        f"""INSERT INTO learned (noun, id, belongs_to, fields, at, signal_seq, imported)
            VALUES ('person', %s, %s, %s, %s, {_LATEST}, true)""",
        (person.id, person.account, dumps(dict(person.fields)), at),
    )


_LATEST: Final = "coalesce(pg_sequence_last_value(pg_get_serial_sequence('signal', 'seq')::regclass), 0)"


def _learned_keys(conn: psycopg.Connection, keys: Sequence[str], person: str, at: datetime) -> None:
    conn.execute(
        f"""INSERT INTO learned (noun, id, belongs_to, at, signal_seq, imported)
            SELECT 'key', k, %s, %s, {_LATEST}, true FROM unnest(%s::text[]) AS k""",
        (person, at, list(keys)),
    )


# --- making two again -----------------------------------------------------------------------------------------


def merge_of(conn: psycopg.Connection, folded: str) -> Merge | None:
    """The merge that folded this person, where it stands."""
    row = conn.execute(
        """SELECT id, kept_id, folded_id, at, by, before, kept_fields, undone_at FROM person_merge
           WHERE (folded_id = %s OR id = %s) AND undone_at IS NULL FOR UPDATE""",
        (folded, folded),
    ).fetchone()
    return Merge(*row) if row else None


def merges(conn: psycopg.Connection, limit: int = 50) -> list[Merge]:
    """Merges that stand and can be undone, the latest first."""
    rows = conn.execute(
        """SELECT id, kept_id, folded_id, at, by, before, kept_fields, undone_at FROM person_merge
           WHERE undone_at IS NULL AND before <> '{}' ORDER BY at DESC, id LIMIT %s""",
        (limit,),
    ).fetchall()
    return [Merge(*r) for r in rows]


def later_into(conn: psycopg.Connection, kept: str, at: datetime) -> list[str]:
    """People folded into the same one after that, and not taken out again."""
    rows = conn.execute(
        "SELECT folded_id FROM person_merge WHERE kept_id = %s AND at > %s AND undone_at IS NULL ORDER BY at", (kept, at)
    ).fetchall()
    return [r[0] for r in rows]


def moved(conn: psycopg.Connection, merge: str) -> dict[str, list[str]]:
    """noun → the rows that moved."""
    found: dict[str, list[str]] = {}
    for noun, ident in conn.execute("SELECT noun, id FROM person_merge_moved WHERE merge_id = %s ORDER BY noun, id", (merge,)).fetchall():
        found.setdefault(noun, []).append(ident)
    return found


def handoffs_since(conn: psycopg.Connection, kept: str, keys: Sequence[str], since: datetime) -> list[str]:
    """Handoffs the one person entered since, through a signal that carried one of these keys."""
    rows = conn.execute(
        """SELECT p.handoff_id FROM handoff_person AS p JOIN signal AS s ON s.id = p.signal_id
           WHERE p.person_id = %s AND p.joined_at >= %s AND s.who = ANY(%s) ORDER BY p.handoff_id""",
        (kept, since, list(keys)),
    ).fetchall()
    return [r[0] for r in rows]


def move_back(
    conn: psycopg.Connection, rows: Mapping[str, Sequence[str]], folded: str, kept: str, since: datetime, new: Sequence[str], at: datetime
) -> None:
    """Everything that moved returns, and with it what came since: `new` handoffs, and the touches and deals of handoffs that return."""
    keys = list(rows.get("identity", ()))
    conn.execute("UPDATE identity SET person_id = %s WHERE who = ANY(%s) AND person_id = %s", (folded, keys, kept))
    _learned_keys(conn, keys, folded, at)
    ask_again(conn, [kept, folded])
    if rows.get("opted_out"):
        conn.execute(
            "UPDATE reach AS k SET opted_out_at = NULL FROM reach AS f WHERE k.person_id = %s AND f.person_id = %s AND f.opted_out_at = k.opted_out_at",
            (kept, folded),
        )
    joined = sorted({*rows.get("handoff_person", ()), *new})
    conn.execute("UPDATE handoff_person SET person_id = %s WHERE handoff_id = ANY(%s) AND person_id = %s", (folded, joined, kept))
    opened = conn.execute(
        """UPDATE handoff SET person_id = %s WHERE person_id = %s AND (id = ANY(%s) OR (id = ANY(%s) AND decided_at >= %s)) RETURNING id""",
        (folded, kept, list(rows.get("handoff", ())), list(new), since),
    ).fetchall()
    conn.execute(
        "UPDATE handoff SET party = %s WHERE id = ANY(%s) AND account_id IS NULL",
        (folded, sorted({*rows.get("party", ()), *(r[0] for r in opened)})),
    )
    for noun in ("touch", "opportunity"):
        conn.execute(
            f"UPDATE {noun} SET person_id = %s WHERE person_id = %s AND (id = ANY(%s) OR (handoff_id = ANY(%s) AND recorded_at >= %s))",
            (folded, kept, list(rows.get(noun, ())), joined, since),
        )


def unfold(conn: psycopg.Connection, kept: Person, folded: Person) -> None:
    """Writes the two people again; the address goes back first."""
    put_person(conn, kept)
    conn.execute("UPDATE person SET merged_into = NULL WHERE id = %s", (folded.id,))
    put_person(conn, folded)


def undo(conn: psycopg.Connection, merge: str, at: datetime, by: str) -> None:
    conn.execute("UPDATE person_merge SET undone_at = %s, undone_by = %s WHERE id = %s", (at, by, merge))
