"""An arrival finds its account by keys and counts; a walk over every account decides the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, product

from handfast.desk import imports, match
from handfast.desk.imports import NewAccount
from handfast.identity.company import Company, Name, Others, read_name
from handfast.identity.index import account_keys, found_by
from handfast.identity.match import Candidate, Policy, decide
from handfast.store import identity
from handfast.store.base import Store
from tests.desk.house import House, moment

AT = moment("Mon 12:00")
NAMES = Policy("fallback", distinctive_words=True)
HEADS = ("Kraus", "Krauss", "Omega", "Nordwind", "Zeppelin")
TAILS = ("", "Holding", "Energie", "Energie Holding", "Logistik")
TOWNS = ("Ulm", "Bremen", "Kiel", "Essen", "Trier", "")


def firms() -> list[NewAccount]:
    """Names that share heads, words of trade, or differ in a letter; two of each third one, so that there are ties; some with an owner."""
    made = []
    for number, (head, tail) in enumerate(product(HEADS, TAILS)):
        for copy in range(2 if number % 3 == 0 else 1):
            key = f"f{number}-{copy}.example"
            fields = {"city": town} if (town := TOWNS[number % 6]) else {}
            owner = "anna" if copy and number % 2 == 0 else None
            made.append(NewAccount(key, f"{head} {tail}".strip(), key, owner=owner, fields=fields))
    return made


def by_walking(store: Store, company: Company) -> object:
    """The decision where every account is held against the keys, and what is common is counted among them all."""
    with store.reading() as conn:
        ids = [row[0] for row in conn.execute("SELECT id FROM account").fetchall()]
        known = {i: (one, match.company_of(one)) for i, one in identity.known_accounts(conn, ids).items()}
        staff = Counter(row[0] for row in conn.execute("SELECT account_id FROM person WHERE account_id IS NOT NULL").fetchall())
    said = [c for _, c in known.values()]

    def words(shared: Sequence[str], _a: Name, _b: Name) -> float:
        return float(max(1, sum(set(shared) <= set(read_name(c.name).words) for c in said)))

    def holds(what: str, value: str) -> float:
        told = {"name": lambda c: read_name(c.name).compact, "city": lambda c: c.city}
        return float(max(1, sum(told[what](c) == value for c in said)))

    alike = {i: pair for i, pair in known.items() if found_by(company) & account_keys(pair[1]) and match.may_be(company, pair[1])}
    candidates = [Candidate(i, c, k.account.owner is not None, since=k.since) for i, (k, c) in alike.items()]
    return decide(company, candidates, Others(max(2, len(known)), words, holds, lambda asked: {i: staff[i] for i in asked}), NAMES)


def test_what_is_found_by_keys_is_what_a_walk_over_all_accounts_finds(store: Store) -> None:
    house = House(store)
    accounts = firms()
    imports.put_accounts(store, accounts, moment("Mon 08:00"))
    for one in accounts[1::3]:
        house.hears(house.signal(f"somebody@{one.key}", "page_viewed", "Mon 09:00"))
    house.decide("Mon 10:00")
    while (done := match.tend(store, AT)).people or done.accounts:
        pass
    spelt = [one.name for one in accounts] + [one.name.upper()[:-1] for one in accounts[::2]]
    spelt += [f"{a.name} {b.name.rpartition(' ')[2]}" for a, b in pairwise(accounts[::3])]
    codes = set()
    for name, town in product(dict.fromkeys(spelt), ("Ulm", "Essen", "")):
        company = match.company_said(name, [], {"city": town} if town else {})
        with store.reading() as conn:
            found = match.match_account(conn, company, NAMES)
        assert found == by_walking(store, company), (name, town)
        codes |= {*found.code.split("+"), found.tie_break}
    assert {"NAME_EXACT", "NAME_DISTINCTIVE", "named owner", "more people"} <= codes  # all of it was asked for
