"""Whose company: accounts named by the signals of a batch, decided before the signals are resolved, and the decisions recorded after.

Only people who belong to no account yet are asked about: whoever has one keeps it until a person says otherwise. A company that is not
clear enough gives nobody an account here; the question stands on the page *Review*.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from handfast.desk import match as matching
from handfast.desk.batch import Batch
from handfast.desk.match import Matched
from handfast.facts import Signal
from handfast.identity.company import Company
from handfast.identity.match import MatchDecision
from handfast.store import handover
from handfast.store import identity as rows
from handfast.store.lanes import Pending


@dataclass(slots=True)
class Named:
    """What a batch decided of companies: signal → the company it spoke of and the decision; who belonged to an account before."""

    decisions: dict[UUID, tuple[Company, MatchDecision]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)


def name_accounts(b: Batch, waiting: list[Pending], emails: Iterable[str]) -> Named:
    """Decides the companies that signals of people without an account speak of. Fills the directory's `named` and `account_of_key`.

    `emails`: all that these signals tell, and those of whoever they name.
    """
    book, named = b.directory, Named()
    named.settled = {p.id for p in book.people.values() if p.account}
    _further_domains(b, emails)
    policy = matching.policy_of(b.agreement.contract.match)
    if not policy.distinctive_words:
        return named
    decided: dict[Company, MatchDecision] = {}
    accounts: int | None = None
    for one in waiting:
        if not (one.signal.account or one.signal.person):
            continue
        company = _company(b, one.signal)
        if (
            not company.name
            or _belongs(b, one.signal)
            or (policy.domain == "always" and any(d in book.account_of_key for d in company.domains))
        ):
            continue
        if company not in decided:
            accounts = accounts if accounts is not None else rows.sizes(b.conn)[1]
            decided[company] = matching.match_account(b.conn, company, policy, accounts)
        named.decisions[one.signal.id] = (company, decided[company])
        if (found := decided[company].settled) is not None:
            book.named[one.signal.id] = found
    for account in handover.accounts(b.conn, sorted(set(book.named.values()) - book.accounts.keys()), []):
        book.accounts[account.id] = account
        book.account_of_key.setdefault(account.key, account.id)
    return named


def _further_domains(b: Batch, emails: Iterable[str]) -> None:
    """Domains that are one account's beside its own. One that several accounts have (subsidiaries) says nothing alone."""
    domains = {d for email in emails if (d := b.domain_of(email))} - b.directory.account_of_key.keys()
    if not domains:
        return
    found = rows.accounts_of_domains(b.conn, sorted(domains))
    for account in handover.accounts(b.conn, sorted(set(found.values()) - b.directory.accounts.keys()), []):
        b.directory.accounts[account.id] = account
        b.directory.account_of_key.setdefault(account.key, account.id)
    b.directory.account_of_key.update(found)


def _belongs(b: Batch, signal: Signal) -> bool:
    """Whether whoever sent this belongs to an account already."""
    person = next((p for k in matching.keys_of_signal(signal) if (p := b.directory.who.get(k)) is not None), None)
    return person is not None and b.directory.people[person].account is not None


def _company(b: Batch, signal: Signal) -> Company:
    """The company a signal speaks of: what it says of the account, else what the person said of their company."""
    said: dict[str, Any] = {**{k: v for k, v in signal.person.items() if k in ("city", "country")}, **signal.account}
    name = str(signal.account.get("name") or signal.person.get("company") or "").strip()
    domain = b.domain_of(signal.email) if signal.email else None
    return matching.company_said(name, [domain] if domain else [], said)


def record_matches(b: Batch, named: Named, whose: list[tuple[Signal, str]]) -> None:
    """Writes one decision for everybody who came to an account in this batch, and the questions for those who could not.

    `whose`: the signals of the batch, each with the person it was resolved to; one folded into another since is passed over, for the
    signal that folded them is among these with the person who was kept.
    """
    made: dict[str, Matched] = {}
    people, gone = b.directory.people, b.directory.merges
    for signal, person in whose:
        if person in named.settled or person in made or person in gone:
            continue
        if people[person].account is None and signal.id not in named.decisions:
            continue
        if (found := _decided(b, named, signal, person)) is not None:
            company, said = found
            made[person] = Matched(person, company, said, b.decided_at(signal), b.contract_id)
    matching.record_decisions(b.conn, list(made.values()))


def _decided(b: Batch, named: Named, signal: Signal, person: str) -> tuple[Company, MatchDecision] | None:
    """What was decided by the words of a signal, else by the key of the account the person came to; None where neither."""
    account = b.directory.people[person].account
    found = named.decisions.get(signal.id)
    if found is not None and (found[1].state == "review" or (account is not None and account == found[1].settled)):
        return found
    return None if account is None else (Company(), _by_key(b.directory.accounts[account].key, account))


def _by_key(key: str, account: str) -> MatchDecision:
    """The decision where the account's own key was said."""
    if key.startswith("group:"):
        return MatchDecision("matched", account, "EXTERNAL_ID", 1.0, ("the account's id in the system the signal came from",))
    return MatchDecision("matched", account, "DOMAIN_EXACT", 1.0, (f"the domain {key}",))
