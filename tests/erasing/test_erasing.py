"""Somebody asks to be forgotten: nothing of them is left anywhere, nobody else loses a word, and the figures stay what they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from handfast.connectors.segment import Document
from handfast.contract.reading import read_contract
from handfast.desk import doctor, labels, match, shadow
from handfast.desk.contracts import Book
from handfast.desk.erasing import erase, export, preview
from handfast.desk.figures import report, scoreboard
from handfast.desk.intake import receive, record
from handfast.desk.merge import merge, unmerge
from handfast.desk.outcomes import undo
from handfast.desk.refused import Refused
from handfast.desk.replay import Asked, replay
from handfast.desk.why import why
from handfast.facts import Outcome
from handfast.store.base import Store
from tests.conftest import _own_database
from tests.desk.house import House, moment

from .world import DRAFT, TRACES, WHO, at_work, everything, lived, spoken_of

AT = moment("Fri 12:00")
#: Tables whose rows are about the erasure itself, or about what the doors of an installation do.
BESIDE = {"erasure", "match_waiting"}
#: Clocks and steps that end name a handoff alone; a visitor's signals may carry no name.
BY_KEY = {"petronella": ("timer:", "signal:"), "balduin": ("timer:",), "ottokar": ("timer:",), "walburga": ()}
#: What stands in rows of others alone, and is no part of an export.
ELSEWHERE: set[str] = set()


RITA = "rita@kraus.example"


@pytest.fixture
def old(postgres_url: str, prepared: Callable[[str, Callable[[Store], None]], str]) -> Iterator[Store]:
    """The house that has lived, copied for each test."""
    for url in _own_database(postgres_url, prepared("erasing", lived)):
        with Store(url) as opened:
            yield opened


def figures(store: Store) -> str:
    return json.dumps([report(store, AT), scoreboard(store, AT)], default=str, sort_keys=True)


def one(store: Store, query: str, *values: Any) -> Any:
    with store.reading() as conn:
        row = conn.execute(query, values).fetchone()  # type: ignore[call-overload]
    return row[0] if row is not None and len(row) == 1 else row


def ids(store: Store, table: str) -> set[str]:
    with store.reading() as conn:
        return {row[0] for row in conn.execute(f"SELECT id FROM {table}").fetchall()}  # type: ignore[call-overload]


@pytest.mark.parametrize("name", sorted(WHO))
def test_nothing_is_left_of_them_and_nobody_else_loses_a_word(old: Store, name: str) -> None:
    store = old
    words, before, measured, accounts = TRACES[name], everything(store), figures(store), ids(store, "account")
    assert {w for w in words if not spoken_of(before, (w,))} == set(), "each is somewhere before"
    seen = preview(store, WHO[name])
    told = json.dumps(export(store, WHO[name], AT), default=str)
    handoffs = one(store, "SELECT array_agg(handoff_id) FROM handoff_person AS h JOIN person AS p ON p.id = h.person_id WHERE %s IN (p.id, p.merged_into)", seen.person)  # fmt: skip
    done = erase(store, WHO[name], RITA, AT, close=True)
    after = everything(store)
    assert spoken_of(after, words) == []
    # Whatever was changed named them, or a row of theirs by its id.
    theirs = (
        *words,
        *one(store, "SELECT array_agg(id) FROM person WHERE erased_at IS NOT NULL"),
        *(handoffs or ()),
        *(accounts - ids(store, "account")),
    )
    gone = {t: [row for row in rows if row not in after[t]] for t, rows in before.items() if t not in BESIDE}
    strangers = [f"{t}: {row}" for t, rows in gone.items() for row in rows if not spoken_of({t: [row]}, theirs)]
    assert [row for row in strangers if not row.startswith(BY_KEY[name])] == []
    assert done.closed == seen.open
    if not done.closed:
        assert figures(store) == measured
    assert {w for w in words if not spoken_of({"": [told]}, (w,))} <= ELSEWHERE


def test_what_colleagues_and_others_wrote_loses_their_name_alone(old: Store) -> None:
    """Balduin and Xaver spoke of her; each still says what they said. A batch nobody could take still has Xaver's event."""
    before = everything(old)
    erase(old, WHO["petronella"], RITA, AT)
    said = [
        one(old, "SELECT properties ->> 'comment' FROM signal WHERE email = %s AND properties ? 'comment'", who)
        for who in (WHO["balduin"], "xaver@xylo.example")
    ]
    assert said == ["Ask erased (erased), or what about docks for Balduin", "erased told us"]
    assert one(old, "SELECT properties ->> 'ref' FROM signal WHERE properties ? 'ref'") == "?by=erased&u=erased"
    left = one(old, "SELECT payload -> 'batch' FROM intake_problem WHERE id = 'ref_batch'")
    assert [event["userId"] for event in left] == ["usr-xaver"]
    assert one(old, "SELECT count(*) FROM intake_problem WHERE state = 'dismissed' AND raw = 'erased'") == 3
    for table in ("touch", "disposition", "assignment", "clock", "timer", "rotation", "handoff", "handoff_person"):
        assert len(everything(old)[table]) == len(before[table]), table
    yolanda = [row for table, rows in before.items() for row in rows if "yolanda" in row.lower() and table != "match_model"]
    assert set(yolanda) <= {row for rows in everything(old).values() for row in rows}


