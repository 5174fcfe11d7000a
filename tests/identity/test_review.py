"""Who is whom, asked of a person: what is indexed, what is asked, what an answer does; on a real database."""

from __future__ import annotations

import psycopg
import pytest
from click.testing import CliRunner

from handfast.cli.match import command as match_command
from handfast.cli.merge import command as merge_command
from handfast.desk import imports, match, review
from handfast.desk.imports import NewAccount
from handfast.desk.refused import Refused
from handfast.identity.company import Company
from handfast.identity.compare import Model
from handfast.identity.match import Policy
from handfast.store import identity
from handfast.store.base import Store
from tests.desk.house import House, moment

NAMES = Policy("fallback", distinctive_words=True)
AT = moment("Mon 12:00")


@pytest.fixture
def house(store: Store) -> House:
    made = House(store)
    accounts = [
        NewAccount("kraus.example", "Kraus Maschinenbau AG", "kraus.example", fields={"city": "Ulm"}),
        NewAccount("omega.example", "Omega Holding", "omega.example", owner="anna"),
        NewAccount("westbank.example", "Bank of the West", "westbank.example"),
    ]
    imports.put_accounts(store, accounts, moment("Mon 08:00"))
    return made


def settled(house: House) -> match.Tended:
    """The worker's turns, until nothing waits."""
    total = match.Tended()
    while (done := match.tend(house.store, AT)).people or done.accounts:
        total = match.Tended(total.people + done.people, total.accounts + done.accounts, total.asked + done.asked)
    return total


def decided(house: House, name: str, **said: str) -> tuple[str, str | None, str]:
    with house.store.reading() as conn:
        found = match.match_account(conn, match.company_said(name, [], said), NAMES)
        known = identity.known_accounts(conn, [found.account] if found.account else [])
    return found.state, known[found.account].account.key if found.account else None, found.code


def test_whatever_is_written_is_found_a_turn_later(house: House) -> None:
    assert decided(house, "Kraus Maschinenbau")[0] == "none"
    assert settled(house).accounts == 3
    assert decided(house, "KRAUS MASCHINENBAU") == ("matched", "kraus.example", "NAME_EXACT")
    assert decided(house, "Krauss Maschinenbau GmbH", city="Ulm") == ("matched", "kraus.example", "NAME_CLOSE+CITY")
    assert decided(house, "Bank of the East") == ("none", None, "NONE")
    imports.put_accounts(house.store, [NewAccount("kraus.example", "Zeppelin Werke")], AT)
    settled(house)
    assert decided(house, "Zeppelin")[1] == "kraus.example"
    assert decided(house, "Kraus Maschinenbau")[0] == "none"


def test_two_records_of_one_person_are_asked_about_once(house: House) -> None:
    said = {"first_name": "Anna", "last_name": "Kraus", "phone": "+49 30 1234567", "city": "Ulm"}
    house.hears(house.signal("anna.kraus@kraus.example", "page_viewed", "Mon 09:00", person=said))
    house.hears(house.signal("akraus@gmail.com", "page_viewed", "Mon 09:10", person=said))
    house.hears(house.signal("ben@kraus.example", "page_viewed", "Mon 09:20", person={"first_name": "Ben", "last_name": "Okafor"}))
    house.decide("Mon 10:00")
    assert settled(house).asked == 1
    with house.store.reading() as conn:
        (question,) = review.questions(conn)
    assert {question.asked.name, question.other.name} == {"Anna Kraus"}
    assert any("the same phone: +49301234567" in because for because in question.because)
    house.hears(house.signal("akraus@gmail.com", "page_viewed", "Mon 09:30", person={"title": "VP"}))
    house.decide("Mon 11:00")
    assert settled(house).asked == 0


