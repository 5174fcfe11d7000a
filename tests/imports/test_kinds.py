"""Each kind of file, from an outsider's export to what the house knows afterwards."""

from __future__ import annotations

import pytest

from tests.desk.house import moment


def test_reps_come_in_any_order_and_are_brought_up_to_date(desk):
    text = "id,name,email,manager,time_zone\nann,Ann,ann@us.example,mia,Europe/Berlin\nmia,Mia,mia@us.example,,\n"
    assert desk.imports(desk.file("reps.csv", text), "--as", "reps", "--json").summary[0]["added"] == 2
    done = desk.imports(desk.file("reps.csv", text.replace("ann,Ann,", "ann,Ann Arbor,")), "--as", "reps", "--json")
    assert (done.summary[0]["added"], done.summary[0]["known"]) == (1, 1)
    assert desk.rows("SELECT id, name, manager_id, time_zone FROM rep ORDER BY id") == [
        ("ann", "Ann Arbor", "mia", "Europe/Berlin"),
        ("mia", "Mia", None, "UTC"),
    ]


def test_reps_that_do_not_fit_together_are_refused_with_those_who_report_to_them(desk):
    text = (
        "id,name,email,manager\nann,Ann,ann@us.example,bob\nbob,Bob,bob@us.example,nobody\n"
        "cy,Cy,cy@us.example,\ned,Ed,ed@us.example,\ndi,Di,cy@us.example,\n9lives,Cat,cat@us.example,\n"
    )
    desk.imports(desk.file("reps.csv", text), "--as", "reps")
    assert desk.rows("SELECT id FROM rep ORDER BY id") == [("cy",), ("ed",)]
    said = [p["what"] for p in desk.problems("reps.csv.problems.jsonl")]
    assert any("the manager of bob, 'nobody', is nobody's id" in s for s in said)
    assert any("the manager of ann, 'bob', is nobody's id" in s for s in said)
    assert any("the address of di belongs to cy already" in s for s in said)
    assert any("'9lives' cannot be a rep's id" in s for s in said)


def test_a_reps_zone_is_a_zone(desk):
    desk.imports(desk.file("reps.csv", "id,name,email,time_zone\nann,Ann,ann@us.example,Mars/Base\n"), "--as", "reps")
    assert [p["what"] for p in desk.problems("reps.csv.problems.jsonl")] == ["'Mars/Base' is no time zone"]


def test_accounts_get_their_owner_by_id_or_address(desk, house):
    text = "domain,name,owner,industry,employees\nhttps://www.kraus.example/home,Kraus,anna,steel,420\nweiss.example,Weiss,Ben@Kraus.example,,\nbraun.example,Braun,who,,\n"
    done = desk.imports(desk.file("accounts.csv", text), "--as", "accounts", "--json")
    assert (done.summary[0]["added"], done.summary[0]["refused"]) == (2, 1)
    assert desk.rows("SELECT key, name, owner_id, fields FROM account ORDER BY key") == [
        ("kraus.example", "Kraus", "anna", {"industry": "steel", "employees": 420}),
        ("weiss.example", "Weiss", "ben", {}),
    ]


def test_touches_of_another_system_stop_the_clock_and_may_set_a_meeting(desk, house):
    house.arrives("eva@kraus.example", "Mon 10:00")
    text = (
        "id,email,rep,type,at,contact,meeting\n"
        "t1,eva@kraus.example,anna@kraus.example,call,2026-03-02 10:20,false,\n"
        "t2,Eva@Kraus.example,anna,email,2026-03-02 11:20,,yes\n"
        "t3,nobody@kraus.example,anna,call,2026-03-02 11:20,,\n"
        "t4,eva@kraus.example,zed,call,2026-03-02 11:20,,\n"
        "t5,eva@kraus.example,anna,pigeon,2026-03-02 11:20,,\n"
    )
    mapping = desk.file(
        "m.yaml",
        "timezone: Europe/Berlin\nfields: {id: id, email: email, rep: rep, type: type, at: at, contact: contact, meeting: meeting}\n",
    )
    done = desk.imports(desk.file("touches.csv", text), "--as", "touches", "--map", mapping, "--json")
    assert (done.summary[0]["added"], done.summary[0]["refused"]) == (2, 3)
    assert sorted(p["line"] for p in desk.problems("touches.csv.problems.jsonl")) == [4, 5, 6]
    handoff = desk.rows("SELECT touched_at, contacted_at, meeting_at, closed_at FROM handoff")
    assert handoff == [(moment("Mon 10:20"), moment("Mon 11:20"), moment("Mon 11:20"), None)]
    assert desk.rows("SELECT stopped_by FROM clock") == [("touch",)]
    assert desk.rows("SELECT name FROM event WHERE name = 'meeting_set'") == [("meeting_set",)]
    assert desk.rows("SELECT evidence, count(*) FROM touch GROUP BY evidence") == [("evidenced", 2)]