def test_who_joined_is_out_of_the_brief_and_the_notes(old: Store) -> None:
    """Balduin joined Petronella's handoff: its texts are hers, and lose his name, first names too."""
    erase(old, WHO["balduin"], RITA, AT)
    assert one(old, "SELECT note FROM disposition WHERE reason = 'other'") == "Zebrowskaja says she is leaving; ask erased"
    assert one(old, "SELECT body #>> '{headline,text}' FROM brief ORDER BY composed_at LIMIT 1").startswith("Petronella Zebrowskaja")
    assert one(old, "SELECT count(*) FROM signal WHERE who = 'erased'") == 2


def test_afterwards_they_are_not_known_and_everything_works(old: Store, tmp_path: Path) -> None:
    person = preview(old, WHO["petronella"]).person
    done = erase(old, person, RITA, AT, reason="Request 17")
    assert {noun for noun, n in done.erasure.counts.items() if n} >= {"keys", "signals", "people", "briefs", "merges"}
    for known, what in (
        (WHO["petronella"], "nobody is known"),
        ("usr-petra-4711", "nobody is known"),
        (person, "was erased on 2026-03-06"),
    ):
        for ask in (lambda who: preview(old, who), lambda who: export(old, who, AT), lambda who: erase(old, who, RITA, AT)):
            with pytest.raises(Refused, match=what):
                ask(known)
    assert one(old, "SELECT by, reason, counts = '{}' FROM erasure") == (RITA, "Request 17", False)
    assert one(old, "SELECT person_id, data ->> 'erasure' FROM event WHERE name = 'person_erased'") == (person, done.erasure.id)
    _, findings = doctor.examine(doctor.Visit(old, AT, tmp_path))
    assert [f for f in findings if f.check in ("erased", "strays", "owners", "signals", "database")] == []
    for key in (person, one(old, "SELECT id FROM handoff ORDER BY opened_at LIMIT 1")):
        assert why(old, key, AT) is not None
    with old.reading() as conn:
        made = labels.labels(conn, Book().refresh(conn).at(AT))
    assert [one.why for one in made] == ["Its decision is not on record any more."]
    match.tend(old, AT)
    assert shadow.beside(old) is not None
    assert one(old, "SELECT count(*) FROM person_key WHERE person_id = %s", person) == 0


def test_a_repeated_batch_adds_nothing_and_brings_nobody_back(old: Store) -> None:
    """The same message ids once more, whole: signals recorded before, and a refused event."""
    house = House.__new__(House)
    house.store, house.book = old, Book()
    with old.reading() as conn:
        kept = conn.execute(
            "SELECT id, source, kind, occurred_at, received_at, email, user_id, anonymous_id, person FROM signal WHERE email = %s",
            (WHO["petronella"],),
        ).fetchall()
    erase(old, WHO["petronella"], RITA, AT)
    before = everything(old)
    from handfast.facts import Signal

    again = [Signal(*row[:8], person=row[8] or {}) for row in kept]
    assert record(old, "web", again, [], AT).duplicates == len(kept) > 0
    receive(old, "web", "track", Document({"event": "", "userId": "usr-petra-4711", "messageId": "b3"}, 200, dirty=False), AT)
    assert house.decide(AT).signals == 0
    after = everything(old)
    assert {t: set(rows) - set(before[t]) for t, rows in after.items() if t != "intake_problem" and set(rows) - set(before[t])} == {}
    assert spoken_of(after, TRACES["petronella"]) == []


