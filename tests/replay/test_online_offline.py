"""Online equals offline: what the live loop stored, and what a replay of the same record under the same contract says, are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from handfast.demo import run as demo
from handfast.desk import handover
from handfast.desk.contracts import Book
from handfast.desk.merge import merge, unmerge
from handfast.desk.overrides import lift_override, list_overrides, set_override
from handfast.desk.refused import Refused
from handfast.desk.replay import Asked, read_world
from handfast.desk.replay_history import Folder, take
from handfast.desk.why import why
from handfast.facts import Outcome
from handfast.readiness.overrides import Override
from handfast.store import merges
from handfast.store import replay as rows
from handfast.store.base import Store
from handfast.tuning.replay import judged
from handfast.tuning.replay_groups import replayed_groups
from handfast.tuning.replay_known import Fold, Lens
from handfast.tuning.replay_life import Lives, lived, ready_rows
from handfast.tuning.replay_load import routed
from tests.conftest import _own_database
from tests.desk.house import House, moment

LONG_AGO, FAR = datetime(2001, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)
SAID = ("at", "account_id", "outcome", "fit", "intent", "next_step", "reason")
Row = tuple[Any, ...]


def test_verdicts_given_by_hand(store: Store, tmp_path: Path) -> None:
    """Somebody says ready of Bob, whose firm is too small and who asked for nothing, and not yet of Ada's whole firm."""
    house = House(store)
    house.hears(house.signal("bob@two.example", "page_viewed", "Mon 09:00", path="/pricing", account={"employees": 9}))
    house.arrives("ada@one.example", "Mon 10:00")
    set_override(store, "bob@two.example", "ready", "Met at the fair", "mia", moment("Fri 10:00"), moment("Tue 10:00"))
    set_override(store, "one.example", "not_yet", "Their fair is on", "mia", moment("Fri 10:00"), moment("Tue 11:00"))
    house.decide("Tue 12:00")
    house.hears(house.signal("ada@one.example", "page_viewed", "Wed 10:00", path="/pricing"))
    house.decide("Wed 12:00")
    verdicts = stored(store, "verdict")
    assert {row[2] for row in verdicts.values()} == {"ready", "not_yet"}
    for every in (True, False):
        offline = replayed(store, tmp_path / str(every), every=every)
        ready = {key: row for key, row in verdicts.items() if every or row[2] == "ready"}
        assert {key: offline.get(key) for key in ready} == ready


def test_given_of_somebody_who_is_folded_for_as_long_as_they_are(store: Store, tmp_path: Path) -> None:
    """Never of the user u1, whom a signal folds into Ada; she is folded into Ida by hand, and taken out again."""
    house = House(store)

    def asks(at: str) -> None:
        """Either asks; while Ada is folded into Ida, both are Ida."""
        house.arrives("ida@one.example", at)
        house.arrives("ada@one.example", at)

    house.hears(house.signal(None, "page_viewed", "Mon 08:00", user="u1"))
    house.decide("Mon 08:00")
    set_override(store, "u1", "never", "A student", "mia", moment("Sat 09:00"), moment("Mon 08:30"))
    asks("Mon 10:00")
    # In one batch: asks as Ada, turns out to be u1, asks again.
    house.hears(
        house.signal("ada@one.example", "form_submitted", "Tue 09:00", form="demo"),
        house.signal("ada@one.example", "form_submitted", "Tue 10:00", form="demo", user="u1"),
        house.signal("ada@one.example", "form_submitted", "Tue 11:00", form="demo"),
    )
    house.decide("Tue 11:00")
    ada, ida = (house.one("SELECT id FROM person WHERE email = %s", f"{name}@one.example") for name in ("ada", "ida"))
    for handoff, owner in house.rows("SELECT id, owner_id FROM handoff"):
        house.ends(handoff, owner, Outcome.RECYCLE, "Tue 12:00", reason="not_now")
    merge(store, ida, ada, "rita", moment("Wed 09:00"))
    asks("Wed 10:00")
    unmerge(store, ada, "rita", moment("Thu 09:00"))
    asks("Thu 10:00")
    asks("Sat 10:00")
    offline = assert_same(store, tmp_path)
    told = {(row[0], "ida" if person == ida else "ada"): row[2] for (person, _), row in offline.items() if person in (ada, ida)}
    found = {
        name: [
            told.get((moment(at), name))
            for at in ("Mon 10:00", "Tue 09:00", "Tue 10:00", "Tue 11:00", "Wed 10:00", "Thu 10:00", "Sat 10:00")
        ]
        for name in ("ada", "ida")
    }
    assert found["ada"] == ["ready", "ready", "never", "never", None, "never", "ready"]
    assert found["ida"] == ["ready", None, None, None, "never", "ready", "ready"]
    short = replayed(store, tmp_path / "short", every=False)
    assert {key for key, row in offline.items() if row[2] == "ready"} <= short.keys()
    assert short == {key: row for key, row in offline.items() if key in short}


