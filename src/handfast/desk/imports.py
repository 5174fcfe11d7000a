"""Facts from files and other systems: reps, absences, accounts. Each call is one transaction and changes nothing when repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handfast.facts import Absence, Rep, stable_id, utc
from handfast.store import imports as rows
from handfast.store.base import Store
from handfast.store.handover import dumps


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account as another system knows it. `key`: its registrable domain, or `group:ID` where it is known by an id only."""

    key: str
    name: str = ""
    domain: str | None = None
    owner: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def put_reps(store: Store, reps: Sequence[Rep]) -> int:
    """Adds reps or brings them up to date; managers may come in any order. Returns how many changed. Raises StorageAway."""
    if not reps:
        return 0
    with store.writing() as conn:
        return rows.put_reps(conn, reps)


def put_absences(store: Store, absences: Sequence[Absence]) -> int:
    """Raises StorageAway, and ValueError where an absence ends before it starts."""
    for one in absences:
        if utc(one.ends_at) <= utc(one.starts_at):
            raise ValueError(f"the absence of {one.rep} ends before it starts")
    with store.writing() as conn:
        return rows.put_absences(conn, absences)


def put_accounts(store: Store, accounts: Sequence[NewAccount], at: datetime) -> int:
    """Adds accounts or completes known ones; an owner given makes it a named account. Raises StorageAway."""
    with store.writing() as conn:
        return rows.put_accounts(
            conn, [(stable_id("acc", a.key), a.key, a.name, a.domain, a.owner, dumps(dict(a.fields)), utc(at)) for a in accounts]
        )