def test_the_same_address_later_is_a_stranger(old: Store) -> None:
    house = House.__new__(House)
    house.store, house.book = old, Book()
    person = preview(old, WHO["ottokar"]).person
    erase(old, WHO["ottokar"], RITA, AT)
    late = House.signal(_numbered(house), WHO["ottokar"], "form_submitted", "Fri 13:00", form="demo", account={"employees": 90})
    house.hears(late)
    house.decide("Fri 13:00")
    new = preview(old, WHO["ottokar"])
    assert new.person != person
    assert new.rows["signals"] == 1
    assert one(old, "SELECT count(*) FROM handoff WHERE person_id = %s AND closed_at IS NULL", new.person) == 1


def _numbered(house: House) -> House:
    import itertools

    house.numbers = itertools.count(1000)
    return house


def test_such_a_merge_is_not_undone_and_nobody_is_merged_into_them(old: Store) -> None:
    folded = one(old, "SELECT folded_id FROM person_merge")
    person = preview(old, WHO["petronella"]).person
    assert preview(old, folded).person == person, "asked by the folded record, it is about the same person"
    erase(old, folded, RITA, AT)
    with pytest.raises(Refused, match="was erased at the wish of the person"):
        unmerge(old, folded, RITA, AT)
    with pytest.raises(Refused, match="was erased at the wish of the person"):
        merge(old, preview(old, WHO["balduin"]).person, person, RITA, AT)


def test_figures_and_a_replay_say_the_same_of_everybody_else(old: Store, tmp_path: Path) -> None:
    draft, problems = read_contract(DRAFT, "draft.yaml")
    assert draft is not None, problems

    def replayed(folder: str) -> dict[str, Any]:
        return replay(old, Asked(draft, moment("Mon 00:00"), moment("Fri 12:00")), tmp_path / folder, lambda _what, _share: None).report

    before = replayed("one")
    erase(old, WHO["ottokar"], RITA, AT)
    after = replayed("one")
    assert (before["handoffs"]["recorded"], after["handoffs"]["recorded"]) == (4, 3)
    assert after["handoffs"]["in_force"]["opened"] == before["handoffs"]["in_force"]["opened"] - 1
    assert [note for note in after["notes"] if "erased" in note] == [
        "1 handoff was about people who have been erased since: they are on neither side, nor among those recorded."
    ]


def test_words_and_colleagues_that_are_called_alike_keep_theirs(store: Store) -> None:
    """One gave a single word as a name, a rep's address and short ids: words of everyday in the rows of others, which stay as they are."""
    house = at_work(store)
    said = {"comment": "Demo for Kraus, 42 seats", "seats": "42", "owner": "mia@kraus.example", "by": "Mia Manager", "user": "worker"}
    house.hears(
        house.signal("zed@zett.example", "form_submitted", "Mon 10:20", form="demo", account={"name": "Kraus", "employees": 90}, **said)
    )
    house.hears(house.signal("mia@kraus.example", "page_viewed", "Mon 10:30", user="42", person={"name": "Kraus"}, path="/pricing"))
    house.hears(
        house.signal("mia@kraus.example", "page_viewed", "Mon 10:31", visitor="worker", person={"name": "Mia Manager"}, path="/pricing")
    )
    house.decide("Mon 10:31")
    query = "SELECT s::text FROM signal AS s WHERE email IN ('zed@zett.example', 'ada@kraus.example') UNION ALL SELECT a::text FROM account AS a"
    before, reps = sorted(house.rows(query)), house.rows("SELECT * FROM rep ORDER BY id")
    erase(store, "mia@kraus.example", RITA, moment("Mon 11:00"))
    assert sorted(house.rows(query)) == before
    assert house.rows("SELECT * FROM rep ORDER BY id") == reps
    assert house.one("SELECT count(*) FROM person WHERE name = 'erased'") == 1


# --- in work ----------------------------------------------------------------------------------------------------