def test_ready_of_somebody_who_is_folded_needs_no_step(store: Store, tmp_path: Path) -> None:
    """A replay that leaves out moments without an open step leaves none out of the one who was kept."""
    house = House(store)
    house.hears(
        house.signal(None, "page_viewed", "Mon 08:00", user="u1", path="/"),
        house.signal("ada@one.example", "page_viewed", "Mon 08:00", path="/"),
    )
    house.decide("Mon 08:00")
    set_override(store, "u1", "ready", "Met at the fair", "mia", moment("Sat 09:00"), moment("Mon 08:30"))
    house.hears(house.signal("ada@one.example", "page_viewed", "Tue 09:00", path="/", user="u1"))
    house.hears(house.signal("ada@one.example", "page_viewed", "Wed 09:00", path="/"))
    house.decide("Wed 09:00")
    ada = house.one("SELECT id FROM person WHERE email = 'ada@one.example'")
    assert house.one("SELECT outcome FROM standing WHERE person_id = %s", ada) == "ready"
    for every in (True, False):
        offline = replayed(store, tmp_path / str(every), every=every)
        assert [row[2] for (person, _), row in offline.items() if person == ada and row[0] > moment("Mon 12:00")] == ["ready", "ready"]


def replayed(store: Store, where: Path, *, every: bool = True) -> dict[tuple[str, str], Row]:
    """(person, signal) → what a replay under the contracts that were in force says, through the files a replay reads."""
    with rows.snapshot(store) as conn:
        spans = Book().refresh(conn).spans(LONG_AGO, FAR)
        lenses = [Lens(*span) for span in spans]
        folder = Folder(where)
        whole = take(conn, folder, [lens.agreement for lens in lenses], LONG_AGO, FAR, lambda _share: None)
        ids = dict(conn.execute("SELECT seq, id::text FROM signal").fetchall())
        overrides = [Override(*row) for row in rows.overrides(conn)]
        folds = [Fold.of(row) for row in rows.folds(conn)]
    found: dict[tuple[str, str], Row] = {}
    for number in range(whole["buckets"]):
        for frame in judged(folder.bucket(number), lenses, overrides=overrides, folds=folds, every=every):
            for row in frame.iter_rows(named=True):
                found[row["person_id"], ids[row["signal"]]] = tuple(row[name] for name in SAID)
    return found


def stored(store: Store, table: str) -> dict[tuple[str, str], Row]:
    account = "account_id" if table == "verdict" else "NULL"
    with store.reading() as conn:
        got = conn.execute(
            f"SELECT person_id, signal_id::text, at, {account}, outcome, fit, intent, next_step, reason FROM {table}"
        ).fetchall()
    return {(row[0], row[1]): tuple(row[2:]) for row in got}


def assert_same(store: Store, where: Path) -> dict[tuple[str, str], Row]:
    """Every verdict and every standing the live loop stored is found by the replay, id by id, time by time, to the last millionth."""
    offline, verdicts = replayed(store, where), stored(store, "verdict")
    assert {key: offline.get(key) for key in verdicts} == verdicts
    standings = stored(store, "standing")
    # Where somebody stands says only of steps they asked for.
    asked = {key: tuple(None if said == "by_hand" else said for said in row) for key, row in offline.items() if key in standings}
    assert {key: (row[0], None, *row[2:]) for key, row in asked.items()} == standings
    return offline


def test_the_demo_company(store: Store, tmp_path: Path) -> None:
    end = datetime(2026, 11, 20, 18, tzinfo=UTC)
    assert demo.clear(store, end) is None
    demo.live_through(store, days=6, seed=7, end=end)
    offline = assert_same(store, tmp_path / "all")
    assert len(stored(store, "verdict")) > 20
    # Whoever was ready at any moment of the replay was ready live, at that very signal, and the other way round.
    first_ready: dict[str, str] = {}
    for (person, signal), row in sorted(offline.items(), key=lambda item: item[1][0]):
        if row[2] == "ready":
            first_ready.setdefault(person, signal)
    live = {person for (person, _), row in stored(store, "verdict").items() if row[2] == "ready"}
    assert live == set(first_ready)
    # Leaving out the moments without an open next step leaves out nobody who is ready.
    short = replayed(store, tmp_path / "short", every=False)
    assert short == {key: row for key, row in offline.items() if key in short}
    assert {key for key, row in offline.items() if row[2] == "ready"} <= short.keys()
    assert_whose(store, tmp_path / "whose", end)


