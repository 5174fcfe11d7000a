"""`handfast rep` and `handfast dispute`, as somebody types them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from handfast.cli import main
from handfast.desk import disputes
from handfast.desk.feeds import ask_next
from handfast.store import availability as rows
from tests.desk.house import House, moment


@pytest.fixture
def house(store: object) -> House:
    return House(store)  # type: ignore[arg-type]


def typed(house: House, folder: Path, *words: str) -> Result:
    environment = {"HANDFAST_DATABASE_URL": house.store.url, "HANDFAST_DATA_DIR": str(folder)}
    return CliRunner().invoke(main, list(words), env=environment)


def test_a_rep_is_switched_off_and_on(house: House, tmp_path: Path) -> None:
    assert typed(house, tmp_path, "rep", "off", "anna", "--because", "ill").output == "anna takes none.\n"
    assert typed(house, tmp_path, "rep", "off", "anna").output == "anna takes none, as before.\n"
    assert "anna             off" in typed(house, tmp_path, "rep", "list").output
    assert typed(house, tmp_path, "rep", "on", "anna").output == "anna takes handoffs again.\n"
    wrong = typed(house, tmp_path, "rep", "off", "ana")
    assert wrong.exit_code == 1
    assert "Did you mean 'anna'?" in wrong.output
    listed = json.loads(typed(house, tmp_path, "rep", "list", "--json").output)
    assert [one["id"] for one in listed] == ["anna", "ben", "cleo", "mia", "zoe"]


def test_a_calendar_is_read_from_a_file_and_an_address_must_be_https(house: House, tmp_path: Path) -> None:
    year = datetime.now(UTC).year + 1
    file = tmp_path / "leave.ics"
    file.write_text(
        f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:{year}0104\nEND:VEVENT\nBEGIN:VEVENT\nUID:2\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    done = typed(house, tmp_path, "rep", "calendar", "anna", str(file))
    assert done.exit_code == 0, done.output
    assert "anna: 1 absence read, 1 problem." in done.output
    with house.store.reading() as conn:
        assert [one.source for one in rows.absences_of(conn, moment("Mon 00:00"))] == ["calendar:leave.ics"]
    for source, what in ((str(tmp_path / "none.ics"), "cannot be read"), ("http://calendars.example/secret", "is not https")):
        wrong = typed(house, tmp_path, "rep", "calendar", "anna", source)
        assert wrong.exit_code == 1
        assert what in wrong.output
        assert "secret" not in wrong.output


def test_a_calendar_is_kept_listed_and_forgotten(house: House, tmp_path: Path) -> None:
    """Its server is not there: it is kept all the same, and a worker asks again."""
    address = "https://127.0.0.1:9/secret/leave.ics"
    told = typed(house, tmp_path, "rep", "calendar", "anna", address, "--keep", "--name", "leave")
    assert told.exit_code == 1
    assert "inside a private network" in told.output
    ask_next(house.store, datetime.now(UTC))
    listed = typed(house, tmp_path, "rep", "calendars").output
    assert "not read yet, failing since" in listed
    [one] = json.loads(typed(house, tmp_path, "rep", "calendars", "--json").output)
    assert (one["rep"], one["name"], one["read_at"]) == ("anna", "leave", None)
    assert "secret" not in told.output + listed + str(one)
    assert typed(house, tmp_path, "rep", "forget", "anna", "leave").output == "anna: 'leave' is fetched no more.\n"
    assert typed(house, tmp_path, "rep", "calendars").output.startswith("None.")
    assert "only an address" in typed(house, tmp_path, "rep", "calendar", "anna", str(tmp_path / "x.ics"), "--keep").output


def test_disputes_and_their_labels_are_listed(house: House, tmp_path: Path) -> None:
    assert typed(house, tmp_path, "dispute", "list").output == "Nothing is disputed.\n"
    house.arrives("pat@firm.example", "Mon 10:00")
    one = disputes.raise_dispute(house.store, house.handoff(), "owner", "rep", "anna", "It is Ben's.", moment("Mon 11:00"))
    assert one in typed(house, tmp_path, "dispute", "list").output
    disputes.answer(house.store, one, True, "revops", "ops", "", moment("Mon 12:00"))
    [label] = json.loads(typed(house, tmp_path, "dispute", "examples", "--json").output)
    assert (label["right"], label["rule"]) == (False, "pool")
