"""Are these two one person? Levels, weights, and what is learned from the records themselves."""

from __future__ import annotations

import polars as pl
import pytest
from bench.crowd import crowd, true_pairs

from handfast.facts import Account, Person
from handfast.identity.compare import SAME, UNKNOWN, comparison, weigh
from handfast.identity.index import person_keys
from handfast.identity.learn import link
from handfast.identity.normalise import mailbox
from handfast.identity.people import FIELDS, PEOPLE, as_json, from_json, handle, model_for, prepare, prepared
from handfast.identity.phone import phone_number


@pytest.mark.parametrize(
    ("address", "delivered_to"),
    [
        ("anna.kraus+demo@gmail.com", "annakraus@gmail.com"),
        ("anna.kraus@googlemail.com", "annakraus@gmail.com"),
        ("anna.kraus+demo@outlook.com", "anna.kraus@outlook.com"),
        ("anna+demo@kraus.example", "anna+demo@kraus.example"),
        ("a.nna@kraus.example", "a.nna@kraus.example"),
        ("+tag@gmail.com", "+tag@gmail.com"),
    ],
)
def test_one_mailbox_is_written_one_way_where_its_provider_says_so(address: str, delivered_to: str) -> None:
    assert mailbox(address) == delivered_to
    assert mailbox(mailbox(address)) == delivered_to


@pytest.mark.parametrize(
    ("said", "country", "number"),
    [
        ("+49 (0)30 1234567", None, "+49301234567"),
        ("030 1234567", "DE", "+49301234567"),
        ("0049 30 1234567", "de", "+49301234567"),
        ("(415) 555-2671 ext. 12", "US", "+14155552671"),
        ("030 1234567", None, None),
        ("call me", "DE", None),
        ("12", "DE", None),
        ("1" * 200, "DE", None),
    ],
)
def test_a_phone_number_is_e164_or_nothing(said: str, country: str | None, number: str | None) -> None:
    assert phone_number(said, country) == number


@pytest.mark.parametrize(
    ("kind", "a", "b", "level"),
    [
        ("name", "kraus", "kraus", "same"),
        ("name", "kraus", "krauss", "slip"),
        ("name", "kraus", "karus", "slip"),
        ("name", "katharina", "katherine", "alike"),
        ("name", "a", "anna", "initial"),
        ("name", "anna", "ben", "different"),
        ("code", "+49301234567", "+49301234576", "slip"),
        ("email", "anna@kraus.example", "anna@karus.example", "slip"),
        ("email", "anna@kraus.example", "ben@kraus.example", "same host"),
        ("exact", "a", "b", "different"),
    ],
)
def test_levels(kind: str, a: str, b: str, level: str) -> None:
    field = comparison("field", kind)  # type: ignore[arg-type]
    assert field.levels[field.between(a, b)].name == level
    assert field.between(a, b) == field.between(b, a)


def test_what_one_side_does_not_say_is_unknown_never_different() -> None:
    field = comparison("city", "text")
    assert field.between(None, "berlin") == field.between("berlin", "") == UNKNOWN
    assert field.between("berlin", "berlin") == SAME


def anna(**said: str | None) -> dict[str, str | None]:
    whole = {"first_name": "anna", "last_name": "kraus", "email": "anna.kraus@kraus.example", "company": "kraus", "city": "berlin"}
    return {**dict.fromkeys(FIELDS), **whole, **said}


def test_the_same_mailbox_and_name_is_one_person_and_says_why() -> None:
    found = weigh(anna(), anna(first_name="ana", city=None), model_for(100_000))
    assert found.probability > 0.99
    assert "the same mailbox: anna.kraus@kraus.example" in found.because


def test_two_colleagues_agree_on_much_and_are_two() -> None:
    ben = anna(first_name="ben", last_name="okafor", email="ben.okafor@kraus.example", phone="+4930123450")
    found = weigh(anna(phone="+4930123450"), ben, model_for(100_000))
    assert found.probability < 0.01


def test_a_shared_mailbox_does_not_make_two_people_one() -> None:
    one = anna(email="info@kraus.example")
    two = anna(first_name="ben", last_name="okafor", email="info@kraus.example")
    assert weigh(one, two, model_for(100_000)).probability < 0.5


def test_the_steps_sum_to_the_whole() -> None:
    model = model_for(100_000)
    found = weigh(anna(), anna(phone="+4930123450"), model)
    assert found.rival in ("strangers", "colleagues")
    prior = found.bits - sum(s.bits for s in found.steps)
    assert prior == pytest.approx(weigh(dict.fromkeys(FIELDS), dict.fromkeys(FIELDS), model).bits) or found.rival == "colleagues"


def test_a_handle_says_something_only_beside_the_name() -> None:
    assert handle("anna.kraus@gmail.com", "anna", "kraus") is None
    assert handle("captain_blue@gmail.com", "anna", "kraus") == "captain_blue"
    assert handle("info@kraus.example", "anna", "kraus") is None


def test_one_person_and_many_are_prepared_alike() -> None:
    person = Person("p", "Captain_Blue@gmail.com".lower(), "Änna von Kraus", None, {"phone": "030 1234567", "city": "Köln "})
    said = prepared(person, Account("a", "kraus.example", "Kraus AG"), "DE")
    assert said["first_name"] == "anna von"
    assert (said["last_name"], said["phone"], said["city"], said["company"]) == ("kraus", "+49301234567", "koln", "kraus ag")
    table = prepare(pl.DataFrame([{f: said[f] for f in FIELDS if f != "handle"}]))
    assert table.get_column("handle").to_list() == [said["handle"]]


def test_batch_and_online_give_the_same_answer() -> None:
    """One record against one, or a million at once: the same levels, the same bits, the same probability."""
    records = prepare(crowd(4_000, seed=5))
    pairs, model = link(records, PEOPLE)
    rows = records.select(FIELDS).rows(named=True)
    sizes = dict(records.get_column("company").value_counts().iter_rows())
    for pair in pairs.sample(200, seed=1).iter_rows(named=True):
        a, b = rows[pair["a"]], rows[pair["b"]]
        firms = [sizes[one["company"]] for one in (a, b) if one["company"]]
        found = weigh(a, b, model, colleagues=min(firms, default=20))
        assert found.bits == pytest.approx(pair["bits"], abs=1e-6)
        assert found.probability == pytest.approx(pair["probability"], abs=1e-6)


def test_learning_from_a_crowd_finds_who_is_who_without_being_told() -> None:
    records = prepare(crowd(20_000, seed=9))
    pairs, _ = link(records, PEOPLE)
    truth = records.get_column("truth")
    sure = pairs.filter(pl.col("probability") >= 0.9)
    right = int((truth.gather(sure["a"]) == truth.gather(sure["b"])).sum())
    assert right / sure.height > 0.99
    assert right / true_pairs(truth) > 0.85


def test_candidates_of_one_arrival_are_those_of_the_batch() -> None:
    records = prepare(crowd(3_000, seed=4))
    pairs, _ = link(records, PEOPLE)
    keys = [set(person_keys(said)) for said in records.select(FIELDS).rows(named=True)]
    assert all(keys[a] & keys[b] for a, b in pairs.select("a", "b").iter_rows())


def test_a_model_is_stored_and_read_again() -> None:
    _, model = link(prepare(crowd(2_000)), PEOPLE)
    again = from_json(as_json(model))
    assert weigh(anna(), anna(), again) == weigh(anna(), anna(), model)
    with pytest.raises(KeyError):
        from_json({"shares": {}})