def test_what_agreement_is_worth_is_asked_only_where_somebody_is_alike(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample of everybody is asked for it: not for people of whom nobody shares a key."""
    asked: list[str] = []
    real = match.model_now

    def model_now(conn: psycopg.Connection) -> Model:
        asked.append("the sample")
        return real(conn)

    monkeypatch.setattr(match, "model_now", model_now)
    house.hears(house.signal("ben@kraus.example", "page_viewed", "Mon 09:00", person={"first_name": "Ben", "last_name": "Okafor"}))
    house.hears(house.signal("ida@omega.example", "page_viewed", "Mon 09:10", person={"first_name": "Ida", "last_name": "Ek"}))
    house.decide("Mon 10:00")
    assert settled(house).people == 2
    assert asked == []
    house.hears(house.signal("b.okafor@gmail.com", "page_viewed", "Mon 10:30", person={"first_name": "Ben", "last_name": "Okafor"}))
    house.decide("Mon 11:00")
    assert settled(house).people == 1
    assert asked == ["the sample"]


def test_an_answer_is_a_labelled_example_and_is_given_once(house: House) -> None:
    test_two_records_of_one_person_are_asked_about_once(house)
    with house.store.reading() as conn:
        (question,) = review.questions(conn)
    review.answer(house.store, question.review.id, same=True, by="rita@kraus.example", at=AT, note="called her")
    with house.store.reading() as conn:
        assert review.questions(conn) == []
        (label,) = identity.labels(conn)
        (linked,) = review.linked(conn)
    assert (label.state, label.by, label.note) == ("same", "rita@kraus.example", "called her")
    assert linked.review.id == question.review.id
    with pytest.raises(Refused):
        review.answer(house.store, question.review.id, same=False, by="ben@kraus.example", at=AT)
    settled(house)
    with house.store.reading() as conn:
        assert review.questions(conn) == []


def test_a_company_that_is_not_clear_is_asked_about_and_the_answer_moves_the_person(house: House) -> None:
    """Somebody of Omeega at an unknown domain: a person says it is Omega, and from then on the domain is Omega's too."""
    settled(house)
    house.hears(house.signal("zoe@omega-group.example", "page_viewed", "Mon 09:00"))
    house.decide("Mon 10:00")
    person = str(house.one("SELECT id FROM person"))
    before = str(house.one("SELECT account_id FROM person"))
    with house.store.writing() as conn:
        conn.execute("UPDATE account SET key = 'group:elsewhere', domain = NULL WHERE id = %s", (before,))
        company = Company("Omeega Holding", ("omega-group.example",))
        said = match.match_account(conn, company, NAMES)
        match.record_decisions(conn, [match.Matched(person, company, said, AT, None)])
    assert said.state == "review"
    with house.store.reading() as conn:
        (question,) = review.questions(conn)
    assert (question.asked.name, question.other.name) == ("Omeega Holding", "Omega Holding")
    review.answer(house.store, question.review.id, same=True, by="rita@kraus.example", at=moment("Mon 13:00"))
    omega = house.one("SELECT id FROM account WHERE key = 'omega.example'")
    assert house.one("SELECT account_id FROM person WHERE id = %s", person) == omega
    assert house.one("SELECT domain FROM further_domain") == "omega-group.example"
    with house.store.reading() as conn:
        latest = identity.decisions_of(conn, person)[0]
    assert (latest.state, latest.account, latest.by) == ("matched", omega, "rita@kraus.example")
    assert latest.code.startswith("BY_HAND+")


def test_too_few_people_teach_nothing(house: House) -> None:
    settled(house)
    assert match.learn_from_all(house.store, AT) == (None, 0, 0)


def test_the_commands_say_what_they_found(house: House, database_url: str) -> None:
    test_two_records_of_one_person_are_asked_about_once(house)
    env = {"HANDFAST_DATABASE_URL": database_url}

    def run(command: object, *words: str) -> str:
        done = CliRunner().invoke(command, list(words), env=env, catch_exceptions=False)  # type: ignore[arg-type]
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "too few" in run(match_command, "learn")
    (question,) = run(match_command, "list").splitlines()
    ident, _, keep, fold, *_ = question.split()
    assert "DOMAIN_EXACT+NAME_EXACT" in run(match_command, "account", "kraus maschinenbau", "--email", "a@kraus.example")
    run(match_command, "answer", ident, "same", "--by", "rita@kraus.example")
    assert "same by rita" in run(match_command, "list", "--answers")
    assert "said latest" in run(merge_command, "preview", keep, fold) or "both the same" in run(merge_command, "preview", keep, fold)
    run(merge_command, "people", keep, fold, "--by", "rita@kraus.example")
    assert fold in run(merge_command, "list")
    assert "of their own again" in run(merge_command, "undo", fold, "--by", "rita@kraus.example")
    assert run(merge_command, "list").strip() == "No merge stands."
