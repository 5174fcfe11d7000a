"""What the decision of a batch of signals reads and writes: one transaction, a fixed number of statements whatever the batch.

Every writer takes the connection of a transaction opened by the desk. Bulk rows go in by COPY into the table itself where they cannot
collide (ids derived from their cause, lanes held), else through arrays and ON CONFLICT.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
import polars as pl
import psycopg
from psycopg import sql
from psycopg.types.json import set_json_dumps, set_json_loads

from handfast.facts import Absence, Account, Person, Rep
from handfast.store.copying import copy_rows
from handfast.store.frames import lines

set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)

#: A named tuple of a tuple: by the thousand, what making one does besides takes as long again.
_MADE: Final = tuple.__new__
#: The advisory lock classes; the second key is the lane, or 0.
ASSIGN_LOCK = 7102
TICK_LOCK = 7103


def by_index(conn: psycopg.Connection) -> None:
    """Keeps this transaction to index walks, planned once: its statements name the rows they want, so none may cost what is stored.

    Without this, a planner with no statistics yet (a new installation taking in its first million signals) reads whole tables: measured, four
    times the time for deciding. And it plans a statement five times more on each connection before it settles, in the hope that the values
    given make a difference.
    """
    conn.execute("SELECT set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)")


# --- who is known ---------------------------------------------------------------------------------------------


def identities(conn: psycopg.Connection, keys: Sequence[str]) -> dict[str, str]:
    """key → person id, for those keys that are somebody's."""
    return dict(conn.execute("SELECT who, person_id FROM identity WHERE who = ANY(%b)", (list(keys),)).fetchall())


def known_by(conn: psycopg.Connection, keys: Sequence[str]) -> dict[str, str]:
    """key → person id, for every key of everybody who is known by one of `keys`."""
    rows = conn.execute(
        """SELECT i.who, p.person_id FROM (SELECT DISTINCT person_id FROM identity WHERE who = ANY(%b)) AS p,
                  LATERAL (SELECT who FROM identity WHERE person_id = p.person_id OFFSET 0) AS i""",
        (list(keys),),
    )
    return dict(rows.fetchall())


def keys_of_people(conn: psycopg.Connection, people: Sequence[str]) -> dict[str, str]:
    """key → person id, for every key of these people."""
    return dict(conn.execute("SELECT who, person_id FROM identity WHERE person_id = ANY(%b)", (list(people),)).fetchall()) if people else {}


def keys_of_person(conn: psycopg.Connection, person_id: str) -> dict[str, str]:
    """key → person id, for every key of this person."""
    return dict(conn.execute("SELECT who, person_id FROM identity WHERE person_id = %s", (person_id,)).fetchall())


def people(conn: psycopg.Connection, ids: Sequence[str]) -> dict[str, Person]:
    if not ids:
        return {}
    rows = conn.execute("SELECT id, email, name, account_id, fields FROM person WHERE id = ANY(%b)", (list(ids),)).fetchall()
    return {r[0]: _MADE(Person, r) for r in rows}


def accounts(conn: psycopg.Connection, ids: Sequence[str], keys: Sequence[str]) -> list[Account]:
    if not ids and not keys:
        return []
    rows = conn.execute(
        "SELECT id, key, name, domain, owner_id, fields FROM account WHERE id = ANY(%b) OR key = ANY(%b)", (list(ids), list(keys))
    ).fetchall()
    return [_MADE(Account, r) for r in rows]


def add_accounts(conn: psycopg.Connection, rows: Sequence[tuple[Account, datetime]]) -> None:
    copy_rows(
        conn,
        "account (id, key, name, domain, owner_id, fields, created_at)",
        [(a.id, a.key, a.name, a.domain, a.owner, dumps(a.fields), at) for a, at in rows],
    )


def change_accounts(conn: psycopg.Connection, rows: Sequence[Account]) -> None:
    conn.execute(
        """UPDATE account AS a SET name = d.name, fields = d.fields
           FROM unnest(%b::text[], %b::text[], %b::jsonb[]) AS d (id, name, fields) WHERE a.id = d.id""",
        ([a.id for a in rows], [a.name for a in rows], [dumps(a.fields) for a in rows]),
    )


