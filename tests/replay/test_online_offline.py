"""Online equals offline: what the live loop stored, and what a replay of the same record under the same contract says, are the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from handfast.demo import run as demo
from handfast.desk.contracts import Book
from handfast.desk.overrides import set_override
from handfast.desk.replay import Asked, read_world
from handfast.desk.replay_history import Folder, take
from handfast.readiness.overrides import Override
from handfast.store import replay as rows
from handfast.store.base import Store
from handfast.tuning.replay import judged
from handfast.tuning.replay_groups import replayed_groups
from handfast.tuning.replay_known import Lens
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


def replayed(store: Store, where: Path, *, every: bool = True) -> dict[tuple[str, str], Row]:
    """(person, signal) → what a replay under the contracts that were in force says, through the files a replay reads."""
    with rows.snapshot(store) as conn:
        spans = Book().refresh(conn).spans(LONG_AGO, FAR)
        lenses = [Lens(*span) for span in spans]
        folder = Folder(where)
        whole = take(conn, folder, [lens.agreement for lens in lenses], LONG_AGO, FAR, lambda _share: None)
        ids = dict(conn.execute("SELECT seq, id::text FROM signal").fetchall())
        overrides = [Override(*row) for row in rows.overrides(conn)]
    found: dict[tuple[str, str], Row] = {}
    for number in range(whole["buckets"]):
        for frame in judged(folder.bucket(number), lenses, overrides=overrides, every=every):
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
    assert {key: (row[0], None, *row[2:]) for key, row in offline.items() if key in standings} == standings
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
    [verdicts] = judged(folder.bucket(0), world.lenses, overrides=world.overrides)
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
    {"email": "cyd@two.example", "user": "u2"}, {"email": "cyd@two.example"},
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


@settings(
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=st.lists(SIGNAL, min_size=1, max_size=18), at_once=st.sampled_from([1, 3, 50]), seen=st.integers(1, 20))
def test_random_streams_through_the_real_desk(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory, told: list[dict[str, Any]], at_once: int, seen: int
) -> None:
    """Duplicates, late and out-of-order signals, visitors who become known, people folded into others; decided in batches of any size."""
    opened = _own_database(postgres_url, template_database)
    try:
        with Store(next(opened)) as store:
            live(House(store), told, at_once, seen)
            assert_same(store, tmp_path_factory.mktemp("history"))
    finally:
        next(opened, None)


def live(house: House, told: list[dict[str, Any]], at_once: int, seen: int) -> None:
    """Takes the signals in the order received, and decides after every `seen` of them."""
    now = moment("Mon 09:00")
    for number, one in enumerate(told, 1):
        now += timedelta(minutes=one["pause"])
        said = {"path": one["path"], "form": one["form"]} if one["form"] is not None else {"path": one["path"]}
        signal = house.signal(
            one["who"].get("email"), one["kind"], now - timedelta(minutes=one["late"]), user=one["who"].get("user"),
            visitor=one["who"].get("visitor"), received=now, person=one["person"], account=one["account"], message=f"m{number}", **said,
        )  # fmt: skip
        house.hears(signal)
        if one["again"]:
            house.hears(signal)
        if number % seen == 0:
            house.decide(now, limit=at_once)
    house.decide(now, limit=at_once)


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
