"""Accounts that are ready as a whole: the same live and in a replay, however the stream is cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from handfast.contract.reading import read_contract
from handfast.desk.contracts import Book
from handfast.desk.overrides import set_override
from handfast.desk.replay import Asked, replay
from handfast.desk.replay_history import Folder, take
from handfast.readiness.overrides import Override
from handfast.store import replay as rows
from handfast.store.base import Store
from handfast.tuning.replay import judged
from handfast.tuning.replay_groups import replayed_groups
from handfast.tuning.replay_known import Lens
from handfast.tuning.replay_life import Lives, lived, ready_rows
from tests.conftest import _own_database
from tests.desk.house import CONTRACT, House, moment
from tests.replay.test_online_offline import FAR, LONG_AGO, live

#: Two people of whom one is abroad; one alone needs a large firm.
GROUPS = CONTRACT.replace(
    "  next_step:\n", "  account: {people: 2, roles: {abroad: \"country = 'FR'\"}, intent: 35, within: 10 days}\n  next_step:\n"
)
#: What a live verdict on an account is compared by.
SAID = ("account_id", "person_id", "at", "outcome", "fit", "intent", "next_step")
Row = tuple[Any, ...]
#: Three people of one firm and one of another, with visitors who turn out to be one of them, sometimes a second time of another firm.
WHO = st.sampled_from([
    {"email": "ada@one.example"}, {"email": "ada@one.example", "visitor": "v1"}, {"visitor": "v1"}, {"email": "bob@one.example"},
    {"email": "bob@one.example", "user": "u2"}, {"user": "u2", "visitor": "v2"}, {"visitor": "v2"}, {"email": "eve@one.example", "user": "u3"},
    {"user": "u3"}, {"email": "cyd@two.example"}, {"email": "cyd@two.example", "user": "u3"},
])  # fmt: skip
SIGNAL = st.fixed_dictionaries({
    "who": WHO,
    "kind": st.sampled_from(["form_submitted", "form_submitted", "page_viewed", "email_opened"]),
    "path": st.sampled_from(["/pricing", "/"]),
    "form": st.sampled_from(["demo", "demo", "news", None]),
    "pause": st.integers(0, 600),
    "late": st.sampled_from([0, 0, 0, 0, 1, 30, 600, 4000]),
    "person": st.sampled_from([{}, {}, {"country": "FR"}, {"country": "FR"}, {"country": "KP"}]),
    "account": st.sampled_from([{}, {}, {}, {}, {"employees": 9}, {"employees": 200}]),
    "again": st.booleans(),
})  # fmt: skip


def replayed(store: Store, where: Path) -> tuple[dict[str, Row], set[Row]]:
    """What a replay says: the verdict on an account at each signal, and the handoffs: party, signal, who is in it, opened by a group."""
    with rows.snapshot(store) as conn:
        lenses = [Lens(*span) for span in Book().refresh(conn).spans(LONG_AGO, FAR)]
        folder = Folder(where)
        take(conn, folder, [lens.agreement for lens in lenses], LONG_AGO, FAR, lambda _share: None)
        ids = dict(conn.execute("SELECT seq, id::text FROM signal").fetchall())
        overrides = [Override(*row) for row in rows.overrides(conn)]
    history = folder.bucket(0)
    (people,), (groups,) = judged(history, lenses, overrides=overrides), replayed_groups(history, lenses, overrides)
    every = replayed_groups(history, lenses, overrides, every=True)[0]
    short = groups.select("signal", *SAID).rows()
    assert set(short) <= set(every.select("signal", *SAID).rows())
    assert every.filter(outcome="ready").select("signal", *SAID).rows() == groups.filter(outcome="ready").select("signal", *SAID).rows()
    opened = lived(ready_rows(people, groups, 0), Lives([], FAR), LONG_AGO)
    handoffs = {(o.party, ids[o.row.signal], o.row.person, o.row.group, frozenset({o.row.person, *o.joined})) for o in opened}
    return {ids[signal]: tuple(said) for signal, *said in short}, handoffs


def stored(store: Store) -> tuple[dict[str, Row], set[Row]]:
    """The same of the live loop; verdicts on accounts are stored where they open a handoff."""
    with store.reading() as conn:
        verdicts = conn.execute(
            "SELECT signal_id::text, account_id, person_id, at, outcome, fit, intent, next_step FROM verdict WHERE working -> 'group' IS NOT NULL"
        ).fetchall()
        handoffs = conn.execute(
            """SELECT h.party, v.signal_id::text, h.person_id, v.working -> 'group' IS NOT NULL,
                      (SELECT array_agg(p.person_id) FROM handoff_person AS p WHERE p.handoff_id = h.id)
               FROM handoff AS h JOIN verdict AS v ON v.id = h.verdict_id"""
        ).fetchall()
    return {signal: tuple(said) for signal, *said in verdicts}, {(*row[:-1], frozenset(row[-1])) for row in handoffs}


@contextmanager
def house(postgres_url: str, template_database: str) -> Iterator[House]:
    opened = _own_database(postgres_url, template_database)
    try:
        with Store(next(opened)) as store:
            yield House(store, GROUPS)
    finally:
        next(opened, None)


@settings(
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=st.lists(SIGNAL, min_size=6, max_size=24), at_once=st.sampled_from([3, 50]), seen=st.integers(2, 24))
def test_random_streams(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory, told: list[dict[str, Any]], at_once: int, seen: int
) -> None:
    """Late signals, visitors who become known, people folded into others: one batch, one by one and the replay say the same."""
    with house(postgres_url, template_database) as firm:
        live(firm, told, at_once, seen)
        verdicts, handoffs = stored(firm.store)
        offline, replay = replayed(firm.store, tmp_path_factory.mktemp("history"))
    assert {signal: offline.get(signal) for signal in verdicts} == verdicts
    assert handoffs == replay
    with house(postgres_url, template_database) as firm:
        live(firm, told, 1, 1)
        assert stored(firm.store) == (verdicts, handoffs)


def asks(firm: House, email: str, at: str, **person: str) -> None:
    firm.hears(firm.signal(email, "form_submitted", at, form="demo", person=person, account={"employees": 5}))


def test_a_group_that_was_ready_in_between(store: Store, tmp_path: Path) -> None:
    """A colleague abroad moves home later in the same batch: the firm was ready before that, and is handed over for that moment."""
    firm = House(store, GROUPS)
    asks(firm, "lena@klein.example", "Mon 10:00")
    asks(firm, "otto@klein.example", "Mon 11:00", country="FR")
    asks(firm, "otto@klein.example", "Mon 12:00", country="DE")
    firm.decide("Mon 13:00")
    verdicts, handoffs = stored(store)
    assert [row[2] for row in verdicts.values()] == [moment("Mon 11:00")]
    offline, replay = replayed(store, tmp_path)
    assert {signal: offline[signal] for signal in verdicts} == verdicts
    assert handoffs == replay
    assert [row[3] for row in offline.values()] == ["not_yet", "ready", "not_yet"]


def test_a_person_ready_after_their_group_joins_in_one_batch_too(store: Store, tmp_path: Path) -> None:
    """The group opens the handoff; an hour later they tell of a large firm, and the colleague who was not to be called joins it."""
    firm = House(store, GROUPS)
    asks(firm, "lena@klein.example", "Mon 10:00")
    asks(firm, "otto@klein.example", "Mon 11:00", country="FR")
    for email in ("otto@klein.example", "lena@klein.example"):
        firm.hears(firm.signal(email, "form_submitted", "Mon 12:00", form="demo", account={"employees": 500}))
    firm.decide("Mon 13:00")
    ((_, _, _, by_group, people),) = stored(store)[1]
    assert by_group
    assert len(people) == 2
    assert stored(store)[1] == replayed(store, tmp_path)[1]


def test_an_account_kept_back_by_hand(store: Store, tmp_path: Path) -> None:
    """Somebody says not yet of the firm; what its people ask for meanwhile opens nothing, live or in a replay."""
    firm = House(store, GROUPS)
    asks(firm, "lena@klein.example", "Mon 10:00")
    firm.decide("Mon 10:01")
    set_override(store, "klein.example", "not_yet", "Their fair is on", "mia", moment("Fri 10:00"), moment("Mon 10:30"))
    asks(firm, "otto@klein.example", "Mon 11:00", country="FR")
    firm.decide("Mon 11:01")
    assert stored(store) == ({}, set())
    offline, replay = replayed(store, tmp_path)
    assert replay == set()
    assert {row[3] for row in offline.values()} == {"not_yet"}


def test_the_report_counts_accounts_that_are_ready_as_a_whole(store: Store, tmp_path: Path) -> None:
    """A draft with terms for groups hands over a firm of which nobody is ready alone."""
    firm = House(store)
    asks(firm, "lena@klein.example", "Mon 10:00")
    asks(firm, "otto@klein.example", "Mon 11:00", country="FR")
    firm.decide("Mon 11:01")
    draft, problems = read_contract(GROUPS, "draft.yaml")
    assert draft is not None, problems
    report = replay(store, Asked(draft, moment("Mon 00:00"), moment("Mon+1 00:00")), tmp_path, lambda _what, _share: None).report
    assert report["ready"]["people"]["draft"] == 0
    assert (report["ready"]["accounts"]["gained"], report["ready"]["accounts"]["in_force"]) == (1, 0)
    assert report["handoffs"]["draft"] | {"life": None} == {"opened": 1, "by_group": 1, "joined": 0, "life": None}
    assert report["handoffs"]["in_force"]["by_group"] == 0
    assert report["lists"]["accounts"]["gained"][0]["draft"] == moment("Mon 11:00").isoformat()
    assert sum(row["draft"]["handoffs"] for row in report["owners"]["reps"]) == 1
