"""Is this company that account? Distinctive words and support decide; likeness of letters alone never does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from bench.match_companies import HARD

from handfast.identity.company import Company, Likeness, Name, Others, likeness, read_name, same_word
from handfast.identity.company_groups import group
from handfast.identity.match import Candidate, MatchDecision, Policy, decide

NAMES = Policy("off", distinctive_words=True)


def others(accounts: int = 1000, **held: float) -> Others:
    """An installation where nobody else has these words, but for what `held` says: `words=40`, `city=40`."""

    def words(_said: Sequence[str], _a: Name, _b: Name) -> float:
        return held.get("words", 1.0)

    return Others(accounts, words, lambda what, _value: held.get(what, 1.0))


def alike(a: str, b: str, **held: float) -> Likeness:
    return likeness(Company(a), Company(b), others(**held))


@pytest.mark.parametrize(
    ("text", "words", "form"),
    [
        ("KONINKLIJKE PHILIPS ELECTRONICS N.V.", ("koninklijke", "philips", "electronics"), "nv"),
        ("N. V. Nutricia", ("nutricia",), "nv"),
        ("D S M N. V.", ("dsm",), "nv"),
        ("Samsung Electronics Co., Ltd.", ("samsung", "electronics"), "ltd"),
        ("Tesla Inc Ltd", ("tesla",), "ltd"),
        ("Müller & Söhne GmbH & Co. KG", ("muller", "sohne"), "gmbh and co kg"),
        ("AT&T Inc.", ("atandt",), "inc"),
        ("The Coca-Cola Company", ("coca", "cola"), "company"),
        ("GmbH", ("gmbh",), ""),
        ("  -  ", (), ""),
        ("トヨタ自動車", ("トヨタ自動車",), ""),
    ],
)
def test_a_name_taken_apart(text: str, words: tuple[str, ...], form: str) -> None:
    name = read_name(text)
    assert (name.words, name.form) == (words, form)


@pytest.mark.parametrize(
    ("a", "b", "code"),
    [
        ("Kraus AG", "KRAUS", "NAME_EXACT"),
        ("Sara Lee", "SaraLee B.V.", "NAME_EXACT"),
        ("Kraus Maschinenbau", "Kraus Maschinenbau Berlin", "NAME_DISTINCTIVE"),
        ("Metropolitn Life", "Metropolitan Life", "NAME_CLOSE"),
        ("International Business Machines", "IBM", "ACRONYM"),
        ("American Airlines", "American Airlines Group", "NAME_WORDS"),
    ],
)
def test_codes_of_names(a: str, b: str, code: str) -> None:
    found = alike(a, b)
    assert found.code.split("+")[0] == code
    assert found.probability > 0.5


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Bank of the West", "Bank of the East"),
        ("First National Bank of Omaha", "First National Bank of Alaska"),
        ("United Airlines", "United Rentals"),
        ("General Motors", "General Mills"),
        ("Western Union", "Eastern Union"),
    ],
)
def test_likeness_of_letters_alone_never_decides(a: str, b: str) -> None:
    assert alike(a, b).probability < 0.5


def test_a_word_many_accounts_have_says_little() -> None:
    assert alike("Phoenix", "Phoenix Logistics").probability > 0.9
    assert alike("Phoenix", "Phoenix Logistics", words=40).probability < 0.1


def test_support_lifts_a_slip_over_the_bar() -> None:
    asked, known = Company("Kelogg", city="battle creek"), Company("Kellogg", city="battle creek")
    assert likeness(replace(asked, city=None), known, others()).probability < 0.9
    found = likeness(asked, known, others(city=2))
    assert found.probability > 0.9
    assert found.code.endswith("+CITY")


def test_a_slip_in_a_short_name_is_another_firm_until_somebody_looks() -> None:
    assert 0.5 < alike("Cigna", "Ciena").probability < 0.9
    assert not same_word("west", "east")
    assert not same_word("omaha", "alaska")


def test_hard_pairs_are_told_apart() -> None:
    """Of every pair the letters of which are alike and which are two companies, none but one (a letter in a long family name) is made one."""
    names = [name for spellings in HARD for name in spellings]
    truth = [i for i, spellings in enumerate(HARD) for _ in spellings]
    groups, _ = group([Company(name) for name in names])
    wrong = {(names[a], names[b]) for a in range(len(names)) for b in range(a) if groups[a] == groups[b] and truth[a] != truth[b]}
    assert len(wrong) <= 2
    together = sum(len({groups[i] for i, t in enumerate(truth) if t == one}) == 1 for one in set(truth))
    assert together >= len(HARD) - 1


# --- the decision ---------------------------------------------------------------------------------------------


def account(ident: str, name: str, *domains: str, city: str | None = None, owned: bool = False, since: int = 1) -> Candidate:
    return Candidate(ident, Company(name, domains, city=city), owned, 0, datetime(2026, 1, since, tzinfo=UTC))


KRAUS = account("acc_1", "Kraus AG", "kraus.example")
OMEGA = account("acc_2", "Omega Holding", "omega.example")


def decided(company: Company, candidates: Sequence[Candidate], policy: Policy, **held: float) -> MatchDecision:
    return decide(company, candidates, others(**held), policy)


def test_the_domain_names_the_account() -> None:
    found = decided(Company("Omega", ("kraus.example",)), [KRAUS, OMEGA], Policy("always", distinctive_words=True))
    assert (found.state, found.settled, found.code.split("+")[0]) == ("matched", "acc_1", "DOMAIN_EXACT")


def test_as_a_fallback_the_domain_is_asked_where_the_name_settles_nothing() -> None:
    policy = Policy("fallback", distinctive_words=True)
    named = decided(
        Company("Omega Holding", ("gmbh-hosting.example",), city="ulm"),
        [KRAUS, replace(OMEGA, company=replace(OMEGA.company, city="ulm"))],
        policy,
    )
    assert (named.settled, named.code.split("+")[0]) == ("acc_2", "NAME_EXACT")
    unnamed = decided(Company("Nobody We Know", ("kraus.example",)), [KRAUS, OMEGA], policy)
    assert (unnamed.settled, unnamed.code.split("+")[0]) == ("acc_1", "DOMAIN_EXACT")


def test_with_domains_off_the_name_decides_alone() -> None:
    assert decided(Company("Kraus", ("omega.example",)), [KRAUS, OMEGA], NAMES).settled == "acc_1"
    assert decided(Company("Kraus", ("omega.example",)), [KRAUS, OMEGA], Policy("off")).state == "none"


def test_what_is_not_clear_goes_to_a_person_and_settles_nothing() -> None:
    found = decided(Company("Karus"), [KRAUS], NAMES)
    assert (found.state, found.account, found.settled) == ("review", "acc_1", None)
    assert decided(Company("Karus"), [KRAUS], replace(NAMES, review_below=0.6)).settled == "acc_1"


def test_subsidiaries_share_a_domain_and_the_name_tells_them_apart() -> None:
    house = [account("acc_1", "Kraus AG", "kraus.example"), account("acc_2", "Kraus Italia S.p.A.", "kraus.example", "kraus.it.example")]
    found = decided(Company("Kraus Italia", ("kraus.example",)), house, Policy("always", distinctive_words=True), domain=2)
    assert found.settled == "acc_2"
    assert [r.account for r in found.runners] == ["acc_1"]


def test_equals_are_told_apart_by_named_rules_in_order() -> None:
    twins = [account("acc_1", "Kraus", city="ulm"), account("acc_2", "Kraus", city="ulm", owned=True)]
    found = decided(Company("Kraus", city="ulm"), twins, replace(NAMES, review_below=0.5))
    assert (found.account, found.tie_break) == ("acc_2", "named owner")
    older = [account("acc_9", "Kraus", since=1), account("acc_1", "Kraus", since=9)]
    assert decided(Company("Kraus"), older, replace(NAMES, review_below=0.5)).tie_break == "known longer"


def test_the_order_of_candidates_changes_nothing() -> None:
    many = [KRAUS, OMEGA, account("acc_3", "Kraus Italia"), account("acc_4", "Krauss")]
    assert decided(Company("Kraus"), many, NAMES) == decided(Company("Kraus"), many[::-1], NAMES)
