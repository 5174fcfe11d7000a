"""Who is this, and of which company: people and accounts kept findable, one arrival matched, what is not clear asked of a person.

Indexing follows writing by a moment: triggers note who was written, `tend` (a turn of the worker) takes them from there, so that no door
can forget it and no decision waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import polars as pl
import psycopg

from handfast.contract.terms import Match
from handfast.facts import Account, Person, Signal, stable_id
from handfast.identity.company import Company, Name, Others, may_be, read_name, share
from handfast.identity.compare import Model, Weighed, weigh
from handfast.identity.index import account_keys, counted_by, fact_key, found_by, person_keys, word_key
from handfast.identity.keys import keys_of
from handfast.identity.learn import begin, link
from handfast.identity.match import WORTH_ASKING, Candidate, MatchDecision, Policy, Runner, decide
from handfast.identity.normalise import business_domain, registrable
from handfast.identity.pairs import Table
from handfast.identity.people import FIELDS, PEOPLE, from_json, model_for, plain, prepared
from handfast.identity.people import as_json as model_json
from handfast.identity.phone import phone_number
from handfast.store import identity as rows
from handfast.store.base import Store
from handfast.store.handover import by_index, dumps
from handfast.store.identity import Known

#: How many written rows one turn takes; each is one index walk or two.
BATCH: Final = 500
#: As many people tell how rare names are, before everybody was asked.
SAMPLE: Final = 5_000
#: Fewer people than this teach nothing: the model stays the one begun with.
ENOUGH_TO_LEARN: Final = 500


@dataclass(frozen=True, slots=True)
class Tended:
    """What one turn did: people and accounts indexed, questions asked anew."""

    people: int = 0
    accounts: int = 0
    asked: int = 0


@dataclass(slots=True)
class Worth:
    """What agreement is worth, kept from one turn to the next: a sample is asked again only when the people have doubled since."""

    _begun: Model | None = None
    _people: int = 0
    _learned: tuple[datetime, Model] | None = None

    def now(self, conn: psycopg.Connection) -> Model:
        """The model in use, as `model_now` has it, or as it was when there were half as many people."""
        if (at := rows.learned_at(conn)) is not None:
            if self._learned is None or self._learned[0] != at:
                self._learned = at, model_now(conn)
            return self._learned[1]
        people = rows.sizes(conn)[0]
        if self._begun is None or people > 2 * self._people:
            self._begun, self._people = model_now(conn), people
        return self._begun


def tend(store: Store, at: datetime, *, limit: int = BATCH, worth: Worth | None = None) -> Tended:
    """Indexes what was written since the last turn, and asks about people who look like somebody known. Raises StorageAway.

    `worth`: one kept from turn to turn; None: everything is asked anew.
    """
    with store.writing() as conn:
        if not rows.hold_indexing(conn):
            return Tended()
        by_index(conn)
        taken = rows.take_waiting(conn, limit)
        if not taken["person"] and not taken["account"]:
            return Tended()
        index_accounts(conn, taken["account"])
        people = index_people(conn, taken["person"])
        asked = _ask_about(conn, people, worth or Worth(), at) if people else 0
    return Tended(len(people), len(taken["account"]), asked)


def index_accounts(conn: psycopg.Connection, ids: Sequence[str]) -> None:
    """Makes these accounts findable as they are now."""
    known = rows.known_accounts(conn, ids)
    rows.put_account_keys(conn, [(i, sorted(account_keys(company_of(one)))) for i, one in sorted(known.items())])


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is compared of one person, and the keys they are found by."""

    said: Mapping[str, str | None]
    keys: Sequence[int]


def index_people(conn: psycopg.Connection, ids: Sequence[str]) -> dict[str, Indexed]:
    """Makes these people findable as they are now, in the order of their ids. Those folded into another are taken out."""
    everybody = sorted(rows.people_with_accounts(conn, ids), key=lambda one: one[0].id)
    said = {p.id: prepared(p, a, country_of(p, a)) for p, a in everybody}
    found = {i: Indexed(one, person_keys(one)) for i, one in said.items()}
    rows.put_people_keys(conn, [(i, [one.said[f] for f in FIELDS], one.keys) for i, one in found.items()])
    if gone := [i for i in ids if i not in found]:
        rows.drop_people_keys(conn, gone)
    return found


def country_of(person: Person, account: Account | None) -> str | None:
    """The two-letter country that a phone number without one is read in, where it is known."""
    for fields in (person.fields, account.fields if account else {}):
        if isinstance(code := fields.get("country"), str) and len(code.strip()) == 2:
            return code.strip().upper()
    return None