def add_people(conn: psycopg.Connection, rows: Sequence[tuple[Person, datetime]]) -> None:
    copy_rows(
        conn,
        "person (id, email, name, account_id, fields, created_at)",
        [(p.id, p.email, p.name, p.account, dumps(p.fields), at) for p, at in rows],
    )


def change_people(conn: psycopg.Connection, rows: Sequence[Person]) -> None:
    conn.execute(
        """UPDATE person AS p SET email = d.email, name = d.name, account_id = d.account, fields = d.fields
           FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::jsonb[]) AS d (id, email, name, account, fields)
           WHERE p.id = d.id""",
        ([p.id for p in rows], [p.email for p in rows], [p.name for p in rows], [p.account for p in rows], [dumps(p.fields) for p in rows]),
    )


def link(conn: psycopg.Connection, rows: Sequence[tuple[str, str, datetime]]) -> None:
    """Records whose key this is: (who, person, since)."""
    copy_rows(conn, "identity (who, person_id, since)", rows)


def merge(conn: psycopg.Connection, merges: Mapping[str, str]) -> None:
    """Folds people without an address into the one with it. Their signals follow through the keys; nothing else is rewritten."""
    losers, winners = list(merges), list(merges.values())
    pairs = "unnest(%b::text[], %b::text[]) AS d (loser, winner)"
    conn.execute(f"UPDATE identity AS i SET person_id = d.winner FROM {pairs} WHERE i.person_id = d.loser", (losers, winners))
    conn.execute(f"UPDATE person AS p SET merged_into = d.winner FROM {pairs} WHERE p.id = d.loser", (losers, winners))


# --- what they did --------------------------------------------------------------------------------------------


def evidence(
    conn: psycopg.Connection, keys: Mapping[str, str], kinds: Sequence[str], since: datetime, until: datetime, fields: Sequence[str]
) -> pl.DataFrame:
    """Every signal of these kinds that came with one of `keys` (→ its person) in (since, until].

    Columns: signal (its `seq`), person_id, kind, occurred_at and received_at (UTC), and one a field: the JSON text of its value, or null. Cost depends on
    what these people did in the window, not on what is stored: a walk of the index (who, occurred_at) a key, whatever the planner
    thinks (OFFSET 0 keeps the inner query to itself).
    """
    asked = {name: (f"s.properties -> {sql.Literal(name).as_string(conn)}".replace("%", "%%"), pl.String()) for name in fields}
    got = lines(
        conn,
        {
            "signal": ("s.seq", pl.Int64()),
            "_key": ("k.n", pl.UInt32()),
            "_kind": ("array_position(%b::text[], s.kind)", pl.UInt32()),
            "occurred_at": ("s.occurred_at", pl.Datetime("us", "UTC")),
            "received_at": ("s.received_at", pl.Datetime("us", "UTC")),
            **asked,
        },
        """unnest(%b::text[]) WITH ORDINALITY AS k (who, n)
           CROSS JOIN LATERAL (SELECT * FROM signal WHERE who = k.who AND occurred_at > %s AND occurred_at <= %s AND kind = ANY(%b) OFFSET 0) AS s""",
        (list(kinds), list(keys), since, until, list(kinds)),
    )
    # By their places, which is no query of its own.
    person = pl.Series("person_id", list(keys.values()), dtype=pl.String)[got["_key"] - 1]
    kind = pl.Series("kind", list(kinds), dtype=pl.String)[got["_kind"] - 1]
    return pl.DataFrame([got["signal"], person, kind, *(got[name] for name in ("occurred_at", "received_at", *fields))])


