"""In a replay a handoff takes up room from when it is given to somebody until it ends: told from the record, whoever owns it by then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from handfast.contract.agreement import Agreement, agree
from handfast.contract.terms import Contract
from handfast.facts import Rep
from handfast.problem import Place
from handfast.tuning.replay_life import Opening, ReadyRow, Recorded
from handfast.tuning.replay_load import Crew, routed
from tests.routing.test_ladder import contract

MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
CREW = Crew({"ana": Rep("ana", "Ana", "ana@northwind.example")})


@pytest.fixture(scope="module")
def terms() -> Agreement:
    """Ana is alone, and may hold one. Nothing is declared to be known of people."""
    routing = {"ladder": ["pool"], "pools": {"smb": {"members": {"ana": 1}, "cap": "1 open"}}, "default": "smb"}
    agreed, problems = agree(Contract.model_validate({**contract(routing), "fields": {}}), Place("northwind.yaml"))
    assert agreed is not None, problems
    return agreed


def opened(number: int, at: float, ended: float | None) -> Opening:
    moment = MONDAY + at * HOUR
    row = ReadyRow(number, f"p{number}", None, moment, moment, "demo", 50, 40_000_000, "web", "{}", None, 0)
    return Opening(f"p{number}", row, None if ended is None else MONDAY + ended * HOUR, None, "recorded", None)


@pytest.mark.parametrize(
    ("lives", "owned"),
    [
        ([(0, 1), (1, 2), (2, None), (3, None)], [True, True, True, False]),  # whoever ends at nine makes room at nine
        ([(0, None), (1, 2), (1, 2)], [True, False, False]),
        ([(0, 2), (1, 4), (3, 5), (5, None)], [True, True, False, True]),  # the second waits from one to three; the third ends unowned
        ([(0, 0), (0, 0), (1, None), (2, None)], [True, True, True, False]),  # ended as it was opened: room for the next
        ([(1, 0), (1, 3), (1, None), (3, None)], [True, True, True, False]),  # ended, on record, before it was opened: no sooner than given
    ],
)
def test_room_is_made_when_a_handoff_ends(terms: Agreement, lives: list[tuple[float, float | None]], owned: list[bool]) -> None:
    found = routed([terms], [opened(number, *life) for number, life in enumerate(lives)], CREW, [])
    assert [one.owner == "ana" for one in found] == owned


def test_what_stood_before_takes_up_room_until_it_ends(terms: Agreement) -> None:
    def before(owner: str | None, ended: float | None) -> Recorded:
        return Recorded("h", "x", MONDAY - HOUR, None if ended is None else MONDAY + ended * HOUR, None, "demo", 50, met=False, owner=owner)

    asked = [opened(0, 0, 1), opened(1, 2, None)]
    assert [one.owner for one in routed([terms], asked, CREW, [before("ana", 2), before(None, None)])] == [None, "ana"]
    assert [one.owner for one in routed([terms], asked, CREW, [before("ana", None)])] == [None, None]