def test_whoever_is_in_work_is_refused_or_closed_with_it(store: Store) -> None:
    house = at_work(store)
    hand = house.handoff()
    with pytest.raises(Refused, match=f"they are in work: {hand} is open"):
        erase(store, "ada@kraus.example", RITA, moment("Mon 11:00"))
    assert preview(store, "ada@kraus.example").open == (hand,)
    done = erase(store, "ada@kraus.example", RITA, moment("Mon 11:00"), close=True)
    assert done.closed == (hand,)
    assert house.one("SELECT outcome, reason, closed_at FROM handoff WHERE id = %s", hand) == ("returned", "erased", moment("Mon 11:00"))
    assert house.rows("SELECT id FROM clock WHERE stopped_at IS NULL AND handoff_id = %s", hand) == []
    assert house.rows("SELECT state FROM outbox WHERE state = 'waiting' AND handoff_id = %s", hand) == []
    assert house.rows("SELECT id FROM way_back") == []
    with pytest.raises(Refused, match="the person it is about was erased"):
        undo(store, hand, RITA, moment("Mon 11:01"))
    assert house.clock("Mon 13:00") == 0


def test_a_handoff_they_joined_goes_on_with_the_others(store: Store) -> None:
    house = at_work(store)
    house.arrives("bob@kraus.example", "Mon 10:30", person={"name": "Bob Benediktus"})
    erase(store, "bob@kraus.example", RITA, moment("Mon 11:00"))
    assert house.one("SELECT closed_at FROM handoff") is None
    assert spoken_of(everything(store), ("benediktus", "bob@kraus.example")) == []
    house.ends(house.handoff(), house.owner() or "", Outcome.RECYCLE, "Mon 11:30", reason="not_now")


def test_a_signal_that_waits_is_waited_for(store: Store) -> None:
    house = at_work(store)
    house.hears(house.signal("ada@kraus.example", "page_viewed", "Mon 10:30", path="/pricing"))
    with pytest.raises(Refused, match="a signal of theirs waits to be decided"):
        erase(store, "ada@kraus.example", RITA, moment("Mon 11:00"), close=True)
    house.decide("Mon 11:00")
    erase(store, "ada@kraus.example", RITA, moment("Mon 11:00"), close=True)


def test_the_reason_may_not_name_them(store: Store) -> None:
    at_work(store)
    for reason in ("Ada asked", "ADA@kraus.example wrote to us"):
        with pytest.raises(Refused, match="the reason names the person"):
            erase(store, "ada@kraus.example", RITA, moment("Mon 11:00"), reason=reason, close=True)


def test_a_namesake_keeps_the_name_and_a_colleague_the_switchboard(store: Store) -> None:
    house = at_work(store)
    number = {"phone": "+49 30 5550199"}
    house.arrives("ada.two@klein.example", "Mon 10:10", person={"name": "Ada Lovelacia", **number}, comment="Ada Lovelacia, +49 30 5550199")
    before = house.rows("SELECT * FROM signal WHERE email = 'ada.two@klein.example'")
    with store.writing() as conn:
        conn.execute("UPDATE person SET fields = fields || %s WHERE email = 'ada@kraus.example'", (json.dumps(number),))
    erase(store, "ada@kraus.example", RITA, moment("Mon 11:00"), close=True)
    assert house.rows("SELECT * FROM signal WHERE email = 'ada.two@klein.example'") == before
    assert house.one("SELECT name FROM person WHERE email = 'ada.two@klein.example'") == "Ada Lovelacia"


def test_an_account_called_by_their_address_is_called_nothing_and_keeps_its_people(store: Store) -> None:
    house = at_work(store)
    for who, comes in (("gustl@gmail.com", "Mon 12:00"), ("resi@gmail.com", "Mon 12:10")):
        sent = house.signal(who, "form_submitted", comes, form="demo", account={"employees": 80, "name": "Stammtisch"})
        house.hears(sent._replace(group_id="gustl@gmail.com"))
        house.decide(comes)
    erase(store, "gustl@gmail.com", RITA, moment("Mon 13:00"), close=True)
    assert spoken_of(everything(store), ("gustl",)) == []
    assert house.one("SELECT a.name, a.fields ->> 'employees' FROM person AS p JOIN account AS a ON a.id = p.account_id WHERE p.email = 'resi@gmail.com'") == ("Stammtisch", "80")  # fmt: skip
    house.arrives("resi@gmail.com", "Mon 14:00")


