"""The doctor on a house that is well, and on one where something is wrong: each illness is found, named, and told how to mend."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from handfast.cli.doctor import command
from handfast.desk import doctor, imports
from handfast.desk.doctor import Finding, Visit, examine
from handfast.facts import Rep
from handfast.store.base import Store

from .house import House, moment
from .test_parity import READY
from .test_trial import counts


@pytest.fixture
def well(store: Store) -> House:
    """A house at work: one handoff with an owner, one in the exception queue, a worker that lives."""
    house = House(store, READY)
    house.arrives("ada@kraus.example", "Mon 10:00")
    for rep in ("anna", "ben"):
        house.away(rep, "Mon 10:30", "Tue 18:00")
    house.arrives("eva@braun.example", "Mon 10:40")
    house.clock("Mon 10:50")
    with store.writing() as conn:
        conn.execute("INSERT INTO note (key, value, at) VALUES ('worker', '{}', %s)", (moment("Mon 10:59"),))
        conn.execute("UPDATE outbox SET state = 'sent'")
    return house


def found(house: House, at: str = "Mon 11:00") -> list[Finding]:
    return examine(Visit(house.store, moment(at), Path("/")))[1]


def one(house: House, check: str, at: str = "Mon 11:00") -> Finding:
    (finding,) = [finding for finding in found(house, at) if finding.check == check]
    return finding


def change(house: House, query: str, *values: Any) -> None:
    with house.store.writing() as conn:
        conn.execute(query, values)  # type: ignore[call-overload]


def test_a_house_that_is_well_has_no_findings_and_is_left_as_it_was(well: House) -> None:
    before = counts(well)
    checks, findings = examine(Visit(well.store, moment("Mon 11:00"), Path("/")))
    assert findings == []
    assert checks == [
        "database",
        "disk",
        "worker",
        "contract",
        "owners",
        "clocks",
        "signals",
        "versions",
        "open counts",
        "strays",
        "messages",
        "hierarchy",
        "reps",
        "calendars",
        "feeds",
        "erased",
        "parity",
    ]
    assert counts(well) == before


@pytest.mark.parametrize(
    ("check", "query", "said"),
    [
        ("owners", "UPDATE clock SET stopped_at = now() WHERE kind = 'exception'", "no exception clock runs"),
        ("clocks", "UPDATE timer SET state = 1 WHERE clock_id = (SELECT id FROM clock WHERE kind = 'first_touch' LIMIT 1)", "runs without a timer"),
        ("messages", "UPDATE outbox SET state = 'dead' WHERE seq = (SELECT min(seq) FROM outbox)", "1 message died"),
        ("messages", "UPDATE outbox SET state = 'waiting', next_at = '2026-03-02 09:00+00'", "messages should have gone out by now"),
        ("worker", "DELETE FROM note", "no worker has run yet"),
        ("worker", "UPDATE note SET at = '2026-03-02 08:00+00'", "no worker has been heard of for 120 minutes"),
        ("hierarchy", "UPDATE account SET fields = fields || jsonb_build_object('parent', key) WHERE key = 'kraus.example'", "round in a circle: kraus.example → kraus.example"),
    ],
)  # fmt: skip
def test_each_illness_is_found(well: House, check: str, query: str, said: str) -> None:
    change(well, query)
    finding = one(well, check)
    assert finding.level == "error"
    assert said in finding.problem.what
    assert finding.problem.fix


def test_a_handoff_whose_contract_is_not_stored_is_named_and_the_other_checks_go_on(well: House) -> None:
    """The one that is held is met by the probe of the doors, too: a decision gives it out."""
    change(well, "UPDATE handoff SET contract_id = 'gone' WHERE owner_id IS NULL")
    (handoff,) = well.one("SELECT array_agg(id) FROM handoff WHERE owner_id IS NULL")
    checks, findings = examine(Visit(well.store, moment("Mon 11:00"), Path("/")))
    told = {finding.check: finding for finding in findings}
    assert (told["versions"].level, told["versions"].problem.where.file) == ("error", f"handoff {handoff}")
    assert "the contract it was opened under, gone, is not stored" in told["versions"].problem.what
    assert told["parity"].problem.what == "a handoff names the contract gone, which is not stored, so the doors were not compared"
    assert set(checks) - set(told) == set(checks) - {"versions", "strays", "parity"}


def test_a_check_that_stumbles_says_so_and_the_others_go_on(well: House) -> None:
    change(well, "UPDATE note SET value = '[{}]', key = 'contract_problem'")
    told = {finding.check: finding.problem.what for finding in found(well)}
    assert re.fullmatch(r"this check could not be finished: KeyError at handfast/desk/doctor\.py line \d+", told["contract"])
    assert "no worker has run yet" in told["worker"]


def test_what_a_check_stumbled_over_is_not_quoted(well: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's own words quote rows; a doctor's findings are read, logged and sent to whoever helps."""

    def stumbles(_: object) -> None:
        change(well, "INSERT INTO person SELECT * FROM person WHERE email = 'ada@kraus.example'")

    monkeypatch.setattr("handfast.desk.waiting.rows.unowned", stumbles)
    said = str(one(well, "owners").problem)
    assert "UniqueViolation at handfast/desk/waiting.py line" in said
    assert "ada@" not in said
    assert "per_" not in said


