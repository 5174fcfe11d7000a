"""The working state of one transaction that decides signals: what every step of it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from handfast.contract.agreement import Agreement
from handfast.desk.learned import Learned
from handfast.facts import Account, Signal
from handfast.identity.resolve import Directory
from handfast.store.lanes import Pending


@dataclass(slots=True)
class Batch:
    """One transaction. `held`: the lanes it holds. `punctual`: on a virtual clock each decision is made at its signal's own moment.

    `eyes`: where what was committed before is read while `conn` is busy writing; the same connection where nothing is done side by side.
    """

    conn: psycopg.Connection
    eyes: psycopg.Connection
    agreement: Agreement
    contract_id: str
    at: datetime
    held: set[int]
    channels: tuple[str, ...]
    punctual: bool
    domain_of: Callable[[str], str | None]
    #: The terms of a contract by its id: what is held was opened under its own.
    agreement_of: Callable[[str], Agreement]
    #: The version on trial beside the one in force, and its id: it decides for a share of the parties.
    trial: tuple[Agreement, str] | None = None
    #: What was held and has an owner since this batch.
    given_out: list[str] = field(default_factory=list)
    directory: Directory = field(default_factory=Directory)
    #: What this batch learns, compared with what the store knew; begun once the directory holds that.
    learned: Learned = field(default_factory=Learned)

    @property
    def apart(self) -> bool:
        """Whether writing goes on in a thread of its own while more is computed."""
        return self.eyes is not self.conn

    def decided_at(self, signal: Signal) -> datetime:
        """When what follows from this signal is decided (UTC)."""
        return signal.received_at if self.punctual else self.at

    def account_at(self, moment: Moment) -> Account | None:
        """The account this person belonged to then."""
        return self.directory.accounts.get(moment.account or "")


class Moment(NamedTuple):
    """A person at the time of one of their signals. `subject` names what was known of them then: it changes when more becomes known.

    `account`: theirs then. `taught`: this signal taught something of them. `folded`: whom this batch had folded into them by then.
    """

    waiting: Pending
    person: str
    subject: str
    at: datetime
    account: str | None = None
    taught: bool = False
    folded: tuple[str, ...] = ()

    @property
    def party(self) -> str:
        """Who a handoff is about: the account, or the person of none. As it was then: one who came to an account since, in the same
        batch or in a later one, was without."""
        return self.account or self.person


@dataclass(frozen=True, slots=True)
class Ready:
    """A verdict somebody will read; one that is ready may become, or join, a handoff. `row`: as judged; `fields`: of the subject."""

    moment: Moment
    row: Mapping[str, Any]
    fields: Mapping[str, Any]
    working: Mapping[str, Any]
    verdict: str
    party: str
    was: str = "not_yet"


def source_of(signal: Signal) -> str:
    """Where a signal came from, as marketing counts it: its channel or campaign source, else the name of the door."""
    for name in ("origin", "utm_source", "channel", "source"):
        if isinstance(value := signal.properties.get(name), str) and value:
            return value
    return signal.source