def test_opportunities_qualify_the_handoff_and_an_expected_close_is_no_close(desk, house):
    house.arrives("eva@kraus.example", "Mon 10:00")
    text = (
        "id,email,stage,amount,opened_at,closed_at,won\n"
        'o1,eva@kraus.example,proposal,"12,500",2026-03-03,2099-01-01,\n'
        "o2,eva@kraus.example,won,100,2026-03-04,2026-03-20,yes\n"
        "o3,eva@kraus.example,won,100,2026-03-04,,yes\n"
        "o4,eva@kraus.example,lost,100,2026-03-04,2026-03-01,no\n"
    )
    done = desk.imports(desk.file("deals.csv", text), "--as", "opportunities", "--json")
    assert (done.summary[0]["added"], done.summary[0]["refused"]) == (2, 2)
    assert desk.rows("SELECT stage, amount, closed_at IS NULL, won, handoff_id IS NOT NULL FROM opportunity ORDER BY stage") == [
        ("proposal", 12500.0, True, None, True),
        ("won", 100.0, False, True, True),
    ]
    assert desk.rows("SELECT qualified_at::date::text FROM handoff") == [("2026-03-03",)]
    later = desk.imports(
        desk.file("deals.csv", text.replace("o1,eva@kraus.example,proposal", "o1,eva@kraus.example,negotiation")),
        "--as",
        "opportunities",
        "--json",
    )
    assert (later.summary[0]["added"], later.summary[0]["known"]) == (0, 2)
    assert desk.rows("SELECT stage FROM opportunity ORDER BY stage") == [("negotiation",), ("won",)]


def test_dispositions_end_handoffs_once(desk, house):
    house.arrives("eva@kraus.example", "Mon 10:00")
    text = "email,outcome,at,reason\neva@kraus.example,Recycle,2026-03-05 10:00,not_now\n"
    path = desk.file("ends.csv", text)
    assert desk.imports(path, "--as", "dispositions", "--json").summary[0]["added"] == 1
    assert desk.rows("SELECT outcome, reason FROM handoff") == [("recycle", "not_now")]
    wrong = desk.file(
        "wrong.csv", "email,outcome,at,reason\neva@kraus.example,disqualify,2026-03-06,bad_fit\neva@kraus.example,gone,2026-03-06,\n"
    )
    done = desk.imports(wrong, "--as", "dispositions")
    assert "this handoff was recycled at 2026-03-05 10:00 UTC" in done.stderr
    assert "'gone' is no outcome" in done.stderr
    again = desk.file("again.csv", text + "\n")
    assert desk.imports(again, "--as", "dispositions", "--json").summary[0] | {"report": None} == {
        "file": "again.csv", "kind": "dispositions", "rows": 1, "added": 0, "known": 1, "refused": 0, "passed_over": 0, "went_on_after": 0, "report": None,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["touches", "opportunities", "dispositions"])
def test_those_nobody_knows_are_told_to_come_later_and_do(desk, house, kind):
    """A file refused for people unknown yet is read again, whole, once they are known."""
    columns = {"touches": "email,type,at\n{},call,2026-03-02 10:30\n", "opportunities": "id,email,stage,opened_at\no1,{},new,2026-03-03\n",
               "dispositions": "email,outcome,at\n{},connected,2026-03-02 11:00\n"}  # fmt: skip
    path = desk.file("f.csv", columns[kind].format("eva@kraus.example"))
    early = desk.imports(path, "--as", kind)
    assert early.exit_code == 1
    assert "nobody was known by this e-mail address" in early.stderr
    house.arrives("eva@kraus.example", "Mon 10:00")
    assert desk.imports(path, "--as", kind, "--json").summary[0]["added"] == 1


def test_a_parent_that_would_stand_above_itself_is_told_and_left_out(desk, house):
    text = "domain,name,parent,industry\nrot.example,Rot,blau.example,steel\nblau.example,Blau,https://gelb.example/,\ngelb.example,Gelb,rot.example,paper\nweiss.example,Weiss,4711,\n"
    done = desk.imports(desk.file("accounts.csv", text), "--as", "accounts", "--json")
    assert (done.summary[0]["added"], done.summary[0]["refused"]) == (4, 1)
    assert [p["what"] for p in desk.problems("accounts.csv.problems.jsonl")] == [
        "the accounts above it lead round in a circle: gelb.example → rot.example → blau.example → gelb.example"
    ]
    assert desk.rows("SELECT key, fields ->> 'parent', fields ->> 'industry' FROM account ORDER BY key") == [
        ("blau.example", "gelb.example", None),
        ("gelb.example", None, "paper"),
        ("rot.example", "blau.example", "steel"),
        ("weiss.example", "group:4711", None),
    ]