def test_files_of_the_data_directory_go_too(store: Store, tmp_path: Path) -> None:
    """Mails that are about them by their message, or name them; a record read for a replay. Others stay."""
    house = at_work(store)
    (tmp_path / "outgoing").mkdir()
    (tmp_path / "replay" / "rpl_1" / "history").mkdir(parents=True)
    with store.writing() as conn:
        columns = "id, contract_id, name, source, since, until, touch_minutes, state, asked_by, asked_at, told_at"
        conn.execute(
            f"INSERT INTO replay_run ({columns}) SELECT 'rpl_1', id, name, source, now(), now(), 20, 'stopped', 'rita', now(), now() FROM contract"
        )
    message = house.rows("SELECT id FROM outbox WHERE handoff_id = %s", house.handoff())[0][0]
    for name, text in (
        (message, "Subject: x\n\nhello"),
        ("digest", "Subject: Ada Lovelacia\n\nhello"),
        ("other", "Subject: Yolanda\n\nhello"),
    ):
        (tmp_path / "outgoing" / f"{name}.eml").write_text(text)
    done = erase(store, "ada@kraus.example", RITA, moment("Mon 11:00"), close=True, data_dir=tmp_path)
    assert done.files == 3
    assert [path.name for path in (tmp_path / "outgoing").iterdir()] == ["other.eml"]
    assert list((tmp_path / "replay").iterdir()) == []


# --- at the same moment -------------------------------------------------------------------------------------------


def test_signals_and_workers_at_the_same_moment_bring_nothing_back(store: Store) -> None:
    """One thread sends and decides without pause, by address, user id and visitor, while another erases, again and again."""
    house = at_work(store)
    person = preview(store, "ada@kraus.example").person
    stop: list[bool] = []
    broke: list[BaseException] = []

    def busy() -> None:
        try:
            number = 0
            while not stop:
                number += 1
                at = moment("Mon 11:00")
                keys = {"user": "usr-ada-1"} if number % 3 else {"visitor": "anon-ada-1"}
                email = "ada@kraus.example" if number % 2 else None
                house.hears(house.signal(email, "page_viewed", at, path="/pricing", person={"name": "Ada Lovelacia"}, **keys))
                house.decide(at)
        except BaseException as error:  # told by the other thread
            broke.append(error)

    worker = Thread(target=busy)
    worker.start()
    try:
        for _ in range(400):
            if (refused := _tried(store, person)) is None:
                break
            assert "to be decided" in refused
    finally:
        stop.append(True)
        worker.join()
    assert broke == []
    house.decide("Mon 11:05")
    assert house.one("SELECT email, name, fields, account_id FROM person WHERE id = %s", person) == (None, "erased", {}, None)
    for table in ("identity", "standing", "person_said"):
        assert house.rows(f"SELECT * FROM {table} WHERE person_id = %s", person) == []
    assert house.rows("SELECT id FROM learned WHERE id = %s", person) == []
    new = house.one("SELECT created_at FROM person WHERE email = 'ada@kraus.example'")
    assert new is not None


def _tried(store: Store, person: str) -> str | None:
    """Why it was refused; None: it was done."""
    try:
        erase(store, person, RITA, moment("Mon 11:00"), close=True)
    except Refused as wrong:
        return wrong.problem.what
    return None


def test_the_doctor_says_when_somebody_came_back(store: Store, tmp_path: Path) -> None:
    at_work(store)
    person = preview(store, "ada@kraus.example").person
    (tmp_path / "replay" / "rpl_left").mkdir(parents=True)
    erase(store, person, RITA, moment("Mon+999 11:00"), close=True, data_dir=tmp_path)
    with store.writing() as conn:
        conn.execute("INSERT INTO identity (who, person_id, since) VALUES ('user:back', %s, now())", (person,))
    _, findings = doctor.examine(doctor.Visit(store, AT, tmp_path))
    said = [(f.level, f.problem.where.file) for f in findings if f.check == "erased"]
    assert said == [("error", "table identity"), ("warning", str(tmp_path / "replay" / "rpl_left"))]
