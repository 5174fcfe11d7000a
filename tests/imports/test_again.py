"""Again: a second run adds nothing, a killed one goes on where it stopped, a changed row is a new fact."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import psycopg

LIST = "email,title\nanna@kraus.example,CFO\nben@weiss.example,CEO\nnobody,CTO\n"


def test_a_second_run_of_the_same_file_adds_nothing(desk):
    path = desk.file("list.csv", LIST)
    first = desk.imports(path, "--as", "people", "--json").summary[0]
    again = desk.imports(path, "--as", "people", "--json").summary[0]
    assert (first["added"], first["known"], first["refused"]) == (2, 0, 1)
    assert (again["added"], again["known"], again["refused"]) == (0, 2, 1)
    assert desk.rows("SELECT count(*) FROM signal") == [(2,)]
    assert len(desk.problems("list.csv.problems.jsonl")) == 1


def test_the_same_rows_in_another_file_and_format_count_once(desk):
    desk.imports(desk.file("list.csv", LIST), "--as", "people")
    text = '{"title": "CEO", "email": "ben@weiss.example"}\n{"title": "COO", "email": "ben@weiss.example"}\n'
    done = desk.imports(desk.file("more.jsonl", text), "--as", "people", "--json").summary[0]
    assert (done["added"], done["known"]) == (1, 1)


def test_a_finished_import_is_not_even_read_again(desk):
    path = desk.file("list.csv", "email\nanna@kraus.example\n")
    desk.imports(path, "--as", "people")
    done = desk.imports(path, "--as", "people", "--json").summary[0]
    assert (done["rows"], done["added"], done["known"]) == (1, 0, 1)


def test_an_import_killed_in_the_middle_goes_on_and_nothing_is_there_twice(desk):
    """kill -9 while chunks are being recorded; then the same command once more."""
    total = 30_000
    rows = "".join(f"m{n},page_viewed,2026-03-02 10:00,p{n % 7000}@firm{n % 900}.example,/p/{n}\n" for n in range(total))
    path = desk.file("visits.csv", "id,kind,at,email,path\n" + rows.replace("p41@firm41.example", "p41@", 1))
    words = [sys.executable, "-m", "handfast", "import", str(path), "--as", "signals"]
    running = subprocess.Popen(words, cwd=desk.folder, env=dict(os.environ), stderr=subprocess.DEVNULL)
    with psycopg.connect(desk.url, autocommit=True) as conn:
        while running.poll() is None and not conn.execute("SELECT 1 FROM import_run WHERE done_rows > 0").fetchone():
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        running.wait()
        while conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone() != (0,):
            time.sleep(0.01)  # the server notices the death of its client
        ((done, finished),) = conn.execute("SELECT done_rows, finished_at FROM import_run").fetchall()
        recorded = conn.execute("SELECT count(*) FROM signal").fetchone()[0]
    assert finished is None, "killed too late for this test to mean anything"
    assert 0 < done < total
    # What is noted as done is what is recorded: both are one transaction.
    assert recorded == done - 1
    again = desk.imports(path, "--as", "signals", "--json").summary[0]
    assert (again["went_on_after"], again["rows"], again["added"], again["refused"]) == (done, total, total - 1, 1)
    assert again["known"] == 0
    assert desk.rows("SELECT count(*), count(DISTINCT id) FROM signal") == [(total - 1, total - 1)]
    assert desk.rows("SELECT count(*) FROM pending") == [(total - 1,)]
    assert len(desk.problems("visits.csv.problems.jsonl")) == 1
    last = desk.imports(path, "--as", "signals", "--json").summary[0]
    assert (last["added"], last["known"]) == (0, total - 1)


def test_the_report_of_an_interrupted_import_is_added_to(desk, monkeypatch):
    """The first chunk's refusals stay in the report when the second run goes on after it."""
    from handfast.connectors.files import table
    from handfast.desk import imports

    monkeypatch.setattr(table, "CHUNK", 2)
    monkeypatch.setattr(table.Table.chunks, "__defaults__", (0, 2))
    path = desk.file("list.csv", "email\nnobody\nann@kraus.example\nben@kraus.example\nnoone\n")
    chunks = []
    real = imports.read_rows

    def dies_at_the_second(reader, chunk):
        chunks.append(chunk)
        if len(chunks) == 2:
            raise KeyboardInterrupt
        return real(reader, chunk)

    monkeypatch.setattr(imports, "read_rows", dies_at_the_second)
    with contextlib.suppress(AssertionError, KeyboardInterrupt):
        desk.imports(path, "--as", "people")
    assert [p["line"] for p in desk.problems("list.csv.problems.jsonl")] == [2]
    monkeypatch.setattr(imports, "read_rows", real)
    done = desk.imports(path, "--as", "people", "--json").summary[0]
    assert (done["went_on_after"], done["added"], done["refused"]) == (2, 2, 2)
    assert [p["line"] for p in desk.problems("list.csv.problems.jsonl")] == [2, 5]