def signal_ids(
    conn: psycopg.Connection, seqs: Sequence[int], person_ids: Sequence[str], since: datetime, until: datetime
) -> dict[int, UUID]:
    """The id of each of these signals, which these people sent in (since, until]: by the same walks as `evidence`.

    `seq` has no index, which every signal would pay for. One that was theirs when it was read, and is not any more, is looked for among all.
    """
    rows = conn.execute(
        """SELECT s.seq, s.id FROM (SELECT who FROM identity WHERE person_id = ANY(%b)) AS k
           CROSS JOIN LATERAL (SELECT seq, id FROM signal WHERE who = k.who AND occurred_at > %s AND occurred_at <= %s OFFSET 0) AS s
           WHERE s.seq = ANY(%b)""",
        (list(person_ids), since, until, list(seqs)),
    ).fetchall()
    found: dict[int, UUID] = dict(rows)
    if missing := [seq for seq in seqs if seq not in found]:
        found |= dict(conn.execute("SELECT seq, id FROM signal WHERE seq = ANY(%b)", (missing,)).fetchall())
    return found


# --- where they stand -----------------------------------------------------------------------------------------


class Standing(NamedTuple):
    """Where the latest verdict left a person. `facts`: a digest of what it was given on; None where it must be asked again."""

    outcome: str
    next_step: str | None
    facts: int | None
    at: datetime


def standings(conn: psycopg.Connection, person_ids: Sequence[str]) -> dict[str, Standing]:
    """person id → where they stand; those never judged are left out."""
    if not person_ids:
        return {}
    got = conn.execute("SELECT person_id, outcome, next_step, facts, at FROM standing WHERE person_id = ANY(%b)", (list(person_ids),))
    return {row[0]: _MADE(Standing, row[1:]) for row in got.fetchall()}


#: From so many on, those who cannot stand anywhere yet go in by COPY: less for one more way to the server.
_MANY: Final = 50
_STANDING: Final = "person_id, at, contract_id, outcome, fit, intent, next_step, reason, signal_id, facts"


def write_standings(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]], new: Container[str] = ()) -> None:
    """(person_id, at, contract_id, outcome, fit, intent, next_step, reason, signal_id, facts), one a person. `new`: who was made in this transaction."""
    fresh = [row for row in rows if row[0] in new]
    if len(fresh) >= _MANY:
        copy_rows(conn, f"standing ({_STANDING})", fresh)
        rows = [row for row in rows if row[0] not in new]
    if not rows:
        return
    columns = list(zip(*rows, strict=True))
    conn.execute(
        f"""
        INSERT INTO standing ({_STANDING})
        SELECT * FROM unnest(%b::text[], %b::timestamptz[], %b::text[], %b::text[], %b::int[], %b::bigint[], %b::text[], %b::text[], %b::uuid[],
                             %b::bigint[])
        ON CONFLICT (person_id) DO UPDATE SET at = excluded.at, contract_id = excluded.contract_id, outcome = excluded.outcome,
            fit = excluded.fit, intent = excluded.intent, next_step = excluded.next_step, reason = excluded.reason,
            signal_id = excluded.signal_id, facts = excluded.facts
        """,
        [list(c) for c in columns],
    )


def ask_again(conn: psycopg.Connection, person_ids: Sequence[str]) -> None:
    """What these people did is no longer all that they were last judged on: their next signal is asked about, whatever it is."""
    conn.execute("UPDATE standing SET facts = NULL WHERE person_id = ANY(%b)", (list(person_ids),))