# --- people ---------------------------------------------------------------------------------------------------


def alike(conn: psycopg.Connection, said: Mapping[str, str | None], model: Model, but: str = "") -> list[tuple[str, Weighed]]:
    """Whom of all these may be, the most likely first: everybody found by a key and weighed, at WORTH_ASKING or more."""
    return _likely(said, rows.people_by_keys(conn, person_keys(said), but), model)


def _likely(said: Mapping[str, str | None], found: Sequence[tuple[str, list[str | None]]], model: Model) -> list[tuple[str, Weighed]]:
    weighed = [(other, weigh(said, dict(zip(FIELDS, theirs, strict=True)), model)) for other, theirs in found]
    return sorted(((o, w) for o, w in weighed if w.probability >= WORTH_ASKING), key=lambda pair: (-pair[1].bits, pair[0]))


def model_now(conn: psycopg.Connection) -> Model:
    """The model in use: the latest learned, else what a sample of the people at hand can teach."""
    if (stored := rows.latest_model(conn)) is not None:
        return from_json(stored)
    said = rows.everybody_said(conn, SAMPLE)
    people = max(rows.sizes(conn)[0], len(said))
    if not said:
        return model_for(people)
    records = pl.DataFrame([one for _, one in said], schema=dict.fromkeys(FIELDS, pl.String), orient="row")
    begun = begin(Table(records, PEOPLE))
    return replace(begun, prior=min(begun.prior, 0.3 / max(50, people)))


def _ask_about(conn: psycopg.Connection, indexed: Mapping[str, Indexed], worth: Worth, at: datetime) -> int:
    others = rows.people_by_keys_of(conn, [(one.keys, person) for person, one in indexed.items()])
    if not any(others):
        return 0
    model = worth.now(conn)
    found = [
        (person, other, weighed)
        for (person, one), near in zip(indexed.items(), others, strict=True)
        for other, weighed in _likely(one.said, near, model)[:5]
    ]
    return rows.ask(conn, [question(person, other, weighed, at) for person, other, weighed in found])


def question(person: str, other: str, weighed: Weighed, at: datetime) -> tuple[Any, ...]:
    """Whether these two are one person, as a row; the same question whichever of them came first."""
    first, second = sorted((person, other))
    steps = [[s.field, s.level, s.sentence, round(s.bits, 2)] for s in weighed.steps]
    working = dumps({"because": weighed.because, "rival": weighed.rival, "steps": steps})
    code = "+".join(s.field.upper() for s in weighed.steps if s.bits > 1) or "LITTLE"
    return (stable_id("rev", "person", first, second), "person", first, second, weighed.probability, code, working, at)


def learn_from_all(store: Store, at: datetime) -> tuple[Model | None, int, int]:
    """The batch pass: learns what agreement is worth from everybody, keeps it, and asks about every pair alike.

    Returns the model (None where there are too few people), how many were looked at, and how many questions are new. Raises StorageAway.
    """
    with store.reading() as conn:
        everybody = rows.everybody_said(conn)
    if len(everybody) < ENOUGH_TO_LEARN:
        return None, len(everybody), 0
    records = pl.DataFrame([said for _, said in everybody], schema=dict.fromkeys(FIELDS, pl.String), orient="row")
    pairs, model = link(records, PEOPLE)
    with store.writing() as conn:
        rows.add_model(conn, at, len(everybody), model_json(model))
        likely = pairs.filter(pl.col("probability") >= WORTH_ASKING).select("a", "b")
        asked = _ask_about_pairs(conn, everybody, list(likely.iter_rows()), model, at)
    return model, len(everybody), asked


def _ask_about_pairs(
    conn: psycopg.Connection,
    everybody: Sequence[tuple[str, list[str | None]]],
    pairs: Sequence[tuple[int, int]],
    model: Model,
    at: datetime,
) -> int:
    questions = []
    for a, b in pairs:
        (one, mine), (other, theirs) = everybody[a], everybody[b]
        weighed = weigh(dict(zip(FIELDS, mine, strict=True)), dict(zip(FIELDS, theirs, strict=True)), model)
        questions.append(question(one, other, weighed, at))
    return rows.ask(conn, questions)


# --- accounts -------------------------------------------------------------------------------------------------


def policy_of(match: Match) -> Policy:
    """The contract's terms as the core reads them."""
    return Policy(match.domain, match.distinctive_words, match.review_below)


def company_of(known: Known) -> Company:
    """What an account may be matched by."""
    a = known.account
    domains = tuple(dict.fromkeys([*([a.domain] if a.domain else []), *known.further]))
    return company_said(a.name, domains, a.fields)


