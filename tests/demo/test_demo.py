"""The demo company: the same seed gives the same company, whatever the day it is run; and it never touches data that is not its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from handfast.contract.reading import read_contract
from handfast.demo import proposals, run
from handfast.demo.company import HABITS, MANAGERS, REPS
from handfast.demo.sales import CADENCE
from handfast.desk import imports
from handfast.facts import Rep
from handfast.store.base import Store
from handfast.tuning.proof import prove

END = datetime(2026, 11, 20, 18, tzinfo=UTC)
FACTS = (
    "SELECT id, party, owner_id, next_step, sla, opened_at, touched_at, contacted_at, closed_at, outcome, reason FROM handoff ORDER BY id",
    "SELECT id, person_id, rep_id, kind, contact, occurred_at FROM touch ORDER BY id",
    "SELECT person_id, at, outcome, fit, intent FROM standing ORDER BY person_id",
    "SELECT name, at, handoff_id, rep_id FROM event ORDER BY at, name, handoff_id, rep_id",
    "SELECT pool, rep_id, turns, level FROM rotation ORDER BY pool, rep_id",
)


def lived(store: Store, seed: int, days: int = 5) -> list[list[tuple[object, ...]]]:
    assert run.clear(store, END) is None
    run.live_through(store, days=days, seed=seed, end=END)
    with store.reading() as conn:
        return [conn.execute(query).fetchall() for query in FACTS]


def test_the_same_seed_gives_the_same_company_and_another_seed_another(store: Store) -> None:
    first = lived(store, 7)
    assert len(first[0]) > 5, "in five days something was handed over"
    assert lived(store, 7) == first
    assert lived(store, 8) != first


def test_every_open_handoff_has_an_owner_or_a_clock_of_its_own(store: Store) -> None:
    lived(store, 3)
    with store.reading() as conn:
        ownerless = conn.execute(
            """SELECT count(*) FROM handoff AS h WHERE owner_id IS NULL AND closed_at IS NULL
               AND NOT EXISTS (SELECT FROM clock WHERE handoff_id = h.id AND kind = 'exception')"""
        ).fetchone()
        twice = conn.execute(
            "SELECT count(*) FROM (SELECT 1 FROM handoff WHERE closed_at IS NULL GROUP BY party, motion HAVING count(*) > 1) AS x"
        )
        assert ownerless == (0,)
        assert twice.fetchone() == (0,)


def test_a_database_that_is_not_the_demos_is_left_alone(store: Store) -> None:
    imports.put_reps(store, [Rep("real", "Real Rep", "real@company.example")])
    problem = run.clear(store, END)
    assert problem is not None
    assert "not the demo's" in problem.what
    with store.reading() as conn:
        assert conn.execute("SELECT count(*) FROM rep").fetchone() == (1,)


def test_the_contract_and_the_cast_name_the_same_people() -> None:
    agreement, problems = read_contract(run.contract_text(), "northwind.yaml")
    assert not problems
    assert agreement is not None
    members = {name for pool in agreement.contract.routing.pools.values() for name in pool.members}
    assert members == {rep.id for rep in REPS} == set(HABITS)
    assert {rep.manager for rep in REPS} == {rep.id for rep in MANAGERS}
    follow_up = agreement.contract.follow_up
    assert follow_up is not None
    assert [(step.channel, timedelta(minutes=step.wait.minutes)) for step in follow_up.steps] == [*CADENCE]


def test_what_northwind_wants_to_change_can_be_signed() -> None:
    """A version for a share, and a draft that judges buying groups: the text in force with a few lines changed."""
    for text in (proposals.trial_text(run.contract_text()), proposals.shadow_text(run.contract_text())):
        agreement, problems = read_contract(text, "northwind.yaml")
        assert not problems
        assert agreement is not None
        assert [proof.differences for proof in prove(agreement) if not proof.passed] == []
        assert (agreement.contract.canary is None) != (agreement.contract.ready.account is None)


def test_its_people_do_more_than_call(store: Store) -> None:
    """A fortnight: accepted, followed up, paused, offered and taken, disputed and answered, owned by what was sold before; a draft in the shadow."""
    lived(store, 7, days=14)
    with store.reading() as conn:
        events = dict(conn.execute("SELECT name, count(*) FROM event GROUP BY name").fetchall())
        rules = {row[0] for row in conn.execute("SELECT DISTINCT rule FROM assignment")}
        beside = conn.execute("SELECT (SELECT count(*) FROM shadow_standing), (SELECT count(*) FROM readiness_override)").fetchone()
        refused = conn.execute("SELECT count(*) FROM intake_problem").fetchone()
    for name in ("accepted", "clock_paused", "disputed", "dispute_upheld", "dispute_rejected", "follow_up_ended", "offered"):
        assert events.get(name), name
    assert {"named_account", "open_opportunity", "customer", "territory", "pool", "offer"} <= rules
    assert beside is not None
    assert beside[0] > 10
    assert beside[1] == 2
    assert refused == (1,)


def test_its_contract_is_signed_by_people_who_may_sign_in(store: Store) -> None:
    from handfast.cli.demo import LOGINS
    from handfast.contract.history import broken
    from handfast.desk.drafts import signatures_of
    from handfast.store import contracts

    run.sign_contract(store, END)
    with store.reading() as conn:
        entries = contracts.history(conn)
        versions = contracts.versions(conn)
    assert [(v.version, v.in_force_from) for v in versions] == [(1, None)], "it holds since ever, also for what happened before"
    accounts = {email: (name, role) for email, name, role, _ in LOGINS}
    signed = signatures_of(entries, 1)
    assert [(s.side, accounts[s.by]) for s in signed] == [
        ("marketing", ("Mara Lang", "marketing")),
        ("sales", ("Priya Patel", "manager")),
    ]
    assert broken(entries) == []
