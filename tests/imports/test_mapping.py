"""The mapping: what the columns of a stranger's file mean, and what is said of a mapping that cannot be meant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

CRM = """\
source: crm
timezone: America/New_York
history: true
only: {Type: [Lead, Prospect]}
fields:
  id: {column: Id, prefix: "lead:"}
  kind: {constant: form_submitted}
  at: {column: Created, format: "%m/%d/%Y %H:%M"}
  email: E-Mail
  user_id: {column: Id, prefix: "crm:"}
properties:
  origin: {column: Source, values: {Web: website, Fair: event}, others: elsewhere, default: unknown}
  score: {column: Score, type: int}
person:
  title: Job
account:
  employees: {column: Size, type: int}
"""
ROWS = """\
Id,Type,Created,E-Mail,Source,Score,Job,Size
1,Lead,03/02/2026 09:30,anna@kraus.example,Web,12,CFO,420
2,Customer,03/02/2026 09:30,old@kraus.example,Web,1,,
3,Prospect,07/02/2026 09:30,ben@weiss.example,Phone,,,
4,Lead,07/02/2026 09:30,cara@braun.example,,3.0,,"1,200"
"""


def test_a_strangers_file_in_our_words(desk):
    path, mapping = desk.file("crm.csv", ROWS), desk.file("crm.yaml", CRM)
    done = desk.imports(path, "--as", "signals", "--map", mapping, "--json")
    assert done.exit_code == 0, done.stderr
    assert (done.summary[0]["added"], done.summary[0]["passed_over"]) == (3, 1)
    got = desk.rows(
        "SELECT source, kind, email, user_id, occurred_at, received_at, properties, person, account FROM signal ORDER BY user_id"
    )
    winter, summer = datetime(2026, 3, 2, 14, 30, tzinfo=UTC), datetime(2026, 7, 2, 13, 30, tzinfo=UTC)
    assert got == [
        ("crm", "form_submitted", "anna@kraus.example", "crm:1", winter, winter, {"origin": "website", "score": 12}, {"title": "CFO"}, {"employees": 420}),
        ("crm", "form_submitted", "ben@weiss.example", "crm:3", summer, summer, {"origin": "elsewhere"}, None, None),
        ("crm", "form_submitted", "cara@braun.example", "crm:4", summer, summer, {"origin": "unknown", "score": 3}, None, {"employees": 1200}),
    ]  # fmt: skip


def test_a_day_is_its_first_moment_in_the_files_own_zone(desk):
    """15 October 2017 in São Paulo had no midnight: clocks went from 23:59 to 01:00."""
    mapping = desk.file("m.yaml", "timezone: America/Sao_Paulo\nhistory: true\nfields: {kind: {constant: hello}, at: day, user_id: id}\n")
    desk.imports(desk.file("l.csv", "id,day\na,2018-02-01\nb,2017-10-15\n"), "--as", "signals", "--map", mapping)
    assert desk.rows("SELECT user_id, occurred_at FROM signal ORDER BY user_id") == [
        ("a", datetime(2018, 2, 1, 2, tzinfo=UTC)),
        ("b", datetime(2017, 10, 15, 3, tzinfo=UTC)),
    ]


def test_a_live_list_counts_as_received_now(desk):
    desk.imports(desk.file("l.csv", "email,kind,at\nann@kraus.example,webinar_attended,2026-03-02 10:00\n"), "--as", "signals")
    ((occurred, received),) = desk.rows("SELECT occurred_at, received_at FROM signal")
    assert occurred == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert (datetime.now(UTC) - received).total_seconds() < 600


@pytest.mark.parametrize(
    ("mapping", "line", "what", "fix"),
    [
        ("source: crm\nfeilds: {at: x}\n", 2, "'feilds' is not known in a mapping", "Did you mean 'fields'?"),
        ("fields:\n  kind: {constant: x}\n  at: When\n  user: Id\n", 4, "signals have no field 'user'", "Did you mean 'user_id'?"),
        ("fields:\n  kind: {constant: x}\n  at: Whem\n  user_id: Id\n", 3, "list.csv has no column 'Whem'", "Did you mean 'When'?"),
        ("fields:\n  kind: {constant: x}\n  user_id: Id\n", 1, "'at' is not mapped, and signals need it", "Add under fields: `at: COLUMN`."),
        ("fields:\n  kind: {constant: x}\n  at: When\n", 1, "none of email, user_id, anonymous_id is mapped", "Add under fields: `anonymous_id: COLUMN`."),
        ("timezone: Amerika/Berlin\nfields: {at: When}\n", 1, "'Amerika/Berlin' is no time zone", "Write an IANA name such as America/New_York or UTC."),
        ("fields:\n  kind: {column: Id, constant: x}\n  at: When\n  user_id: Id\n", 2, "a field comes from a column or is a constant", "Write `column: NAME` or `constant: VALUE`."),
        ("fields:\n  kind: {constant: x}\n  at: {column: When, formt: '%Y'}\n  user_id: Id\n", 3, "'formt' is not known under fields.at", "Did you mean 'format'?"),
        ("history: maybe\nfields: {at: When}\n", 1, "history: input should be a valid boolean, unable to interpret input", "Write true or false."),
        ("only: {Kindd: [a]}\nfields: {kind: {constant: x}, at: When, user_id: Id}\n", 1, "list.csv has no column 'Kindd'", "Did you mean 'Kind'?"),
        ("fields: {kind: {constant: x}, at: When,\n  user_id: {column: Id, format: '%Y'}}\n", 2, "user_id is no time", "Leave `format` out."),
        ("fields: [1, 2]\n", 1, "fields: input should be `key: value` lines", "Write it as {key: value}, or one line each."),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_be_meant_says_where(desk, mapping, line, what, fix):
    path, text = desk.file("list.csv", "Id,When,Kind\n1,2026-03-02,a\n"), desk.file("map.yaml", mapping)
    done = desk.imports(path, "--as", "signals", "--map", text)
    assert done.exit_code == 1
    shown = [s for s in done.stderr.splitlines() if what in s]
    assert shown, done.stderr
    assert shown[0].startswith(f"map.yaml line {line}, column ")
    assert shown[0].endswith(fix)
    assert desk.rows("SELECT count(*) FROM signal") == [(0,)]


def test_every_mistake_of_a_mapping_is_said_at_once(desk):
    mapping = "fields:\n  kind: {constant: x}\n  att: When\n  user_id: Idd\n  nothing: here\n"
    done = desk.imports(desk.file("list.csv", "Id,When\n1,2026-03-02\n"), "--as", "signals", "--map", desk.file("map.yaml", mapping))
    assert [line.split(",")[0] for line in done.stderr.splitlines()] == ["map.yaml line 3", "map.yaml line 5", "map.yaml line 1"]


def test_a_value_the_table_does_not_know_is_a_problem_of_its_row(desk):
    mapping = desk.file("m.yaml", "fields: {kind: {column: what, values: {Form: form_submitted}}, at: at, user_id: id}\n")
    done = desk.imports(desk.file("l.csv", "id,what,at\n1,Form,2026-03-02\n2,Fromm,2026-03-02\n"), "--as", "signals", "--map", mapping)
    assert "l.csv line 3, column what: 'Fromm' is not among the values of the mapping. Did you mean 'Form'?" in done.stderr


def test_a_plan_without_its_folder_and_a_kind_with_a_plan_are_misuse(desk):
    assert desk.imports(desk.file("l.csv", "a\n1\n")).exit_code == 2
    done = desk.imports(desk.folder / "l.csv", "--plan", desk.file("p.yaml", "contract: c\nfiles: []\n"))
    assert done.exit_code == 1
    assert "a plan needs the folder its files are in" in done.stderr
