"""Which account is this? One decision with a code, its runners-up and the tie-breaker used; routing and reports read the same one.

The policy is the contract's `match:`:

- `domain: always`: an account that has the domain of the address is the account; names are asked only where no account has it.
- `domain: fallback`: the name is asked first, the domain where the name settles nothing.
- `domain: off`: the name alone.
- `distinctive_words: false`: the domain alone; with `domain: off` too, nobody has an account.
- `review_below`: a best candidate less likely than this goes to a person, who decides on the page *Review*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from handfast.identity.company import Company, Likeness, Others, likeness

#: Less likely than this is no candidate: nobody is asked.
WORTH_ASKING: Final = 0.5
#: Runners-up that are kept with a decision.
KEPT_RUNNERS: Final = 5
#: Candidates this close (in bits) to the best are a tie.
TIE_BITS: Final = 1.0

State = Literal["matched", "review", "none"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The contract's `match:` terms, as values."""

    domain: Literal["off", "fallback", "always"] = "always"
    distinctive_words: bool = False
    review_below: float = 0.9


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that may be the one, and what breaks ties. `since`: when it was first known (UTC).

    `people`: how many it has, as `Others` says where there is a tie.
    """

    account: str
    company: Company
    owned: bool = False
    people: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Runner:
    """A candidate as it was weighed."""

    account: str
    name: str
    code: str
    probability: float
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatchDecision:
    """The answer, stored once. `account` is the one matched, or, under review, the one most likely; None where there is none.

    `code` is what agreed (`DOMAIN_EXACT`, `NAME_DISTINCTIVE+CITY`, `NONE`); `tie_break` the rule that chose among equals, else empty.
    """

    state: State
    account: str | None
    code: str
    probability: float
    because: tuple[str, ...] = ()
    runners: tuple[Runner, ...] = ()
    tie_break: str = ""

    @property
    def settled(self) -> str | None:
        """The account to work with: the one matched, nobody's while a person has to look."""
        return self.account if self.state == "matched" else None


NOBODYS: Final = MatchDecision("none", None, "NONE", 0.0)


def decide(company: Company, candidates: Sequence[Candidate], others: Others, policy: Policy) -> MatchDecision:
    """The account of somebody who says they are of `company`."""
    by_domain = policy.domain != "off" and bool(company.domains)
    if policy.domain == "always" and by_domain and (found := _by_domain(company, candidates, others)) is not None:
        return found
    if policy.distinctive_words and company.name:
        named = _weighed(_for_names(company, policy), candidates, others, policy.review_below)
        if named.state == "matched" or not by_domain:
            return named
        return _by_domain(company, candidates, others) or named
    return (_by_domain(company, candidates, others) if by_domain else None) or NOBODYS


def _for_names(company: Company, policy: Policy) -> Company:
    """With domains off, a domain that differs says nothing either."""
    return replace(company, domains=()) if policy.domain == "off" else company


def _by_domain(company: Company, candidates: Sequence[Candidate], others: Others) -> MatchDecision | None:
    """The account that has the domain; of several that have it (subsidiaries), the one whose name, place or phone fits best."""
    holders = [c for c in candidates if any(d in c.company.domains for d in company.domains)]
    if not holders:
        return None
    found = _ranked(company, holders, others)
    (best, said), tie = found[0], _tie_break(found)
    because = tuple(s.sentence for s in said.steps if s.bits > 0)
    return MatchDecision("matched", best.account, _domain_code(said), max(said.probability, 0.99), because, _runners(found[1:]), tie)


def _domain_code(said: Likeness) -> str:
    return "+".join(dict.fromkeys(["DOMAIN_EXACT", *(c for c in said.code.split("+") if c != "NOTHING")]))


def _weighed(company: Company, candidates: Sequence[Candidate], others: Others, bar: float) -> MatchDecision:
    found = [pair for pair in _ranked(company, candidates, others) if pair[1].probability >= WORTH_ASKING]
    if not found:
        return replace(NOBODYS, runners=_runners(_ranked(company, candidates, others)))
    (best, said), tie = found[0], _tie_break(found)
    because = tuple(s.sentence for s in said.steps if abs(s.bits) >= 0.5)
    state: State = "matched" if said.probability >= bar else "review"
    return MatchDecision(state, best.account, said.code, said.probability, because, _runners(found[1:]), tie)


def _runners(found: Sequence[tuple[Candidate, Likeness]]) -> tuple[Runner, ...]:
    return tuple(
        Runner(c.account, c.company.name, said.code, round(said.probability, 4), tuple(s.sentence for s in said.steps))
        for c, said in found[:KEPT_RUNNERS]
        if said.probability >= 0.01
    )


# --- ties -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Breaker:
    """A reason to prefer one of two candidates that are as likely; smaller sorts first."""

    name: str
    key: Callable[[Candidate, Likeness], float | str]


#: In this order; the first that tells two candidates apart decides and is named in the decision.
TIE_BREAKERS: Final = (
    _Breaker("country", lambda _, said: 0.0 if "COUNTRY" in said.code.split("+") else 1.0),
    _Breaker("city", lambda _, said: 0.0 if "CITY" in said.code.split("+") else 1.0),
    _Breaker("named owner", lambda c, _: 0.0 if c.owned else 1.0),
    _Breaker("more people", lambda c, _: float(-c.people)),
    _Breaker("known longer", lambda c, _: c.since.timestamp() if c.since else float("inf")),
    _Breaker("smaller id", lambda c, _: c.account),
)


def _ranked(company: Company, candidates: Sequence[Candidate], others: Others) -> list[tuple[Candidate, Likeness]]:
    """Most likely first; those within TIE_BITS of the best in the order of the tie-breakers."""
    weighed = [(c, likeness(company, c.company, others)) for c in candidates]
    best = max((said.bits for _, said in weighed), default=0.0)
    tied = [pair for pair in weighed if pair[1].bits >= best - TIE_BITS]
    rest = [pair for pair in weighed if pair[1].bits < best - TIE_BITS]
    if len(tied) > 1:
        people = others.people([c.account for c, _ in tied])
        tied = [(replace(c, people=people.get(c.account, c.people)), said) for c, said in tied]
        tied.sort(key=lambda pair: tuple(breaker.key(*pair) for breaker in TIE_BREAKERS))
    rest.sort(key=lambda pair: (-pair[1].bits, pair[0].account))
    return tied + rest


def _tie_break(found: Sequence[tuple[Candidate, Likeness]]) -> str:
    """The rule that put the first before the second, where they are a tie."""
    if len(found) < 2 or found[1][1].bits < max(said.bits for _, said in found) - TIE_BITS:
        return ""
    return next(breaker.name for breaker in TIE_BREAKERS if breaker.key(*found[0]) != breaker.key(*found[1]))
