"""A rep's calendar of leave, fetched by itself from a real server: what it says counts, and what goes wrong with it is said."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from handfast.connectors.ics.absences import LARGEST_BYTES
from handfast.connectors.ics.feed import Fetched, Tags, fetch, read_address
from handfast.desk import feeds
from handfast.desk.feeds import Asked
from handfast.desk.refused import Refused
from handfast.problem import Problem
from handfast.store import feeds as rows
from tests.availability.calendar_server import SECRET, Calendars, calendars
from tests.desk.house import House, moment

LEAVE = "DTSTART;VALUE=DATE:20260309\nDTEND;VALUE=DATE:20260311"
TRIP = "DTSTART;VALUE=DATE:20260320\nDTEND;VALUE=DATE:20260321"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calendars]:
    with calendars(tmp_path_factory.mktemp("tls")) as running:
        yield running


@pytest.fixture
def house(store: object, server: Calendars) -> House:
    house = House(store)  # type: ignore[arg-type]
    server.drip = 0.0
    server.asked.clear()
    assert feeds.keep(house.store, "anna", server.url, "anna", moment("Mon 09:00"), "leave") == "leave"
    return house


def asked(house: House, server: Calendars, at: str, **more: bool) -> Asked | None:
    """A look of the worker."""
    return feeds.ask_next(house.store, moment(at), private=more.get("private", True), fetch=partial(fetch, tls=server.trusted))


def away(house: House) -> list[str]:
    return [str(row[0]) for row in house.rows("SELECT starts_at::date FROM absence WHERE source = 'calendar:leave' ORDER BY starts_at")]


def feed(house: House) -> rows.Feed:
    with house.store.reading() as conn:
        return rows.feeds(conn)[0]


def test_it_is_fetched_every_hour_and_what_it_says_counts(house: House, server: Calendars) -> None:
    server.says(LEAVE, TRIP)
    assert asked(house, server, "Mon 09:00") is not None
    assert away(house) == ["2026-03-08", "2026-03-19"], "the days begin at midnight in Berlin"
    assert asked(house, server, "Mon 09:59") is None
    server.says(TRIP)
    assert asked(house, server, "Mon 10:00") is not None
    assert away(house) == ["2026-03-19"]
    house.arrives("pat@firm.example", "Mon 11:00")
    assert house.owner() == "anna"
    assert (feed(house).absences, feed(house).read_at, feed(house).failing_since) == (1, moment("Mon 10:00"), None)


def test_what_has_not_changed_is_not_sent_again_but_once_a_day(house: House, server: Calendars) -> None:
    server.says(LEAVE, etag='"v1"')
    asked(house, server, "Mon 09:00")
    asked(house, server, "Mon 12:00")
    assert [one.get("if-none-match") for one in server.asked] == [None, '"v1"']
    assert (feed(house).read_at, feed(house).good_at) == (moment("Mon 09:00"), moment("Mon 12:00"))
    asked(house, server, "Tue 09:00")
    assert server.asked[-1].get("if-none-match") is None, "what repeats is laid out anew"
    assert feed(house).read_at == moment("Tue 09:00")


def large(server: Calendars) -> None:
    server.says(LEAVE)
    server.body = server.body + b"X" * LARGEST_BYTES


def redirected_for_ever(server: Calendars) -> None:
    server.status, server.headers = 302, {"location": server.url}


def sent_to_a_page(server: Calendars) -> None:
    server.status, server.body, server.headers = 200, b"<html>Please sign in</html>", {}


def forbidden(server: Calendars) -> None:
    server.status, server.headers = 403, {}


def one_bad_event(server: Calendars) -> None:
    server.says("SUMMARY:no beginning")


@pytest.mark.parametrize(
    ("goes_wrong", "what"),
    [
        (large, "5,000,000 is the most"),
        (redirected_for_ever, "more than 3 times"),
        (sent_to_a_page, "not an iCalendar file"),
        (forbidden, "answered 403"),
        (one_bad_event, "no beginning"),
    ],
)
def test_the_last_good_reading_stands_and_the_problem_is_kept(house: House, server: Calendars, goes_wrong: object, what: str) -> None:
    server.says(LEAVE)
    asked(house, server, "Mon 09:00")
    goes_wrong(server)  # type: ignore[operator]
    found = asked(house, server, "Mon 10:00")
    assert found is not None
    assert found.failed
    assert what in str(found.problems[0])
    assert away(house) == ["2026-03-08"]
    assert asked(house, server, "Mon 10:14") is None
    asked(house, server, "Mon 10:15")
    assert (feed(house).failing_since, feed(house).read_at) == (moment("Mon 10:00"), moment("Mon 09:00"))
    assert what in feeds.problems_of(feed(house))[0].what
    assert house.events().count("calendar_failed") == 1
    told = str(house.rows("SELECT data FROM event")) + str(feed(house)) + str(feeds.problems_of(feed(house)))
    assert SECRET not in told, "the address opens the calendar"
    server.says(TRIP)
    asked(house, server, "Mon 11:00")
    assert (away(house), feed(house).failing_since, feed(house).problems) == (["2026-03-19"], None, [])


def test_the_longer_it_fails_the_more_seldom_it_is_asked(house: House, server: Calendars) -> None:
    forbidden(server)
    for at in ("Mon 09:00", "Mon 09:15", "Mon 09:30", "Mon 10:00", "Mon 11:00", "Mon 13:00", "Mon 17:00", "Mon 23:00"):
        assert asked(house, server, at) is not None, at
    assert asked(house, server, "Tue 04:59") is None
    assert asked(house, server, "Tue 05:00") is not None


def test_an_event_that_cannot_be_read_is_said_and_the_others_count(house: House, server: Calendars) -> None:
    server.says(LEAVE, "SUMMARY:no beginning")
    found = asked(house, server, "Mon 09:00")
    assert found is not None
    assert not found.failed
    assert away(house) == ["2026-03-08"]
    assert [one["part"] for one in feed(house).problems] == ["event 2"]


def test_an_empty_calendar_says_never_away_and_that_it_is_empty(house: House, server: Calendars) -> None:
    server.says(LEAVE)
    asked(house, server, "Mon 09:00")
    server.says()
    asked(house, server, "Mon 10:00")
    assert away(house) == []
    assert "no event" in feeds.problems_of(feed(house))[0].what


def test_a_host_inside_the_network_is_asked_only_if_the_operator_allows_it(house: House, server: Calendars) -> None:
    server.says(LEAVE)
    found = asked(house, server, "Mon 09:00", private=False)
    assert found is not None
    assert "inside a private network" in found.problems[0].what
    assert "HANDFAST_PRIVATE_CALENDARS" in found.problems[0].fix
    assert server.asked == [], "nobody knocked"


def test_a_server_that_drips_is_cut_off(server: Calendars) -> None:
    server.says(LEAVE)
    server.drip = 0.05
    found = fetch(server.url, private=True, tls=server.trusted, seconds=0.3)
    server.drip = 0.0
    assert isinstance(found, Problem)
    assert found.what == "no answer within 0.3 s"


def test_a_server_nobody_vouches_for_is_not_read(server: Calendars) -> None:
    server.says(LEAVE)
    found = fetch(server.url, private=True)
    assert isinstance(found, Problem)
    assert "vouches" in found.what
    assert isinstance(fetch(server.url, private=True, tls=server.trusted), Fetched)


def test_a_server_that_changes_nothing_without_being_asked_so_is_wrong(server: Calendars) -> None:
    server.status, server.headers = 304, {}
    found = fetch(server.url, Tags(), private=True, tls=server.trusted)
    assert isinstance(found, Problem)
    assert "answered 304" in found.what


@pytest.mark.parametrize(
    ("address", "what"),
    [
        (f"http://calendars.example/{SECRET}", "not https"),
        (f"ftp://calendars.example/{SECRET}", "not https"),
        (f"https:///{SECRET}", "no address"),
        (f"https://ana:{SECRET}@calendars.example/", "carries a password"),
        (f"https://calendars.example:99999/{SECRET}", "no address"),
        (f"https://calendars.example/{SECRET} more", "no address"),
    ],
)
def test_an_address_nobody_should_fetch_is_refused(house: House, address: str, what: str) -> None:
    with pytest.raises(Refused, match=what) as refused:
        feeds.keep(house.store, "ben", address, "ben", moment("Mon 09:00"))
    assert SECRET not in str(refused.value.problem)


def test_a_calendar_as_apple_writes_its_address() -> None:
    assert read_address(" webcal://calendars.example/leave.ics ") == ("https://calendars.example/leave.ics", None)


def test_whoever_forgets_it_takes_back_what_it_said_of_the_time_to_come(house: House, server: Calendars) -> None:
    server.says(LEAVE, TRIP)
    asked(house, server, "Mon 09:00")
    feeds.forget(house.store, "anna", "leave", "anna", moment("Thu+1 12:00"))
    assert away(house) == ["2026-03-08"], "what is over stays"
    assert asked(house, server, "Mon+2 09:00") is None
    with pytest.raises(Refused, match="keeps no calendar called 'leave'"):
        feeds.forget(house.store, "anna", "leave", "anna", moment("Mon+1 12:00"))
