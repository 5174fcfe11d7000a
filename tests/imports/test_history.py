"""A history lived through: signals, touches, deals and outcomes in the order in which they happened, whatever order the files are in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from handfast.connectors.files.plan import read_plan
from handfast.desk import history
from handfast.store.base import Store
from tests.desk.house import CONTRACT, REPS

PLAN = """\
contract: contract.yaml
files:
  - {file: ends.csv, as: dispositions, map: plain.yaml}
  - {file: deals.csv, as: opportunities, map: plain.yaml}
  - {file: touches.csv, as: touches, map: plain.yaml}
  - {file: signals.csv, as: signals, map: signals.yaml}
  - {file: reps.csv, as: reps}
"""
PLAIN = "history: true\ntimezone: Europe/Berlin\n"
SIGNALS = (
    PLAIN
    + "fields: {id: id, kind: {constant: form_submitted}, at: at, email: email}\nproperties: {form: {constant: demo}}\naccount: {employees: {constant: 200}}\n"
)
#: eva asks on Monday and is called in time; a colleague joins; it is recycled, and asked for again in April: a second handoff.
#: cleo's handoff is touched by nobody: reassigned, then returned to marketing.
FILES = {
    "plan.yaml": PLAN,
    "plain.yaml": PLAIN,
    "signals.yaml": SIGNALS,
    "contract.yaml": CONTRACT,
    "reps.csv": "id,name,email,team,manager,time_zone\n" + "".join(f"{r.id},{r.name},{r.email},{r.team},{r.manager or ''},{r.time_zone}\n" for r in REPS),
    "signals.csv": (
        "id,email,at\n3,eva@kraus.example,2026-04-06 10:00\n1,eva@kraus.example,2026-03-02 10:00\n2,udo@kraus.example,2026-03-02 11:00\n"
        "4,cleo@weiss.example,2026-03-03 10:00\n"
    ),
    "touches.csv": (
        "id,email,rep,type,at,contact,meeting\na,eva@kraus.example,anna,call,2026-03-02 10:30,yes,\nb,udo@kraus.example,ben,call,2026-03-02 12:00,,yes\n"
        "c,eva@kraus.example,anna,call,2026-04-07,,\nd,who@kraus.example,anna,call,2026-04-07,,\n"
    ),
    "deals.csv": "id,email,stage,opened_at,closed_at,won\no,cleo@weiss.example,won,2026-03-01,2026-03-02,yes\n",
    "ends.csv": "email,outcome,at,reason\neva@kraus.example,recycle,2026-03-05 10:00,not_now\n",
}  # fmt: skip
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def folder(desk):
    for name, text in FILES.items():
        desk.file(name, text)
    return desk.folder


def tables(desk):
    """What decisions and facts were left, without the moments at which a run happened to write them."""
    return {
        "handoff": desk.rows("SELECT id, owner_id, opened_at, touched_at, contacted_at, qualified_at, meeting_at, closed_at, outcome, reason FROM handoff ORDER BY id"),
        "people": desk.rows("SELECT handoff_id, person_id, joined_at, touched_at, contacted_at, meeting_at FROM handoff_person ORDER BY 1, 2"),
        "clock": desk.rows("SELECT id, due_at, stopped_at, stopped_by, breached_at FROM clock ORDER BY id"),
        "assignment": desk.rows("SELECT handoff_id, leg, owner_id, rule, at FROM assignment ORDER BY 1, 2"),
        "touch": desk.rows("SELECT id, handoff_id, rep_id, occurred_at FROM touch ORDER BY id"),
        "opportunity": desk.rows("SELECT id, handoff_id, opened_at, closed_at, won FROM opportunity"),
        "event": sorted(desk.rows("SELECT name, at, handoff_id, person_id, rep_id FROM event"), key=str),
    }  # fmt: skip


def test_what_happened_is_taken_in_the_order_in_which_it_happened(desk, folder):
    done = desk.imports(folder, "--plan", folder / "plan.yaml", "--report", folder / "wrong.jsonl")
    assert done.exit_code == 0, done.stderr
    got = desk.rows(
        "SELECT p.email, h.outcome, h.touched_at IS NOT NULL, h.meeting_at IS NOT NULL, h.qualified_at IS NOT NULL FROM handoff h JOIN person p ON p.id = h.person_id ORDER BY h.opened_at"
    )
    assert got == [
        ("eva@kraus.example", "recycle", True, True, False),
        ("cleo@weiss.example", "returned", False, False, True),
        ("eva@kraus.example", None, True, False, False),
    ]  # fmt: skip
    # The call of 7 April was made within the two days after which the handoff would have gone back to marketing: the clock had run out by then.
    assert desk.rows("SELECT breached_at IS NOT NULL, stopped_by FROM clock ORDER BY started_at") == [
        (False, "touch"),
        (True, "closed"),
        (True, "touch"),
    ]
    assert desk.rows("SELECT handoff_id IS NULL, count(*) FROM touch GROUP BY 1") == [(False, 3)]
    assert desk.rows("SELECT count(*) FROM handoff_person") == [(4,)]
    assert desk.rows("SELECT count(*) FROM outbox") == [(0,)]
    said = desk.problems("wrong.jsonl")
    assert [(p["file"], p["line"]) for p in said] == [("deals.csv", 2), ("touches.csv", 5)]
    assert "before the first signal of its person" in said[0]["what"]
    assert "nobody was known by this e-mail address" in said[1]["what"]


def test_a_second_run_changes_nothing_and_another_history_has_no_room(desk, folder):
    desk.imports(folder, "--plan", folder / "plan.yaml")
    before = tables(desk)
    again = desk.imports(folder, "--plan", folder / "plan.yaml")
    assert again.exit_code == 0
    assert "nothing was changed" in again.stderr
    assert tables(desk) == before
    desk.file("touches.csv", FILES["touches.csv"] + "e,eva@kraus.example,anna,call,2026-04-07,,\n")
    other = desk.imports(folder, "--plan", folder / "plan.yaml")
    assert other.exit_code == 1
    assert "this database holds something else than this history" in other.stderr
    assert tables(desk) == before


@pytest.mark.parametrize("dies_at", [1, 3, 5, 8])
def test_a_history_killed_anywhere_ends_as_if_it_had_not_been(desk, folder, store, dies_at, monkeypatch, postgres_url, template_database):
    from tests.conftest import _own_database

    desk.imports(folder, "--plan", folder / "plan.yaml")
    straight = tables(desk)
    monkeypatch.setattr(history, "_NOTED_EVERY", 0.0)
    for url in _own_database(postgres_url, template_database):
        desk.url = url
        plan, files, problems = read_plan(folder / "plan.yaml", folder)
        assert plan is not None
        assert not problems
        moments = []

        def dies(told, moments=moments):
            moments.append(told)
            if sum("Living" in m.what for m in moments) > dies_at:
                raise KeyboardInterrupt

        with Store(url) as other:
            with pytest.raises(KeyboardInterrupt):
                history.live_through(other, CONTRACT, "contract.yaml", files, NOW, refuse=lambda _: None, tell=dies)
            assert tables(desk) != straight
            lived, problems = history.live_through(other, CONTRACT, "contract.yaml", files, NOW, refuse=lambda _: None)
            assert lived is not None
            assert not lived.before
        assert tables(desk) == straight


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("contract: contract.yaml\nfiles: []\n", "plan.yaml line 2"),
        ("contract: contract.yaml\nfiles:\n  - {file: signals.csv, as: signal}\n", "plan.yaml line 3"),
        ("contract: contract.yaml\nfiles:\n  - {fil: signals.csv, as: signals}\n", "'fil' is not known in a plan. Did you mean 'file'?"),
        ("contract: contract.yaml\nfiles:\n  - {file: nothing.csv, as: signals}\n", "nothing.csv: there is no such file"),
        ("contract: nothing.yaml\nfiles:\n  - {file: reps.csv, as: reps}\n", "there is no contract 'nothing.yaml' beside the plan"),
        ("contract: contract.yaml\nfiles:\n  - {file: signals.csv, as: signals, map: nothing.yaml}\n", "there is no such mapping"),
    ],
)
def test_a_plan_that_cannot_be_meant_says_where(desk, folder, plan, said):
    done = desk.imports(folder, "--plan", desk.file("plan.yaml", plan))
    assert done.exit_code == 1
    assert said in done.stderr
    assert desk.rows("SELECT count(*) FROM rep") == [(0,)]
