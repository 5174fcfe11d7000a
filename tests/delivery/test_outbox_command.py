"""`handfast outbox`: nobody has to open a database to see what was not delivered, or to send it again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from delivery_house import Clock, House, Wire

from handfast.cli import main
from handfast.connectors.channel import Permanent, Temporary
from handfast.desk.deliver import deliver

Command = Callable[..., Result]


@pytest.fixture
def handfast(house: House, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command as an operator would, on the database of this test."""
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, ["outbox", *words])

    return run


def test_what_waits_and_what_died(house: House, wire: Wire, clock: Clock, handfast: Command) -> None:
    dead, waiting = house.writes(cause="a"), house.writes("reminder", cause="b")
    wire.answer = lambda message: (_ for _ in ()).throw(Permanent("550 no such user") if message.id == dead else Temporary("451 later"))
    deliver(house.store, {"email": wire}, clock)
    listed = handfast("list")
    assert f"{waiting}  reminder       email   to ana, handoff hof_1: waits, next at 2026-11-23 12:00" in listed.stdout
    assert "1 attempt failed: 451 later" in listed.stdout
    assert (
        f"{dead}  handoff_opened email   to ana, handoff hof_1: died 2026-11-23 12:00 UTC after 1 attempt: 550 no such user"
        in listed.stdout
    )
    only = json.loads(handfast("list", "--dead", "--json").stdout)
    assert [(row["id"], row["state"], row["why"], row["attempt"]) for row in only] == [(dead, "dead", "550 no such user", 1)]


def test_the_dead_are_sent_again(house: House, wire: Wire, clock: Clock, handfast: Command) -> None:
    one, two, three = (house.writes(cause=cause) for cause in "abc")
    wire.fails(Permanent("550 no such user"))
    deliver(house.store, {"email": wire}, clock)
    assert handfast("replay", one).stdout == "1 message will be sent again.\n"
    assert [house.row(message)["state"] for message in (one, two, three)] == ["waiting", "dead", "dead"]
    assert json.loads(handfast("replay", "--all-dead", "--json").stdout) == {"replayed": 2}
    assert handfast("list", "--dead").stdout == "No message died.\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("replay",), "it is not clear which messages are meant"),
        (("replay", "msg_x", "--all-dead"), "it is not clear which messages are meant"),
        (("replay", "msg_x"), "no message of this id has died"),
    ],
)
def test_a_mistake_is_told_and_ends_with_1(handfast: Command, words: tuple[str, ...], says: str) -> None:
    done = handfast(*words)
    assert done.exit_code == 1
    assert says in done.stderr


def test_nothing_to_tell(handfast: Command) -> None:
    assert handfast("list").stdout == "Nothing waits, and no message died.\n"