def add_verdicts(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    copy_rows(
        conn,
        "verdict (id, person_id, account_id, at, contract_id, outcome, fit, intent, next_step, reason, signal_id, inputs, working, recorded_at)",
        rows,
    )


@dataclass(frozen=True, slots=True)
class OpenHandoff:
    """An open handoff of a party, and who is already in it."""

    id: str
    party: str
    owner: str | None
    people: frozenset[str]


def open_handoffs(conn: psycopg.Connection, parties: Sequence[str], motion: str) -> dict[str, OpenHandoff]:
    if not parties:
        return {}
    rows = conn.execute(
        """SELECT h.party, h.id, h.owner_id, ARRAY(SELECT person_id FROM handoff_person WHERE handoff_id = h.id)
           FROM (SELECT DISTINCT unnest(%b::text[]) AS party) AS a
           CROSS JOIN LATERAL (SELECT * FROM handoff WHERE party = a.party AND motion = %s AND closed_at IS NULL OFFSET 0) AS h""",
        (list(parties), motion),
    ).fetchall()
    return {r[0]: OpenHandoff(r[1], r[0], r[2], frozenset(r[3])) for r in rows}


def last_closings(conn: psycopg.Connection, parties: Sequence[str], motion: str) -> dict[str, datetime]:
    """When the latest handoff of each party was closed."""
    if not parties:
        return {}
    rows = conn.execute(
        "SELECT party, max(closed_at) FROM handoff WHERE party = ANY(%b) AND motion = %s AND closed_at IS NOT NULL GROUP BY party",
        (list(parties), motion),
    ).fetchall()
    return dict(rows)


def suppressed(conn: psycopg.Connection, person_ids: Sequence[str]) -> set[str]:
    """People whose last handoff was disqualified: they are not handed over again until somebody says so, or the data that was wrong is right."""
    if not person_ids:
        return set()
    rows = conn.execute(
        """SELECT a.person FROM (SELECT DISTINCT unnest(%b::text[]) AS person) AS a
           CROSS JOIN LATERAL (
               SELECT h.id, h.outcome FROM handoff_person AS p, LATERAL (SELECT * FROM handoff WHERE id = p.handoff_id OFFSET 0) AS h
               WHERE p.person_id = a.person ORDER BY h.opened_at DESC LIMIT 1) AS last
           WHERE last.outcome = 'disqualify' AND NOT EXISTS (
               SELECT FROM clock AS c WHERE c.handoff_id = last.id AND c.kind = 'contact_valid' AND c.stopped_by = 'complete')""",
        (list(person_ids),),
    ).fetchall()
    return {r[0] for r in rows}


# --- opening --------------------------------------------------------------------------------------------------


def add_handoffs(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    copy_rows(
        conn,
        "handoff (id, motion, party, account_id, person_id, contract_id, verdict_id, source, next_step, sla, opened_at, decided_at,"
        " owner_id, assigned_at)",
        rows,
    )


def add_handoff_people(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    copy_rows(conn, "handoff_person (handoff_id, person_id, verdict_id, signal_id, source, raised_at, joined_at)", rows)


def add_assignments(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    copy_rows(conn, "assignment (id, handoff_id, leg, owner_id, rule, pool, counts, working, at)", rows)


def add_briefs(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    copy_rows(conn, "brief (handoff_id, composed_at, body)", rows)


def add_events(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """(name, at, handoff_id, person_id, account_id, rep_id, data)."""
    copy_rows(conn, "event (name, at, handoff_id, person_id, account_id, rep_id, data)", rows)


def add_messages(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """(id, handoff_id, kind, channel, recipient, owner_id, payload, created_at, next_at). A message already written is left as it is."""
    if not rows:
        return
    columns = list(zip(*rows, strict=True))
    conn.execute(
        """
        INSERT INTO outbox (id, handoff_id, kind, channel, recipient, owner_id, payload, created_at, next_at)
        SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::jsonb[], %b::timestamptz[], %b::timestamptz[])
        ON CONFLICT (id) DO NOTHING
        """,
        [list(c) for c in columns],
    )


def add_new_messages(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """As `add_messages`, for a handoff opened in this transaction: none of them can have been written before."""
    copy_rows(conn, "outbox (id, handoff_id, kind, channel, recipient, owner_id, payload, created_at, next_at)", rows)


# --- the roster -----------------------------------------------------------------------------------------------


def lock_assignment(conn: psycopg.Connection) -> None:
    """One assigning transaction at a time: caps and turns are read and written under this lock, so none is exceeded by one."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, 0)", (ASSIGN_LOCK,))


def reps(conn: psycopg.Connection) -> dict[str, Rep]:
    rows = conn.execute(
        """SELECT r.id, r.name, r.email, r.team, r.manager_id, r.time_zone, r.active, p.week, p.holidays, p.skills, p.off_since IS NOT NULL
           FROM rep AS r LEFT JOIN rep_profile AS p ON p.rep_id = r.id"""
    ).fetchall()
    return {r[0]: Rep(*(*r[:9], frozenset(r[9] or ()), r[10])) for r in rows}


def absences(conn: psycopg.Connection, since: datetime, rep: str | None = None) -> list[Absence]:
    """Absences that end after `since`; of one rep, or of everybody."""
    rows = conn.execute(
        "SELECT rep_id, starts_at, ends_at, why FROM absence WHERE ends_at > %s AND (%s::text IS NULL OR rep_id = %s)", (since, rep, rep)
    ).fetchall()
    return [Absence(*r) for r in rows]


def open_counts(conn: psycopg.Connection) -> dict[str, int]:
    """rep id → open handoffs. Read from what triggers keep, so it costs no more where more are open."""
    rows = conn.execute("SELECT rep_id, sum(change) FROM open_count GROUP BY rep_id HAVING sum(change) <> 0")
    return dict(rows.fetchall())


def rotation(conn: psycopg.Connection) -> list[tuple[str, str, int, float, datetime | None]]:
    """(pool, rep, turns, level, last_at)."""
    return conn.execute("SELECT pool, rep_id, turns, level, last_at FROM rotation").fetchall()


def write_rotation(conn: psycopg.Connection, rows: Sequence[tuple[str, str, int, float, datetime | None]]) -> None:
    if not rows:
        return
    columns = list(zip(*rows, strict=True))
    conn.execute(
        """INSERT INTO rotation (pool, rep_id, turns, level, last_at)
           SELECT * FROM unnest(%b::text[], %b::text[], %b::int[], %b::float8[], %b::timestamptz[])
           ON CONFLICT (pool, rep_id) DO UPDATE SET turns = excluded.turns, level = excluded.level, last_at = excluded.last_at""",
        [list(c) for c in columns],
    )


# --- helpers --------------------------------------------------------------------------------------------------


def notify(conn: psycopg.Connection, payload: str) -> None:
    """Wakes whoever listens on channel `handfast`, when this transaction commits."""
    conn.execute("SELECT pg_notify('handfast', %s)", (payload,))


def dumps(value: object) -> str:
    return orjson.dumps(value).decode()


def latest_signals(
    conn: psycopg.Connection, person_ids: Sequence[str], until: Sequence[datetime], most: int
) -> dict[str, list[dict[str, Any]]]:
    """person id → their latest signals up to a moment, newest first: id, seq, kind, occurred_at, properties."""
    got = conn.execute(
        """
        SELECT d.person, s.id, s.seq, s.kind, s.occurred_at, s.properties
        FROM unnest(%b::text[], %b::timestamptz[]) AS d (person, until),
             LATERAL (SELECT s.* FROM identity AS i JOIN signal AS s ON s.who = i.who
                      WHERE i.person_id = d.person AND s.occurred_at <= d.until
                      ORDER BY s.occurred_at DESC, s.seq DESC LIMIT %s) AS s
        """,
        (list(person_ids), list(until), most),
    ).fetchall()
    found: dict[str, list[dict[str, Any]]] = {}
    for person, signal, seq, kind, occurred_at, properties in got:
        found.setdefault(person, []).append(
            {"id": str(signal), "seq": seq, "kind": kind, "occurred_at": occurred_at, "properties": properties}
        )
    return found


def colleagues(conn: psycopg.Connection, account_ids: Sequence[str]) -> dict[str, list[Person]]:
    """account id → its people, at most 12 each."""
    got = conn.execute(
        """SELECT p.* FROM (SELECT DISTINCT unnest(%b::text[]) AS id) AS a,
             LATERAL (SELECT id, email, name, account_id, fields FROM person WHERE account_id = a.id AND merged_into IS NULL
                      ORDER BY created_at LIMIT 12) AS p""",
        (list(account_ids),),
    ).fetchall()
    found: dict[str, list[Person]] = {}
    for row in got:
        found.setdefault(row[3], []).append(Person(*row))
    return found
