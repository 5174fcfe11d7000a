"""Accounts that are called by the name or the address of one person: they go on, called nothing.

The id of an account is made of its key, and whoever arrives with that key later gets an account with that very id. So such an account gets an
id that is made of nothing, and every row that named it names the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import psycopg

from handfast.facts import stable_id
from handfast.identity.traces import Named, Traces
from handfast.store.erasing import Group
from handfast.store.handover import dumps

#: Shorter parts of a name are in many a domain.
_SHORTEST: Final = 4

#: (table, column, condition): where an account is named.
_NAMED: Final = (
    ("person", "account_id", ""),
    ("learned", "belongs_to", "noun = 'person'"),
    ("learned", "id", "noun = 'account'"),
    ("verdict", "account_id", ""),
    ("readiness_override", "account_id", ""),
    ("handoff", "account_id", ""),
    ("handoff", "party", ""),
    ("event", "account_id", ""),
    ("opportunity", "account_id", ""),
    ("match_decision", "account_id", ""),
    ("match_review", "other_id", "kind = 'account'"),
    ("owner_change", "account_id", ""),
    ("shadow_account", "account_id", ""),
    ("shadow_handoff", "party", ""),
)


@dataclass(frozen=True, slots=True)
class Called:
    """An account that is called by a person. `alone`: nobody else belongs to it."""

    id: str
    key: str
    name: str
    domain: str | None
    fields: dict[str, Any]
    alone: bool


def called_by(conn: psycopg.Connection, group: Group, traces: Traces, of: Named) -> tuple[Called, ...]:
    """Those of their accounts that are called by their address, or that they alone belong to and that are called by their name.

    Whatever another system told (an import, an owner named) is a company's, whatever it is called.
    """
    parts = {one.casefold() for one in of.parts if len(one) >= _SHORTEST}
    found = []
    for one, companys in _accounts(conn, group):
        label = one.key.partition(":")[2] or one.key
        by_address = traces.value(label) != label
        words = f"{one.key} {one.name} {one.domain or ''}".casefold()
        if by_address or (one.alone and not companys and (any(part in words for part in parts) or traces.text(one.name) != one.name)):
            found.append(one)
    return tuple(found)


def _accounts(conn: psycopg.Connection, group: Group) -> list[tuple[Called, bool]]:
    rows = conn.execute(
        """SELECT a.id, a.key, a.name, a.domain, a.fields,
                  NOT EXISTS (SELECT FROM person AS p WHERE p.account_id = a.id AND p.id <> ALL(%(people)s))
                  AND NOT EXISTS (SELECT FROM handoff AS h WHERE h.party = a.id AND h.id <> ALL(%(opened)s))
                  AND NOT EXISTS (SELECT FROM learned AS l WHERE l.noun = 'person' AND l.belongs_to = a.id AND l.id <> ALL(%(people)s)),
                  a.owner_id IS NOT NULL OR EXISTS (SELECT FROM learned AS l WHERE l.noun = 'account' AND l.id = a.id AND l.imported)
                  OR EXISTS (SELECT FROM roster_log AS r WHERE r.noun = 'owner' AND r.id = a.id)
           FROM account AS a WHERE a.id = ANY(%(accounts)s) ORDER BY a.id""",
        {**group.values(), "accounts": list(group.accounts)},
    ).fetchall()
    return [(Called(*row[:6]), row[6]) for row in rows]


def rename(conn: psycopg.Connection, one: Called, traces: Traces) -> None:
    """Calls it nothing: of one that is theirs alone nothing is kept, of one that others belong to what does not name them."""
    new = stable_id("acc", str(uuid4()))
    name, domain, fields = ("", None, {}) if one.alone else (traces.text(one.name), one.domain, traces.value(one.fields))
    conn.execute(
        """INSERT INTO account (id, key, name, domain, owner_id, fields, created_at)
           SELECT %s, %s, %s, %s, owner_id, %s, created_at FROM account WHERE id = %s""",
        (new, f"erased:{new}", name, domain, dumps(fields), one.id),
    )
    if one.alone:
        conn.execute("DELETE FROM learned WHERE noun = 'account' AND id = %s", (one.id,))
        conn.execute("DELETE FROM further_domain WHERE account_id = %s", (one.id,))
    conn.execute("UPDATE further_domain SET account_id = %s WHERE account_id = %s", (new, one.id))
    for table, column, condition in _NAMED:
        conn.execute(f"UPDATE {table} SET {column} = %s WHERE {column} = %s{f' AND {condition}' if condition else ''}", (new, one.id))
    conn.execute("DELETE FROM account_key WHERE account_id = %s", (one.id,))
    conn.execute("DELETE FROM account WHERE id = %s", (one.id,))
    conn.execute("DELETE FROM match_waiting WHERE noun = 'account' AND id = %s", (one.id,))


__all__ = ["Called", "called_by", "rename"]