def assert_whose(store: Store, where: Path, end: datetime) -> None:
    """Whose a handoff was because somebody owned the account, theirs it is in the replay; and where nobody did, neither there."""
    with rows.snapshot(store) as conn:
        agreement = Book().refresh(conn).at(end)
        asked = Asked(agreement, end - timedelta(days=6, hours=18), end)
        world, folder = read_world(conn, asked), Folder(where)
        take(conn, folder, [agreement], asked.since, end, lambda _share: None)
        first = (
            "SELECT h.party, h.opened_at, a.owner_id, a.rule FROM handoff AS h JOIN assignment AS a ON a.handoff_id = h.id AND a.leg = 0"
        )
        live = {(party, at): (owner, rule) for party, at, owner, rule in conn.execute(first).fetchall()}
    [verdicts] = judged(folder.bucket(0), world.lenses, overrides=world.overrides, folds=world.folds)
    [groups] = replayed_groups(folder.bucket(0), world.lenses, world.overrides)
    openings = lived(ready_rows(verdicts, groups, 0), Lives(world.recorded, end), asked.since)
    openings.sort(key=lambda one: (one.row.received_at, one.row.signal))
    owned = routed([agreement], openings, world.crew, [])
    offline = {(one.opening.party, one.opening.row.received_at): (one.owner, one.rule) for one in owned}
    assert offline.keys() == live.keys()
    # By turn it may be somebody else's: live, clocks reassign and turns are given back.
    assert {key: rule for key, (_, rule) in offline.items()} == {key: rule for key, (_, rule) in live.items()}
    by_ownership = {key for key, (_, rule) in live.items() if rule == "named_account"}
    assert by_ownership
    assert {key: offline[key] for key in by_ownership} == {key: live[key] for key in by_ownership}


# --- random streams through the real desk -----------------------------------------------------------------------

WHO = st.sampled_from([
    {"email": "ada@one.example"}, {"email": "ada@one.example", "user": "u1"}, {"user": "u1"}, {"email": "ada@one.example", "visitor": "v1"},
    {"visitor": "v1"}, {"email": "bob@one.example", "visitor": "v2"}, {"visitor": "v2"}, {"user": "u2", "visitor": "v2"},
    {"email": "cyd@two.example", "user": "u2"}, {"email": "cyd@two.example"}, {"user": "u2", "previous": "u1"}, {"user": "u3", "previous": "v1"},
])  # fmt: skip
SIGNAL = st.fixed_dictionaries({
    "who": WHO,
    "kind": st.sampled_from(["page_viewed", "form_submitted", "form_submitted", "email_opened"]),
    "path": st.sampled_from(["/pricing", "/", "/pricing/plans"]),
    "form": st.sampled_from(["demo", "news", 7, None]),
    "pause": st.integers(0, 600),
    "late": st.sampled_from([0, 0, 0, 0, 1, 30, 600, 4000]),
    "person": st.sampled_from([{}, {}, {"country": "FR"}, {"country": "KP"}, {"seniority": "vp"}]),
    "account": st.sampled_from([{}, {}, {"employees": 200}, {"employees": 9}]),
    "again": st.booleans(),
})  # fmt: skip


