"""Who may be whom: keys by which people and accounts are found, decisions on accounts, questions for a person and their answers.

Every lookup walks an index by keys and stops at a bound: its cost does not grow with what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from handfast.facts import Account, Person
from handfast.store.handover import dumps

#: A key that so many share finds nobody worth comparing.
LARGEST_BLOCK: Final = 200
#: Candidates of one arrival, and how far "how many others" is counted.
MOST_CANDIDATES: Final = 300
COUNTED_TO: Final = 500


#: The advisory lock class of indexing; the second key is 0.
MATCH_LOCK: Final = 7110


# --- what waits to be indexed ---------------------------------------------------------------------------------


def hold_indexing(conn: psycopg.Connection) -> bool:
    """Whether this transaction is the one that indexes; another one at it is left alone."""
    row = conn.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", (MATCH_LOCK,)).fetchone()
    return bool(row and row[0])


def take_waiting(conn: psycopg.Connection, limit: int) -> dict[str, list[str]]:
    """noun → ids written since they were last indexed, at most `limit` rows, taken off the list by this transaction."""
    rows = conn.execute(
        """DELETE FROM match_waiting WHERE ctid = ANY (ARRAY(SELECT ctid FROM match_waiting LIMIT %s FOR UPDATE SKIP LOCKED))
           RETURNING noun, id""",
        (limit,),
    ).fetchall()
    taken: dict[str, list[str]] = {"person": [], "account": []}
    for noun, ident in dict.fromkeys(rows):
        taken[noun].append(ident)
    return taken


@dataclass(frozen=True, slots=True)
class Known:
    """An account with the domains it has beside its own, and since when it is known."""

    account: Account
    further: tuple[str, ...]
    since: datetime


def people_with_accounts(conn: psycopg.Connection, ids: Sequence[str]) -> list[tuple[Person, Account | None]]:
    """These people with their accounts; those folded into another, or erased, are left out."""
    rows = conn.execute(
        """SELECT p.id, p.email, p.name, p.account_id, p.fields, a.id, a.key, a.name, a.domain, a.owner_id, a.fields
           FROM person AS p LEFT JOIN account AS a ON a.id = p.account_id WHERE p.id = ANY(%s) AND p.merged_into IS NULL AND p.erased_at IS NULL""",
        (list(ids),),
    ).fetchall()
    return [(Person(*r[:5]), Account(*r[5:]) if r[5] else None) for r in rows]


_KNOWN: Final = """a.id, a.key, a.name, a.domain, a.owner_id, a.fields, a.created_at,
    ARRAY(SELECT d.domain FROM further_domain AS d WHERE d.account_id = a.id ORDER BY d.domain)"""


def known_accounts(conn: psycopg.Connection, ids: Sequence[str]) -> dict[str, Known]:
    """Accounts with everything that matching reads."""
    rows = conn.execute(f"SELECT {_KNOWN} FROM account AS a WHERE a.id = ANY(%s)", (list(ids),)).fetchall()
    return {r[0]: Known(Account(*r[:6]), tuple(r[7]), r[6]) for r in rows}


def people_of(conn: psycopg.Connection, accounts: Sequence[str]) -> dict[str, int]:
    """account → how many people it has, counted to 100."""
    rows = conn.execute(
        """SELECT q.id, (SELECT count(*) FROM (SELECT FROM person AS p WHERE p.account_id = q.id LIMIT 100) AS few)
           FROM unnest(%s::text[]) AS q (id)""",
        (list(accounts),),
    ).fetchall()
    return dict(rows)


def put_people_keys(conn: psycopg.Connection, rows: Sequence[tuple[str, Sequence[str | None], Sequence[int]]]) -> None:
    """(person, what they said in the order of people.FIELDS, keys): in place of what was there."""
    if not rows:
        return
    ids = [r[0] for r in rows]
    conn.execute("DELETE FROM person_key WHERE person_id = ANY(%b)", (ids,))
    said = [list(column) for column in zip(*(r[1] for r in rows), strict=True)]
    fields = [f"s{n}" for n in range(len(said))]
    conn.execute(
        f"""INSERT INTO person_said (person_id, said)
            SELECT id, ARRAY[{", ".join(fields)}] FROM unnest(%b::text[]{", %b::text[]" * len(said)}) AS p (id, {", ".join(fields)})
            ON CONFLICT (person_id) DO UPDATE SET said = excluded.said""",
        (ids, *said),
    )
    pairs = [(k, r[0]) for r in rows for k in set(r[2])]
    conn.execute(
        "INSERT INTO person_key (key, person_id) SELECT * FROM unnest(%b::bigint[], %b::text[])",
        ([k for k, _ in pairs], [p for _, p in pairs]),
    )


def drop_people_keys(conn: psycopg.Connection, ids: Sequence[str]) -> None:
    """People folded into another are found no more."""
    conn.execute("DELETE FROM person_key WHERE person_id = ANY(%s)", (list(ids),))
    conn.execute("DELETE FROM person_said WHERE person_id = ANY(%s)", (list(ids),))


def put_account_keys(conn: psycopg.Connection, rows: Sequence[tuple[str, Sequence[int]]]) -> None:
    """(account, keys): in place of what was there."""
    if not rows:
        return
    conn.execute("DELETE FROM account_key WHERE account_id = ANY(%b)", ([r[0] for r in rows],))
    pairs = [(k, r[0]) for r in rows for k in set(r[1])]
    conn.execute(
        "INSERT INTO account_key (key, account_id) SELECT * FROM unnest(%b::bigint[], %b::text[])",
        ([k for k, _ in pairs], [a for _, a in pairs]),
    )


# --- looking up -----------------------------------------------------------------------------------------------


def people_by_keys(conn: psycopg.Connection, keys: Sequence[int], but: str = "") -> list[tuple[str, list[str | None]]]:
    """(person, what they said) of everybody found by a key; keys that too many share are passed over."""
    return people_by_keys_of(conn, [(keys, but)])[0]


def people_by_keys_of(conn: psycopg.Connection, asked: Sequence[tuple[Sequence[int], str]]) -> list[list[tuple[str, list[str | None]]]]:
    """As `people_by_keys`, for each of many (keys, but) at once."""
    found: list[list[tuple[str, list[str | None]]]] = [[] for _ in asked]
    rows = conn.execute(
        """
        SELECT a.n - 1, s.person_id, s.said FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS a (keys, but, n)
        CROSS JOIN LATERAL (
            SELECT DISTINCT f.person_id FROM unnest(a.keys::bigint[]) AS q (key),
                LATERAL (SELECT k.person_id, count(*) OVER () AS n FROM (SELECT person_id FROM person_key WHERE key = q.key LIMIT %s) AS k) AS f
            WHERE f.n <= %s AND f.person_id <> a.but LIMIT %s) AS d
        CROSS JOIN LATERAL (SELECT person_id, said FROM person_said WHERE person_id = d.person_id OFFSET 0) AS s
        ORDER BY a.n, s.person_id
        """,
        (
            ["{" + ",".join(map(str, keys)) + "}" for keys, _ in asked], [but for _, but in asked],
            LARGEST_BLOCK + 1, LARGEST_BLOCK, MOST_CANDIDATES,
        ),
    ).fetchall()  # fmt: skip
    for number, person, said in rows:
        found[number].append((person, said))
    return found


def accounts_by_keys(conn: psycopg.Connection, keys: Sequence[int]) -> dict[str, Known]:
    """Accounts found by a key, with everything that matching reads; keys that too many share are passed over."""
    rows = conn.execute(
        f"""
        WITH found AS MATERIALIZED (
            SELECT DISTINCT f.account_id FROM unnest(%s::bigint[]) AS q (key),
                LATERAL (SELECT k.account_id, count(*) OVER () AS n FROM (SELECT account_id FROM account_key WHERE key = q.key LIMIT %s) AS k) AS f
            WHERE f.n <= %s LIMIT %s)
        SELECT {_KNOWN} FROM found JOIN account AS a ON a.id = found.account_id ORDER BY a.id
        """,
        (list(keys), LARGEST_BLOCK + 1, LARGEST_BLOCK, MOST_CANDIDATES),
    ).fetchall()
    return {r[0]: Known(Account(*r[:6]), tuple(r[7]), r[6]) for r in rows}


def holders(conn: psycopg.Connection, keys: Sequence[int]) -> dict[int, frozenset[str]]:
    """key → the accounts that have it, at most COUNTED_TO of them."""
    rows = conn.execute(
        """SELECT q.key, array_agg(k.account_id) FROM unnest(%s::bigint[]) AS q (key),
               LATERAL (SELECT account_id FROM account_key WHERE key = q.key LIMIT %s) AS k GROUP BY q.key""",
        (list(keys), COUNTED_TO),
    ).fetchall()
    return {k: frozenset(found) for k, found in rows}


def sizes(conn: psycopg.Connection) -> tuple[int, int]:
    """How many people and accounts there are, as the planner's statistics have it; counted where they have nothing yet."""
    rows: dict[str, int] = dict(
        conn.execute("SELECT relname, reltuples::bigint FROM pg_class WHERE oid IN ('person'::regclass, 'account'::regclass)").fetchall()
    )
    found = []
    for table in ("person", "account"):
        if (about := rows[table]) > 1000:
            found.append(about)
        else:
            counted = conn.execute(f"SELECT count(*) FROM (SELECT FROM {table} LIMIT 100000) AS few").fetchone()
            found.append(counted[0] if counted else 0)
    return found[0], found[1]


