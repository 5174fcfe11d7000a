"""Owners of accounts named by signals, from the sources that the contract trusts with it (`routing.moves.owners_from`).

Anybody who reads a web page knows its write key and can send a `group` signal, so a signal names no owner by itself: only one of a source
that the contract lists. What becomes of open handoffs is settled by `desk.moves`, like any owner named elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handfast.desk.batch import Batch
from handfast.desk.imports import Reps
from handfast.facts import Signal
from handfast.problem import Problem
from handfast.store import handover, moves


def name_owners(b: Batch, whose: Sequence[tuple[Signal, str]]) -> None:
    """Writes the owners these signals name (signal, person it belongs to). A rep nobody knows is an event, and changes nothing."""
    trusted = b.agreement.contract.routing.moves.owners_from
    if not trusted:
        return
    named = [(signal, account) for signal, person in whose if (account := _named(b, signal, person, trusted)) is not None]
    if not named:
        return
    reps = Reps(b.conn)
    unknown: list[tuple[Any, ...]] = []
    for signal, account in named:
        owner = reps.find(str(signal.account["owner"]).strip())
        if isinstance(owner, Problem) or owner is None:
            said = {"by": signal.source, "why": owner.what if owner is not None else "no rep is named"}
            unknown.append(("owner_not_known", signal.received_at, None, None, account, None, handover.dumps(said)))
            continue
        moves.say_who(b.conn, signal.source, signal.received_at)
        moves.put_owner(b.conn, account, owner)
    handover.add_events(b.conn, unknown)
    handover.notify(b.conn, "held")


def _named(b: Batch, signal: Signal, person: str, trusted: Sequence[str]) -> str | None:
    """The account whose owner this signal names, if it may."""
    if signal.source not in trusted or not isinstance(signal.account.get("owner"), str):
        return None
    known = b.directory.people.get(person)
    return known.account if known is not None else None