def company_said(name: str, domains: Sequence[str], fields: Mapping[str, Any]) -> Company:
    """A company as somebody says it: `phone`, `city` and `country` from its fields."""
    country = plain(str(fields.get("country") or "")) or None
    code = country.upper() if country and len(country) == 2 else None
    phone = phone_number(str(fields.get("phone") or ""), code)
    return Company(
        name, tuple(d for d in (registrable(one) for one in domains) if d), phone, plain(str(fields.get("city") or "")) or None, country
    )


def match_account(conn: psycopg.Connection, company: Company, policy: Policy, accounts: int | None = None) -> MatchDecision:
    """The account of one arrival, decided among those found by its keys. `accounts`: how many there are, where the caller knows."""
    known = {i: (one, company_of(one)) for i, one in rows.accounts_by_keys(conn, sorted(found_by(company))).items()}
    worth = {i: pair for i, pair in known.items() if may_be(company, pair[1])}
    if not worth:
        return decide(company, [], Others(1, lambda _s, _a, _b: 1.0, lambda _w, _v: 1.0), policy)
    candidates = [Candidate(i, c, k.account.owner is not None, since=k.since) for i, (k, c) in worth.items()]
    return decide(company, candidates, _others(conn, company, [c.company for c in candidates], accounts), policy)


def _others(conn: psycopg.Connection, company: Company, candidates: Sequence[Company], accounts: int | None) -> Others:
    """How common what these companies say is among the accounts: one statement for all of it.

    Which accounts have a word is asked only where names share several, to be counted together; of all else, how many.
    """
    asked = read_name(company.name)
    single = {k for (what, _), k in counted_by(company).items() if what != "word"}
    several: set[int] = set()
    for one in candidates:
        name = read_name(one.name)
        single.add(fact_key("name", name.compact))
        both = [word_key(word) for _, word in share(asked, name).both]
        (several if len(both) > 1 else single).update(both)
    counts, held = rows.holders(conn, sorted(single), sorted(several))
    nobody: frozenset[str] = frozenset()

    def words(said: Sequence[str], _a: Name, _b: Name) -> float:
        if len(said) == 1:
            return float(max(1, counts.get(word_key(said[0]), 0)))
        return float(max(1, len(frozenset.intersection(*(held.get(word_key(w), nobody) for w in said)))))

    def holds(what: str, value: str) -> float:
        return float(max(1, counts.get(fact_key(what, value), 0)))

    return Others(max(2, accounts or rows.sizes(conn)[1]), words, holds, partial(rows.people_of, conn))


@dataclass(frozen=True, slots=True)
class Matched:
    """A decision about to be recorded: whose account, what they said of their company, what was decided, when and by which contract."""

    person: str
    company: Company
    said: MatchDecision
    at: datetime
    contract: str | None


def record_decisions(conn: psycopg.Connection, made: Sequence[Matched], by: str = "handfast") -> None:
    """Writes decisions down, and asks a person where one is needed."""
    rows.add_decisions(conn, [_decision_row(one, by) for one in made])
    rows.ask(conn, [_question_row(one) for one in made if one.said.state == "review"])


def _decision_row(one: Matched, by: str) -> tuple[Any, ...]:
    said = one.said
    decided = (said.state, said.account, said.code, said.probability, said.tie_break)
    return (stable_id("mat", one.person, one.at.isoformat(), by), one.person, one.at, one.contract, *decided, _working(one), by)


def _question_row(one: Matched) -> tuple[Any, ...]:
    said, account = one.said, str(one.said.account)
    ident = stable_id("rev", "account", one.person, account)
    return (ident, "account", one.person, account, said.probability, said.code, _working(one), one.at)


def _working(one: Matched) -> str:
    c = one.company
    asked = {"name": c.name, "domains": list(c.domains), "phone": c.phone, "city": c.city, "country": c.country}
    return dumps({"asked": asked, "because": list(one.said.because), "runners": [runner_json(r) for r in one.said.runners]})


def runner_json(runner: Runner) -> dict[str, Any]:
    return {
        "account": runner.account,
        "name": runner.name,
        "code": runner.code,
        "probability": runner.probability,
        "because": list(runner.because),
    }


def keys_of_signal(signal: Signal) -> tuple[str, ...]:
    """Every key a signal carries, strongest first."""
    return keys_of(signal.email, signal.user_id, signal.anonymous_id)


def domains_of(email: str | None, free_mail: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The business domain of an address, where it has one."""
    found = business_domain(email, free_mail) if email else None
    return (found,) if found else ()