STREAMS = settings(
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@STREAMS
@given(told=st.lists(SIGNAL, min_size=1, max_size=18), at_once=st.sampled_from([1, 3, 50]), seen=st.integers(1, 20), large=st.booleans())
def test_random_streams_through_the_real_desk(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory, told: list[dict[str, Any]], at_once: int, seen: int,
    large: bool,
) -> None:  # fmt: skip
    """Duplicates, late and out-of-order signals, visitors who become known, people folded into others; decided in batches of any size.

    `large`: each is decided as a large one is.
    """
    opened = _own_database(postgres_url, template_database)
    try:
        with Store(next(opened)) as store, taken_for_large(large):
            live(House(store), told, at_once, seen)
            assert_same(store, tmp_path_factory.mktemp("history"))
    finally:
        next(opened, None)


@contextmanager
def taken_for_large(large: bool) -> Iterator[None]:
    """Every batch is decided as one of hundreds of signals is."""
    with pytest.MonkeyPatch.context() as patch:
        if large:
            patch.setattr(handover, "SIDE_BY_SIDE", 1)
        yield


def live(house: House, told: list[dict[str, Any]], at_once: int, seen: int) -> None:
    """Takes the signals in the order received, and decides after every `seen` of them."""
    now = moment("Mon 09:00")
    for number, one in enumerate(told, 1):
        now += timedelta(minutes=one["pause"])
        comes(house, one, now)
        if number % seen == 0:
            house.decide(now, limit=at_once)
    house.decide(now, limit=at_once)


def comes(house: House, one: dict[str, Any], now: datetime) -> None:
    """One signal, received now; perhaps it comes twice."""
    said = {"path": one["path"], "form": one["form"]} if one["form"] is not None else {"path": one["path"]}
    signal = house.signal(
        one["who"].get("email"), one["kind"], now - timedelta(minutes=one["late"]), user=one["who"].get("user"),
        visitor=one["who"].get("visitor"), previous=one["who"].get("previous"), received=now, person=one["person"], account=one["account"], **said,
    )  # fmt: skip
    house.hears(signal)
    if one["again"]:
        house.hears(signal)


HAND = st.fixed_dictionaries({
    "does": st.sampled_from(["says", "says", "lifts", "merges", "merges", "merges", "parts"]),
    "of": st.sampled_from(["ada@one.example", "bob@one.example", "u1", "u2"]),
    "and": st.sampled_from(["ada@one.example", "bob@one.example", "u1", "u2"]),
    "verdict": st.sampled_from(["ready", "not_yet", "never"]),
    "days": st.integers(1, 3),
    "pause": st.integers(1, 600),
})  # fmt: skip


@STREAMS
@given(
    told=st.lists(st.one_of(SIGNAL, HAND), min_size=12, max_size=30),
    at_once=st.sampled_from([1, 3, 50]),
    seen=st.integers(1, 12),
    large=st.booleans(),
)
def test_random_hands_among_random_streams(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory, told: list[dict[str, Any]], at_once: int, seen: int,
    large: bool,
) -> None:  # fmt: skip
    """Verdicts given by hand, lifted, of people who are folded into others by signals and by hands, and parted again."""
    opened = _own_database(postgres_url, template_database)
    try:
        with Store(next(opened)) as store, taken_for_large(large):
            house, now = House(store), moment("Mon 09:00")
            for who in ({"email": "ada@one.example"}, {"email": "bob@one.example"}, {"user": "u1"}, {"user": "u2"}):
                house.hears(house.signal(who.get("email"), "page_viewed", now, user=who.get("user")))
            for number, one in enumerate(told, 1):
                now += timedelta(minutes=one["pause"])
                if "does" not in one:
                    comes(house, one, now)
                if "does" in one or number % seen == 0:  # whose a waiting signal is, is asked when it is decided: hands move between
                    house.decide(now, limit=at_once)
                if "does" in one:
                    with suppress(Refused):
                        by_hand(store, one, now)
            house.decide(now, limit=at_once)
            assert_same(store, tmp_path_factory.mktemp("history"))
    finally:
        next(opened, None)


def by_hand(store: Store, one: dict[str, Any], now: datetime) -> None:
    """What a hand does. Raises Refused."""
    ids = {}
    for name in ("of", "and"):
        told = why(store, one[name])
        ids[name] = told["id"] if told is not None else "per_nobody"
    if one["does"] == "says":
        set_override(store, one["of"], one["verdict"], f"Said at {now}", "mia", now + timedelta(days=one["days"]), now)
    elif one["does"] == "lifts":
        for row in list_overrides(store, now)[:1]:
            lift_override(store, row.id, now)
    elif one["does"] == "merges":
        merge(store, ids["of"], ids["and"], "rita", now)
    else:
        with store.reading() as conn:
            standing = merges.merges(conn)
        for done in standing[:1]:
            unmerge(store, done.folded, "rita", now)


def test_the_record_is_read_as_it_was_written(store: Store, tmp_path: Path) -> None:
    """Texts with quotes, commas, line breaks and no value go through the files unharmed."""
    house = House(store)
    odd = 'a "quoted", line\nbreak; Größe \\ 5\t"'
    house.hears(house.signal("ada@one.example", "form_submitted", "Mon 09:00", form=odd, path=None))
    house.decide("Mon 09:01")
    with rows.snapshot(store) as conn:
        folder = Folder(tmp_path)
        take(conn, folder, [span[0] for span in Book().refresh(conn).spans(LONG_AGO, FAR)], LONG_AGO, FAR, lambda _share: None)
    signals = folder.bucket(0).signals
    assert [json.loads(text) for text in signals["p.form"]] == [odd]
    assert signals["p.path"].to_list() in ([None], ["null"])
