"""What a list of reps and a list of their leave say: hours, region, skills, and days away."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from handfast.connectors.files.plan import open_file
from handfast.desk.imports import Imported, import_file
from handfast.problem import Problem
from handfast.store import availability as rows
from handfast.store import handover
from handfast.store.base import Store

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
REPS = """id,name,email,time_zone,week,holidays,skills
ana,Ana Flores,ana@northwind.example,Europe/Berlin,mon-thu 09:00-12:30 13:15-17:30; fri 09:00-15:00,DE-BY,"german, soc2"
ben,Ben Carter,ben@northwind.example,America/New_York,,,
cy,Cy Young,cy@northwind.example,UTC,sometimes,,
"""
LEAVE = """rep,from,until,why
ana,2026-03-09,2026-03-13,skiing
ben@northwind.example,2026-03-03T12:00:00Z,2026-03-03T15:00:00Z,
ana,2026-04-02,2026-04-01,
zoe,2026-03-09,2026-03-13,
"""


def take(store: Store, folder: Path, name: str, text: str, kind: str) -> tuple[Imported, list[Problem]]:
    path = folder / name
    path.write_text(text)
    opened, wrong = open_file(path, kind, None, "import")
    assert opened is not None, wrong
    problems: list[Problem] = []
    return import_file(store, opened.table, opened.mapping, AT, refuse=problems.append), problems


def test_hours_region_and_skills_come_with_the_list_of_reps(store: Store, tmp_path: Path) -> None:
    done, problems = take(store, tmp_path, "reps.csv", REPS, "reps")
    assert (done.added, done.refused) == (2, 1)
    assert "'sometimes'" in problems[0].what
    with store.reading() as conn:
        reps = handover.reps(conn)
    assert (reps["ana"].holidays, reps["ana"].skills) == ("DE-BY", frozenset({"german", "soc2"}))
    assert dict(reps["ana"].week or {}) == {"mon-thu": ["09:00-12:30", "13:15-17:30"], "fri": ["09:00-15:00"]}
    assert reps["ben"].week is None


def test_leave_is_whole_days_or_hours_and_a_second_time_changes_nothing(store: Store, tmp_path: Path) -> None:
    take(store, tmp_path, "reps.csv", REPS, "reps")
    done, problems = take(store, tmp_path, "leave.csv", LEAVE, "absences")
    assert (done.added, done.refused) == (2, 2)
    assert ["ends before it begins" in problems[0].what, "no rep 'zoe'" in problems[1].what] == [True, True]
    with store.reading() as conn:
        away = [(one.rep, f"{one.starts_at:%m-%d %H}", f"{one.ends_at:%m-%d %H}") for one in rows.absences_of(conn, AT)]
    assert away == [("ben", "03-03 12", "03-03 15"), ("ana", "03-09 00", "03-14 00")], "the last day belongs to it"
    again, _ = take(store, tmp_path, "leave.csv", LEAVE, "absences")
    assert again.added == 0


def test_an_absence_for_ever_is_refused_with_what_to_do_and_the_others_go_in(store: Store, tmp_path: Path) -> None:
    """9999-12-31 is what many systems write for a day that is not known; the day after it is in no calendar."""
    take(store, tmp_path, "reps.csv", REPS, "reps")
    text = "rep,from,until\nana,2026-03-09,9999-12-31\nana,0001-01-01,0001-01-02\nana,2026-03-09,2026-03-13\n"
    done, problems = take(store, tmp_path, "leave.csv", text, "absences")
    assert (done.added, [problem.where.line for problem in problems]) == (1, [2, 3])
    assert "'9999-12-31' lies outside the calendar" in problems[0].what