# --- the model ------------------------------------------------------------------------------------------------


def latest_model(conn: psycopg.Connection) -> dict[str, Any] | None:
    row = conn.execute("SELECT body FROM match_model ORDER BY at DESC LIMIT 1").fetchone()
    return row[0] if row else None


def learned_at(conn: psycopg.Connection) -> datetime | None:
    """When the latest model was learned; None: none was."""
    row = conn.execute("SELECT max(at) FROM match_model").fetchone()
    return row[0] if row else None


def add_model(conn: psycopg.Connection, at: datetime, people: int, body: Mapping[str, Any]) -> None:
    conn.execute(
        "INSERT INTO match_model (at, people, body) VALUES (%s, %s, %s) ON CONFLICT (at) DO UPDATE SET people = excluded.people, body = excluded.body",
        (at, people, dumps(body)),
    )


def everybody_said(conn: psycopg.Connection, most: int | None = None) -> list[tuple[str, list[str | None]]]:
    """(person, what they said) of all that are indexed, or of `most`; ids are hashes, so the first by id are anybody."""
    return conn.execute("SELECT person_id, said FROM person_said ORDER BY person_id LIMIT %s", (most,)).fetchall()


# --- decisions ------------------------------------------------------------------------------------------------


def add_decisions(conn: psycopg.Connection, rows: Sequence[Sequence[Any]]) -> None:
    """(id, person_id, at, contract_id, state, account_id, code, probability, tie_break, working as JSON text, by). A known id is left."""
    if not rows:
        return
    conn.execute(
        """INSERT INTO match_decision (id, person_id, at, contract_id, state, account_id, code, probability, tie_break, working, by)
           SELECT * FROM unnest(%b::text[], %b::text[], %b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::text[], %b::float8[],
                                %b::text[], %b::jsonb[], %b::text[])
           ON CONFLICT (id) DO NOTHING""",
        [list(column) for column in zip(*rows, strict=True)],
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """The account decided for a person."""

    person: str
    at: datetime
    state: str
    account: str | None
    code: str
    probability: float
    tie_break: str
    working: Mapping[str, Any]
    by: str


def decisions_of(conn: psycopg.Connection, person: str) -> list[Decision]:
    """Every decision on a person's account, the latest first: that one counts."""
    rows = conn.execute(
        """SELECT person_id, at, state, account_id, code, probability, tie_break, working, by FROM match_decision
           WHERE person_id = %s ORDER BY at DESC, id DESC""",
        (person,),
    ).fetchall()
    return [Decision(*r) for r in rows]


def move_to_account(conn: psycopg.Connection, person: str, account: str) -> None:
    conn.execute("UPDATE person SET account_id = %s WHERE id = %s", (account, person))


def add_domain(conn: psycopg.Connection, account: str, domain: str, by: str, at: datetime) -> None:
    conn.execute(
        "INSERT INTO further_domain (account_id, domain, by, at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", (account, domain, by, at)
    )


def accounts_of_domains(conn: psycopg.Connection, domains: Sequence[str]) -> dict[str, str]:
    """domain → account, for domains that one account alone has beside its own."""
    rows = conn.execute(
        "SELECT domain, min(account_id) FROM further_domain WHERE domain = ANY(%s) GROUP BY domain HAVING count(*) = 1", (list(domains),)
    ).fetchall()
    return dict(rows)


# --- questions for a person -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Review:
    """A question: is this person's company that account (`account`), or are these two one person (`person`)?"""

    id: str
    kind: str
    person: str
    other: str
    probability: float
    code: str
    working: Mapping[str, Any]
    asked_at: datetime
    state: str
    by: str | None
    note: str
    decided_at: datetime | None


REVIEW: Final = "id, kind, person_id, other_id, probability, code, working, asked_at, state, by, note, decided_at"


def ask(conn: psycopg.Connection, rows: Sequence[Sequence[Any]]) -> int:
    """(id, kind, person, other, probability, code, working as JSON text, asked_at): asks what was not asked before. How many were new.

    A question that is open gets today's working; one that was answered is not asked again.
    """
    new = 0
    for row in rows:
        done = conn.execute(
            """INSERT INTO match_review (id, kind, person_id, other_id, probability, code, working, asked_at)
               SELECT q.* FROM (VALUES (%s, %s, %s, %s, %s::float8, %s, %s::jsonb, %s::timestamptz)) AS q (id, kind, one, other, sure, code, working, at)
               WHERE NOT EXISTS (SELECT FROM person WHERE id IN (q.one, q.other) AND erased_at IS NOT NULL)
               ON CONFLICT (kind, person_id, other_id) DO UPDATE
               SET probability = excluded.probability, code = excluded.code, working = excluded.working
               WHERE match_review.state = 'open' RETURNING xmax = 0""",
            row,
        ).fetchone()
        new += bool(done and done[0])
    return new


def open_reviews(conn: psycopg.Connection, limit: int = 200) -> list[Review]:
    """Questions nobody has answered, the most telling first: those nearest to the bar ask for a person most."""
    rows = conn.execute(
        f"SELECT {REVIEW} FROM match_review WHERE state = 'open' ORDER BY kind, probability DESC, asked_at, id LIMIT %s", (limit,)
    ).fetchall()
    return [Review(*r) for r in rows]


def count_open(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT count(*) FROM match_review WHERE state = 'open'").fetchone()
    return int(row[0]) if row else 0


def hold_review(conn: psycopg.Connection, review_id: str) -> Review | None:
    """A question, locked until the transaction ends, so that two people cannot answer it at once."""
    row = conn.execute(f"SELECT {REVIEW} FROM match_review WHERE id = %s FOR UPDATE", (review_id,)).fetchone()
    return Review(*row) if row else None


def answer(conn: psycopg.Connection, review_id: str, state: str, by: str, note: str, at: datetime) -> None:
    conn.execute("UPDATE match_review SET state = %s, by = %s, note = %s, decided_at = %s WHERE id = %s", (state, by, note, at, review_id))


def close_others(conn: psycopg.Connection, person: str, kind: str, at: datetime) -> None:
    """What is open about a person and no longer a question."""
    conn.execute(
        "UPDATE match_review SET state = 'gone', decided_at = %s WHERE person_id = %s AND kind = %s AND state = 'open'", (at, person, kind)
    )


def labels(conn: psycopg.Connection) -> list[Review]:
    """Every answer a person gave, oldest first: the labelled examples."""
    rows = conn.execute(f"SELECT {REVIEW} FROM match_review WHERE state IN ('same', 'different') ORDER BY decided_at, id").fetchall()
    return [Review(*r) for r in rows]
