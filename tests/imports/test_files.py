"""Files as people have them: three formats, other people's dialects, bad rows, files that are no files."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

PEOPLE = [
    {"email": "anna@kraus.example", "first_name": "Anna", "employees": 420, "at": "2026-03-02T09:00:00+01:00"},
    {"email": "ben@weiss.example", "first_name": "Ben", "employees": 12, "at": "2026-03-03T09:00:00+01:00"},
]


def signals_of(desk):
    return desk.rows("SELECT email, kind, occurred_at, person, account FROM signal ORDER BY email")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_the_same_list_in_each_format_says_the_same(desk, form):
    path = desk.folder / f"list.{form}"
    if form == "csv":
        pl.DataFrame(PEOPLE).write_csv(path)
    elif form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in PEOPLE))
    else:
        pl.DataFrame(PEOPLE).write_parquet(path)
    done = desk.imports(path, "--as", "people", "--json")
    assert done.exit_code == 0
    assert done.summary[0] | {"report": None} == {
        "file": path.name, "kind": "people", "rows": 2, "added": 2, "known": 0, "refused": 0, "passed_over": 0, "went_on_after": 0, "report": None,
    }  # fmt: skip
    (anna, _ben) = signals_of(desk)
    assert anna[:3] == ("anna@kraus.example", "identified", datetime(2026, 3, 2, 8, tzinfo=UTC))
    assert anna[3]["first_name"] == "Anna"
    assert anna[4]["employees"] in (420, "420")


@pytest.mark.parametrize(
    "text",
    [
        "email;title\nanna@kraus.example;Head, Sales\n",
        '\ufeffemail,title\r\nanna@kraus.example,"Head, Sales"\r\n',
        "email\ttitle\nanna@kraus.example\tHead, Sales\n",
        'email|title\nanna@kraus.example|"Head, Sales"\n',
        'title,email\n\n"Head, Sales",anna@kraus.example\n\n',
    ],
    ids=["semicolons", "a byte order mark and quotes", "tabs", "bars", "empty lines"],
)
def test_other_peoples_dialects(desk, text):
    desk.imports(desk.file("list.csv", text), "--as", "people")
    assert [(row[0], row[3]["title"]) for row in signals_of(desk)] == [("anna@kraus.example", "Head, Sales")]


def test_a_cell_over_two_lines_keeps_the_lines_of_those_below_right(desk):
    text = 'email,note\nanna@kraus.example,"two\nlines"\nben@,short\ncara@weiss.example,"never\n'
    done = desk.imports(desk.file("list.csv", text), "--as", "people")
    assert done.exit_code == 0
    assert [(p["line"], p["part"]) for p in desk.problems("list.csv.problems.jsonl")] == [(4, "column email"), (5, "")]
    assert [row[3]["note"] for row in signals_of(desk)] == ["two\nlines"]


def test_bad_rows_are_reported_and_the_rest_goes_in(desk):
    rows = [f"p{n}@firm{n}.example,2026-03-02 10:00" for n in range(40)]
    rows[6] = "p6@,2026-03-02 10:00"
    rows[11] = "p11@firm11.example,yesterday"
    rows[13] = ",2026-03-02 10:00"
    rows[17] = "p17@firm17.example,2026-03-02 10:00,more"
    rows[20] = "p20@firm20.example,2999-01-01"
    rows[22] = "p22\x00@firm22.example,2026-03-02 10:00"
    path = desk.file("list.csv", "email,at\n" + "\n".join(rows) + "\n")
    done = desk.imports(path, "--as", "people", "--json")
    assert done.exit_code == 0
    assert (done.summary[0]["added"], done.summary[0]["refused"]) == (34, 6)
    found = desk.problems("list.csv.problems.jsonl")
    assert [p["line"] for p in found] == [8, 13, 15, 19, 22, 24]
    assert found[0]["what"] == "'p6@' is no e-mail address"
    assert "yesterday" in found[1]["what"]
    assert "so nobody knows whose row this is" in found[2]["what"]
    assert found[3]["what"] == "the row has 3 cells, and the header 2"
    assert "has not come yet" in found[4]["what"]
    assert "NUL" in found[5]["what"]
    assert all(p["file"] == "list.csv" and p["fix"] for p in found)
    assert "list.csv line 8, column email: 'p6@' is no e-mail address. Correct it, or leave the cell empty." in done.stderr
    assert str(path) + ".problems.jsonl" in done.stderr


def test_the_report_goes_where_it_is_sent_and_a_clean_import_leaves_none(desk):
    bad, good = desk.file("bad.csv", "email\nnobody\nann@kraus.example\n"), desk.file("good.csv", "email\nben@kraus.example\n")
    desk.imports(bad, good, "--as", "people", "--report", desk.folder / "out" / "wrong.jsonl")
    assert [p["file"] for p in desk.problems("out/wrong.jsonl")] == ["bad.csv"]
    assert sorted(p.name for p in desk.folder.iterdir()) == ["bad.csv", "good.csv", "out"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.csv", b"", "list.csv: the file is empty. Export it again"),
        ("list.csv", b"name,phone\nAnna,1\n", "list.csv line 1: people need a column 'email' or 'user_id'"),
        ("list.csv", "email\nJürgen\n".encode("cp1252"), "list.csv line 2: this is not UTF-8 text (byte 0xfc). Save the file as UTF-8"),
        ("list.csv", "email\nann@kraus.example\n".encode("utf-16"), "list.csv line 1: this is UTF-16"),
        ("list.csv", b"email,email\na,b\n", "list.csv line 1, column 2: a second column is called 'email'"),
        ("list.csv", b"email,\na,b\n", "list.csv line 1, column 2: this column has no name"),
        ("list.parquet", b"PAR1 and no more", "list.parquet: the file is no whole Parquet file"),
        ("list.jsonl", b'[{"email": "ann@kraus.example"}]', "list.jsonl line 1: this is one JSON list, not JSON lines"),
        ("list.xlsx", b"PK", "list.xlsx: '.xlsx' is no ending we know"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_nothing_goes_in(desk, name, content, said):
    done = desk.imports(desk.file(name, content), "--as", "people")
    assert done.exit_code == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert signals_of(desk) == []


def test_a_parquet_file_cut_off_in_the_copying(desk):
    path = desk.folder / "list.parquet"
    pl.DataFrame({"email": [f"p{n}@kraus.example" for n in range(1000)]}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-200])
    done = desk.imports(path, "--as", "people")
    assert done.exit_code == 1
    assert "export or copy it again" in done.stderr


def test_one_unreadable_file_among_several_stops_all_before_anything_is_recorded(desk):
    good = desk.file("good.csv", "email\nann@kraus.example\n")
    done = desk.imports(good, desk.folder / "missing.csv", "--as", "people")
    assert done.exit_code == 1
    assert "missing.csv: there is no such file" in done.stderr
    assert signals_of(desk) == []


def test_lines_that_are_no_json_are_problems_of_their_own(desk):
    text = (
        '{"email": "ann@kraus.example"}\n{"email": \n[1]\n\n{"email": "ben@kraus.example", "account": {"name": "Kraus", "employees": 40}}\n'
    )
    desk.imports(desk.file("list.jsonl", text), "--as", "people")
    assert [p["line"] for p in desk.problems("list.jsonl.problems.jsonl")] == [2, 3]
    assert [row[4] for row in signals_of(desk)] == [None, {"name": "Kraus", "employees": 40}]


def test_parquet_keeps_its_types(desk):
    frame = pl.DataFrame(
        {
            "id": ["m1"],
            "kind": ["webinar_attended"],
            "at": [date(2026, 3, 2)],
            "email": ["ann@kraus.example"],
            "minutes": [42],
            "seen": [0.5],
            "live": [True],
        }
    )
    frame.write_parquet(desk.folder / "list.parquet")
    desk.imports(desk.folder / "list.parquet", "--as", "signals")
    assert desk.rows("SELECT properties FROM signal") == [({"minutes": 42, "seen": 0.5, "live": True},)]


def test_nothing_but_refused_rows_is_a_failure(desk):
    done = desk.imports(desk.file("list.csv", "email\nnobody\nnoone\n"), "--as", "people")
    assert done.exit_code == 1


def test_a_dry_run_checks_everything_and_records_nothing(desk):
    path = desk.file("list.csv", "email\nnobody\nann@kraus.example\n")
    done = desk.imports(path, "--as", "people", "--dry-run", "--json")
    assert done.exit_code == 0
    assert done.summary == [{"file": "list.csv", "kind": "people", "rows": 2, "good": 1, "refused": 1, "passed_over": 0}]
    assert signals_of(desk) == []
    assert desk.rows("SELECT count(*) FROM import_run") == [(0,)]


def test_a_quote_that_is_never_closed_costs_its_own_row_and_no_other(desk):
    rows = "".join(f"p{n}@kraus.example,note {n}\n" for n in range(50))
    text = f'email,note\nanna@kraus.example,"never closed\n{rows}ben@weiss.example,"two\nlines"\ncara@weiss.example,"nor this\ndora@weiss.example,x\n'
    done = desk.imports(desk.file("list.csv", text), "--as", "people", "--json")
    told = done.summary[0]
    assert (told["rows"], told["added"], told["refused"]) == (54, 52, 2)
    assert "list.csv line 2: the row cannot be read" in done.stderr
    assert "list.csv line 55: the row cannot be read" in done.stderr
    (note,) = desk.rows("SELECT person->>'note' FROM signal WHERE email = 'ben@weiss.example'")
    assert note == ("two\nlines",)


def test_a_report_is_never_written_over_what_is_read(desk):
    path = desk.file("list.jsonl", '{"email": "anna@kraus.example"}\n{"email": "no address"}\n')
    before = path.read_bytes()
    done = desk.imports(path, "--as", "people", "--dry-run", "--report", str(path))
    assert done.exit_code == 1
    assert "would be written over a file that is read" in done.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{\n  "email": "anna@kraus.example"\n}\n', "line 1: the line is no JSON"),
        ('{"email": "anna@kraus.example"}\n'.encode("utf-16"), "this is UTF-16, not UTF-8, text"),
        (b"\n\n", "it has no rows"),
        (b'{"email": "anna@kraus.exa', "line 1: the line is no JSON"),
    ],
)
def test_json_lines_without_a_single_row_are_told_why_and_not_that_a_column_is_missing(desk, raw, said):
    done = desk.imports(desk.file("list.jsonl", raw), "--as", "people")
    assert done.exit_code == 1
    assert said in done.stderr
    assert "need a column" not in done.stderr


def test_half_a_parquet_file_with_a_whole_footer_is_a_problem(desk):
    whole = desk.folder / "whole.parquet"
    pl.DataFrame({"email": [f"p{n}@kraus.example" for n in range(20_000)], "n": range(20_000)}).write_parquet(whole)
    raw = whole.read_bytes()
    done = desk.imports(desk.file("half.parquet", raw[len(raw) // 2 :]), "--as", "people")
    assert done.exit_code == 1
    assert "half.parquet" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("source", ["", " ", "x" * 61])
def test_a_source_has_a_name(desk, source):
    done = desk.imports(desk.file("list.csv", "email\nanna@kraus.example\n"), "--as", "people", "--source", source)
    assert done.exit_code == 1
    assert "no name of a source" in done.stderr


def test_a_moment_of_no_year_anybody_means_is_refused(desk):
    """What was taken in could not be decided: there is nothing so long before it that could be looked for."""
    text = "kind,at,email\nasked,0001-01-01T00:00:01Z,anna@kraus.example\nasked,2026-03-02,ben@weiss.example\n"
    done = desk.imports(desk.file("list.csv", text), "--as", "signals")
    assert "line 2, column at: '0001-01-01T00:00:01Z' lies outside the calendar" in done.stderr
    assert [row[0] for row in signals_of(desk)] == ["ben@weiss.example"]
