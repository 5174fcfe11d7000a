"""What a replay says of a small company whose past is known: who changes, whose it would be, whether it can be carried, what to expect."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from handfast.cli import main
from handfast.contract.reading import read_contract
from handfast.desk.replay import Asked, Found, Stopped, replay
from handfast.desk.sizes import Count, sizes
from handfast.facts import Outcome
from handfast.store.base import Store
from handfast.tuning.replay_life import Lives, ReadyRow, Recorded, lived
from handfast.tuning.replay_load import Crew
from handfast.tuning.replay_report import FEWEST, Period, Side, changes, meetings
from tests.desk.house import CONTRACT, House, moment

SINCE, UNTIL = moment("Mon 00:00"), moment("Mon+3 00:00")
MILD = CONTRACT.replace("  fit:\n    at_least: 20", "  fit:\n    at_least: 0")


@pytest.fixture
def house(store: Store) -> House:
    """Ada's firm is big enough; Bob's is not; Cyd only looks at prices. Ada is called, and does not want to be."""
    house = House(store)
    house.arrives("ada@one.example", "Mon 10:00")
    house.arrives("bob@two.example", "Tue 10:00", account={"employees": 9})
    house.hears(house.signal("cyd@three.example", "page_viewed", "Wed 10:00", path="/pricing", account={"employees": 500}))
    house.decide("Wed 10:01")
    house.ends(house.handoff(), "anna", Outcome.RECYCLE, "Thu 10:00", reason="not_now")
    return house


def replayed(house: House, tmp_path: Path, text: str, **more: Any) -> Found:
    draft, problems = read_contract(text, "draft.yaml")
    assert draft is not None, problems
    return replay(house.store, Asked(draft, SINCE, UNTIL), tmp_path, more.get("tell", lambda _what, _share: None))


def test_the_contract_in_force_replayed_changes_nothing(house: House, tmp_path: Path) -> None:
    found = replayed(house, tmp_path, CONTRACT).report
    assert found["ready"]["people"] == {"in_force": 1, "draft": 1, "gained": 0, "lost": 0, "earlier": 0, "later": 0, "same": 1}
    assert found["handoffs"]["recorded"] == found["handoffs"]["in_force"]["opened"] == found["handoffs"]["draft"]["opened"] == 1
    assert found["owners"]["changed"] == 0
    assert found["meetings"]["why"] == f"not enough data: 1 recorded handoffs have an end, {FEWEST} are needed"


def test_a_lower_bar_lets_bob_in_by_name(house: House, tmp_path: Path) -> None:
    found = replayed(house, tmp_path, MILD)
    assert found.report["ready"]["people"]["gained"] == 1
    assert found.report["ready"]["accounts"]["gained"] == 1
    [bob] = found.report["lists"]["people"]["gained"]
    assert (bob["name"], bob["in_force"], bob["draft"]) == ("bob@two.example", None, moment("Tue 10:00").isoformat())
    assert found.lists["people"]["lost"] == []
    assert [week["draft"] for week in found.report["handoffs"]["weeks"]] == [2, 0, 0]
    assert {row["rep"]: row["draft"]["handoffs"] for row in found.report["owners"]["reps"]} == {"anna": 1, "ben": 1}


def test_what_a_replay_cannot_show_of_a_draft_is_said(house: House, tmp_path: Path) -> None:
    assert replayed(house, tmp_path / "same", MILD).report["notes"] == []
    otherwise = CONTRACT + "\nmatch: {domain: fallback, distinctive_words: true}\n"
    [note] = replayed(house, tmp_path / "otherwise", otherwise).report["notes"]
    assert "matches people to accounts by other terms" in note


def test_the_frontier_says_what_every_replay_would(house: House, tmp_path: Path) -> None:
    """Each cell equals a replay of its own with these bars."""
    cells = replayed(house, tmp_path / "one", MILD).report["frontier"]["cells"]
    assert {(0, 20): 2, (15, 20): 1, (15, 35): 0}.items() <= {(c["fit"], c["intent"]): c["parties"] for c in cells}.items()
    for number, cell in enumerate(cells[::17]):
        text = CONTRACT.replace("  fit:\n    at_least: 20", f"  fit:\n    at_least: {cell['fit']}")
        text = text.replace("  intent:\n    at_least: 20", f"  intent:\n    at_least: {cell['intent']}")
        again = replayed(house, tmp_path / f"cell{number}", text).report
        assert again["ready"]["people"]["draft"] == cell["parties"]


def test_nothing_live_is_written_and_a_stopped_replay_goes_on(house: House, tmp_path: Path) -> None:
    tables = [row[0] for row in house.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'replay_run'")]
    before = {name: house.rows(f"SELECT count(*), max(xmin::text::bigint) FROM {name}") for name in tables}

    def impatient(what: str, _share: float) -> None:
        if what == "Counting":
            raise Stopped

    with pytest.raises(Stopped):
        replayed(house, tmp_path, MILD, tell=impatient)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    assert any(path.name == "bucket-000.json" for path in kept)
    found = replayed(house, tmp_path, MILD).report
    assert found["ready"]["people"]["gained"] == 1
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "what was done was not done again"
    assert {name: house.rows(f"SELECT count(*), max(xmin::text::bigint) FROM {name}") for name in tables} == before


def test_the_command_line(house: House, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = tmp_path / "draft.yaml"
    draft.write_text(MILD)
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HANDFAST_DATA_DIR", str(tmp_path / "data"))
    period = ["--since", "2026-03-02", "--until", "2026-03-23"]
    done = CliRunner().invoke(main, ["replay", "--contract", str(draft), *period, "--json", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["ready"]["people"]["gained"] == 1
    assert "frontier" in (tmp_path / "out" / "frontier.svg").read_text()
    head, gained = (tmp_path / "out" / "people-gained.csv").read_text().splitlines()
    assert head == "id,name,in_force,draft"
    id_, name, *_ = gained.split(",")
    assert (name, id_) == house.rows("SELECT coalesce(nullif(name, ''), email), id FROM person WHERE id = %s", id_)[0], "a name, and whose"
    assert not list((tmp_path / "data" / "replay").glob("*")), "its files are taken away"
    again = CliRunner().invoke(main, ["replay", "--contract", str(draft), *period, "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == json.loads(done.stdout)
    wrong = CliRunner().invoke(main, ["replay", "--contract", "nowhere.yaml"])
    assert wrong.exit_code == 1
    assert "neither a file nor a version" in wrong.stderr
    sized = CliRunner().invoke(main, ["contract", "size", str(draft), "--json"])
    assert sized.exit_code == 0, sized.output
    assert json.loads(sized.stdout)[0]["line"] == 1 + MILD[: MILD.index("employees >= 50")].count("\n")


def test_the_size_of_every_condition(house: House) -> None:
    """Three people, of whose country nothing is known; one of them asked for a demo within the week of a firm big enough."""
    agreement, _ = read_contract(CONTRACT, "contract.yaml")
    assert agreement is not None
    found = {one.path: one for one in sizes(house.store, agreement, moment("Wed 12:00"), CONTRACT)}
    assert found["ready.fit.points[0].when"].people == Count(2, 3, 0)
    assert str(found["ready.fit.never[0].when"].people) == "0 of 3, 3 unknown"
    assert found["ready.intent.points[1].when"].people == Count(1, 3, 0)
    assert found["ready.next_step[0].when"].accounts == Count(2, 3, 0)
    assert found["sla[0].when"].people == Count(2, 3, 1), "of Cyd's handoff nobody knows the step"
    assert found["routing.territories[0].when"].people == Count(0, 3, 3)


# --- the pure parts -------------------------------------------------------------------------------------------------


def row(signal: int, who: str, at: datetime, asked: datetime | None = None, account: str | None = "acc") -> ReadyRow:
    return ReadyRow(signal, who, account, at, asked or at, "demo", 40, 40_000_000, "web", "{}", None, 0)


def recorded(party: str, opened: datetime, closed: datetime | None, outcome: str | None = "recycle", *, met: bool = False) -> Recorded:
    return Recorded(f"hnd_{party}_{opened:%d}", party, opened, closed, outcome, "demo", 40, met, "anna", frozenset({"ada"}))


DAY = timedelta(days=1)


def test_a_second_person_joins_and_an_ended_handoff_needs_a_new_wish() -> None:
    lives = Lives([recorded("acc", SINCE + DAY, SINCE + 3 * DAY)], UNTIL)
    told = [
        row(1, "ada", SINCE + DAY),
        row(2, "bob", SINCE + 2 * DAY),
        row(3, "ada", SINCE + 4 * DAY, asked=SINCE + DAY),
        row(4, "ada", SINCE + 5 * DAY),
    ]
    openings = lived(told, lives, SINCE)
    assert [(one.row.signal, one.how, one.joined) for one in openings] == [(1, "recorded", ["bob"]), (4, "recorded", [])]
    assert openings[0].closed_at == SINCE + 3 * DAY


def test_who_was_disqualified_is_not_handed_over_again() -> None:
    lives = Lives([recorded("acc", SINCE - 9 * DAY, SINCE - 8 * DAY, "disqualify")], UNTIL)
    assert [one.row.person for one in lived([row(1, "ada", SINCE + DAY), row(2, "bob", SINCE + 2 * DAY)], lives, SINCE)] == ["bob"]


def test_a_handoff_that_never_was_lives_as_long_as_a_comparable_one() -> None:
    lives = Lives([recorded("other", SINCE, SINCE + 2 * DAY)], UNTIL)
    [opening] = lived([row(1, "eve", SINCE + DAY, account="new")], lives, SINCE)
    assert (opening.how, opening.closed_at, opening.outcome) == ("comparable", SINCE + 3 * DAY, "recycle")
    assert lived([row(1, "eve", SINCE + DAY, account="new")], Lives([], UNTIL), SINCE)[0].how == "unknown"


def test_changes_are_told_apart() -> None:
    before = {"a": SINCE, "b": SINCE, "c": SINCE + DAY, "d": SINCE}
    after = {"a": SINCE, "b": SINCE + DAY, "c": SINCE, "e": SINCE}
    assert {kind: [one["id"] for one in rows] for kind, rows in changes(before, after).items()} == {
        "gained": ["e"], "lost": ["d"], "earlier": ["c"], "later": ["b"],
    }  # fmt: skip


def test_meetings_are_what_happened_and_the_rate_of_the_like() -> None:
    past = [recorded(f"p{n}", SINCE, SINCE + DAY, met=n % 2 == 0) for n in range(100)]
    lives, period = Lives(past, UNTIL), Period(SINCE, UNTIL, past, Crew({}), 20)
    agreement, _ = read_contract(CONTRACT, "contract.yaml")
    assert agreement is not None
    same = Side([agreement], openings=lived([row(n, "x", SINCE + DAY / 2, account=f"p{n}") for n in range(50)], lives, SINCE))
    new = Side([agreement], openings=lived([row(n, "x", SINCE + DAY / 2, account=f"q{n}") for n in range(50)], lives, SINCE))
    told = meetings((same, new), period)
    assert (told["in_force"]["expected"], told["in_force"]["low"], told["in_force"]["high"]) == (25, 25, 25)
    assert told["draft"]["expected"] == pytest.approx(25, abs=0.5)
    assert 10 < told["draft"]["low"] < 20 < 30 < told["draft"]["high"] < 40
