"""Promise 2, of owners that signals name: one of a source the contract trusts is heard, no other, and nobody unknown becomes an owner."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulate.house import Row
from tests.simulate.ledger import TRUSTED, Event
from tests.simulate.seen import Seen, firm


def owners_named_by_signals_are_heard(seen: Seen) -> Iterator[str]:
    decided = _decided(seen)
    heard: dict[str, list[tuple[Event, str | None]]] = {}
    for event, signal in decided:
        rep = _rep(seen, event.owner or "")
        seen.ledger.strangers += rep is None
        if rep is not None and (account := _account_of(seen, signal)) is not None:
            heard.setdefault(account, []).append((event, rep))
    for account, said in heard.items():
        yield from _last_word(seen, account, said)
    strangers = len(seen.new_events("owner_not_known")) if seen.now.event is not seen.was.event else 0
    seen.ledger.told_of_strangers += strangers
    if seen.ledger.told_of_strangers != seen.ledger.strangers:
        yield f"{seen.ledger.strangers} signals named an owner nobody knows; {seen.ledger.told_of_strangers} times it was said"
    for key, row in seen.now.account.items() if seen.now.account is not seen.was.account else ():
        was = seen.was.account.get(key)
        if was is not None and was["owner_id"] != row["owner_id"] and key not in heard and not _by_crm(seen, row):
            yield f"{row['key']} was {was['owner_id']}'s and is {row['owner_id']}'s, and nobody who may has named an owner"


def _decided(seen: Seen) -> list[tuple[Event, Row]]:
    """Signals of a trusted source that name an owner and were decided in this step, in the order in which they waited."""
    left = (seen.was.pending.keys() | (seen.now.signal.keys() - seen.was.signal.keys())) - seen.now.pending.keys()
    naming = {one.signal: one for one in seen.ledger.events.values() if one.owner is not None and one.source == TRUSTED} if left else {}
    found = [(naming[key], seen.now.signal[key]) for key in left & naming.keys() if key in seen.now.signal]
    return sorted(found, key=lambda one: (one[1]["received_at"], one[1]["seq"]))


def _rep(seen: Seen, said: str) -> str | None:
    return next((rep.id for rep in seen.company.reps if said in (rep.id, rep.email)), None)


def _account_of(seen: Seen, signal: Row) -> str | None:
    key = seen.now.identity.get(f"email:{signal['email']}")
    return seen.now.person[key["person_id"]]["account_id"] if key is not None else None


def _last_word(seen: Seen, account: str, said: list[tuple[Event, str | None]]) -> Iterator[str]:
    """The last that was said counts. Of several lanes, or beside others who say something, nobody knows which was the last."""
    key, rep = seen.now.account[account]["key"], said[-1][1]
    if seen.step.several or len({firm(event.email or "") for event, _ in said}) > 1:
        seen.ledger.owners.pop(key, None)
        return
    seen.ledger.owners[key] = str(rep)
    if seen.now.account[account]["owner_id"] != rep:
        yield f"{key} is {rep}'s as a signal of {TRUSTED} says, and here it is {seen.now.account[account]['owner_id']}'s"


def _by_crm(seen: Seen, account: Row) -> bool:
    return any(name.startswith(f"the CRM gives {account['key']} ") for name in seen.step.pieces)