def test_a_wrong_number_of_open_handoffs_is_found_and_counted_anew(well: House) -> None:
    change(well, "INSERT INTO open_count (rep_id, change) VALUES ('anna', 3), ('cleo', 1)")
    wrong = [finding.problem for finding in found(well) if finding.check == "open counts"]
    owned = well.one("SELECT count(*) FROM handoff WHERE owner_id = 'anna'")
    assert [(problem.where.file, problem.what) for problem in wrong] == [
        ("rep anna", f"{owned + 3} open handoffs are kept as theirs, and {owned} are: their caps hold for the wrong number"),
        ("rep cleo", "1 open handoffs are kept as theirs, and 0 are: their caps hold for the wrong number"),
    ]
    assert doctor.recount(well.store) == 2
    assert not [finding for finding in found(well) if finding.check == "open counts"]
    assert doctor.recount(well.store) == 0


def test_signals_that_nobody_decides_are_found(well: House) -> None:
    well.hears(well.signal("max@neu.example", "page_viewed", "Mon 10:50", path="/"))
    assert "1 signals wait to be decided, the oldest since 2026-03-02 09:50 UTC" in one(well, "signals").problem.what


def test_a_calendar_that_has_failed_for_a_day_is_found(well: House) -> None:
    change(well, """INSERT INTO absence_feed (rep_id, name, url, kept_by, kept_at, next_at, failing_since, problems)
                    SELECT 'anna', at::text, 'https://secret.example', 'anna', now(), now(), at::timestamptz, '[{"what": "gone"}]'
                    FROM unnest('{2026-03-01 08:00+00,2026-03-02 08:00+00}'::text[]) AS at""")  # fmt: skip
    assert one(well, "feeds").problem.what == "it has not been read since 2026-03-01 08:00 UTC: gone", "the other has failed for an hour"


def test_overdue_steps_are_found(well: House) -> None:
    assert "steps of clocks are overdue" in one(well, "clocks", "Mon 12:30").problem.what


def test_a_contract_that_names_somebody_unknown_or_gone_is_found(well: House) -> None:
    imports.put_reps(well.store, [Rep("zoe", "Zoe Z", "zoe@kraus.example", "west", "mia", "Europe/Berlin", active=False)])
    said = [(finding.level, finding.problem.what) for finding in found(well) if finding.check == "reps"]
    assert said == [
        ("error", "nobody in it takes handoffs"),
        ("warning", "it names Zoe Z, who no longer takes handoffs"),
    ]


def test_a_calendar_that_ends_is_found_before_it_does(store: Store) -> None:
    text = READY.replace('week: {mon-fri: ["09:00-17:30"]}}', 'week: {mon-fri: ["09:00-17:30"]}, closed: [2026-03-20]}')
    house = House(store, text)
    finding = one(house, "calendars")
    assert (finding.level, "the last day it names is 2026-03-20" in finding.problem.what) == ("warning", True)


def test_an_empty_house_is_told_what_to_do_first(store: Store) -> None:
    told = {finding.check: finding.problem.fix for finding in examine(Visit(store, moment("Mon 11:00"), Path("/")))[1]}
    assert told["contract"] == "Load one: `handfast contract load FILE`."
    assert "Start `handfast work`" in told["worker"]


def test_a_full_disk_is_found(well: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_FREE_BYTES", 1 << 62)
    assert "MB of disk are free" in one(well, "disk").problem.what


def test_as_typed(well: House, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Years later by the clock of this machine: the worker is silent, and the exit code says so."""
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HANDFAST_DATA_DIR", str(tmp_path))
    done = CliRunner().invoke(command, ["--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["ok"]) == (1, False)
    assert "worker" in {finding["check"] for finding in told["findings"]}
    text = CliRunner().invoke(command, [])
    assert "error   worker" in text.stdout
    assert "Well: database" in text.stdout
    counted = CliRunner().invoke(command, ["--recount"])
    assert counted.stdout.startswith("The open handoffs of each rep were counted anew: every number was right.")


@pytest.mark.parametrize(
    ("table", "column", "named"),
    [
        ("identity", "person_id", "person"),
        ("standing", "person_id", "person"),
        ("person", "account_id", "account"),
        ("handoff", "owner_id", "rep"),
        ("verdict", "contract_id", "contract"),
        ("handoff_person", "verdict_id", "verdict"),
        ("timer", "clock_id", "clock"),
    ],
)
def test_what_names_something_that_is_not_there_is_found(well: House, table: str, column: str, named: str) -> None:
    change(well, f"UPDATE {table} SET {column} = 'gone' WHERE {column} = (SELECT min({column}) FROM {table})")
    stray = one(well, "strays")
    assert stray.level == "error"
    assert stray.problem.where.file == f"table {table}"
    assert f"rows name a {named} that is not there" in stray.problem.what
