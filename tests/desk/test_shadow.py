"""A draft in the shadow: it decides beside the contract in force, with its own rotation, changes nothing, and the differences are listed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from handfast.cli.shadow import command
from handfast.contract.reading import read_contract
from handfast.desk import shadow
from handfast.desk.merge import merge
from handfast.desk.overrides import set_override
from handfast.desk.refused import Refused
from handfast.desk.replay_history import Folder, take
from handfast.facts import Outcome
from handfast.store import replay as rows
from handfast.tuning.replay import judged
from handfast.tuning.replay_groups import replayed_groups
from handfast.tuning.replay_known import Lens
from handfast.tuning.replay_life import Lives, lived, ready_rows

from .house import CONTRACT, House, moment

#: Under the draft a company needs a hundred employees, Italy goes to Zoe, and all others to the bench.
DRAFT = (
    CONTRACT.replace("employees >= 50", "employees >= 100")
    .replace("country = 'FR'", "country IN ('FR', 'IT')")
    .replace("default: team", "default: bench")
)


def begin(house: House, text: str = DRAFT, at: str = "Mon 09:00") -> None:
    shadow.start(house.store, text, "draft 3", "rita", moment(at))


def comes(house: House, email: str, at: str, employees: int = 200, country: str = "DE") -> None:
    house.arrives(email, at, account={"employees": employees, "country": country})


def seen(house: House, at: str) -> Any:
    """What is listed, once the shadow has caught up."""
    while shadow.follow(house.store, moment(at), behind=timedelta(0)):
        pass
    found = shadow.beside(house.store)
    assert found is not None
    return found


def test_differences_are_listed_and_nothing_live_changes(house: House) -> None:
    """Kraus (200) goes to Anna live and to Cleo in the shadow; Klein (60) is handed over live only; Bleu goes to Zoe under both."""
    begin(house)
    comes(house, "ada@kraus.example", "Mon 10:00")
    comes(house, "ben@klein.example", "Mon 10:01", employees=60)
    comes(house, "eva@bleu.example", "Mon 10:02", country="FR")
    live = house.rows("SELECT id, owner_id, contract_id, revision FROM handoff ORDER BY opened_at")
    turns = house.rows("SELECT * FROM rotation ORDER BY 1, 2")
    events = house.events()
    found = seen(house, "Mon 10:05")
    assert found.counts == {"same": 1, "other_owner": 1, "only_draft": 0, "only_live": 1}
    small, kraus = found.differences
    assert (small.kind, small.live_owner, small.owner) == ("only_live", "ben", None)
    assert small.said is not None
    assert "fit 0 (20 needed)" in small.said
    assert (kraus.kind, kraus.live_owner, kraus.owner, kraus.rule) == ("other_owner", "anna", "cleo", "pool")
    assert kraus.because == "Cleo C is the only one in pool 'bench' who can take it now."
    assert house.rows("SELECT id, owner_id, contract_id, revision FROM handoff ORDER BY opened_at") == live
    assert house.rows("SELECT * FROM rotation ORDER BY 1, 2") == turns
    assert house.events() == events


def test_whom_only_the_draft_hands_over_is_listed_too(house: House) -> None:
    begin(house, CONTRACT.replace("employees >= 50", "employees >= 10"))
    comes(house, "ada@klein.example", "Mon 10:00", employees=20)
    (pair,) = seen(house, "Mon 10:05").differences
    assert (pair.kind, pair.handoff, pair.owner) == ("only_draft", None, "anna")


def test_what_was_said_of_one_who_is_folded_holds_in_the_shadow_too(house: House) -> None:
    """Never of Ada's other record: neither hands her over."""
    begin(house)
    comes(house, "ada@privat.example", "Mon 09:30", employees=9)
    set_override(house.store, "ada@privat.example", "never", "a friend", "mia", moment("Fri 09:00"), moment("Mon 09:40"))
    house.hears(house.signal("ada@kraus.example", "page_viewed", "Mon 09:45", path="/"))
    house.decide("Mon 09:45")
    seen(house, "Mon 09:46")
    kept, folded = (house.one("SELECT id FROM person WHERE email = %s", f"ada@{firm}.example") for firm in ("kraus", "privat"))
    merge(house.store, kept, folded, "rita", moment("Mon 09:50"))
    comes(house, "ada@kraus.example", "Mon 10:00")
    assert sum(seen(house, "Mon 10:05").counts.values()) == 0
    assert house.rows("SELECT outcome FROM shadow_standing WHERE person_id = %s", kept) == [("never",)]


def test_its_rotation_is_its_own(house: House) -> None:
    """Live the small ones take turns between Anna and Ben; in the shadow nobody small comes, and Anna and Ben alternate all the same."""
    begin(house, CONTRACT.replace("employees >= 50", "employees >= 100"))
    for n, employees in enumerate((60, 200, 60, 200)):
        comes(house, f"x@firm{n}.example", f"Mon 10:0{n}", employees=employees)
    seen(house, "Mon 10:10")
    assert [row[0] for row in house.rows("SELECT owner_id FROM handoff ORDER BY opened_at")] == ["anna", "ben", "anna", "ben"]
    assert [row[0] for row in house.rows("SELECT owner_id FROM shadow_handoff ORDER BY at")] == ["anna", "ben"]


GROUPS = CONTRACT.replace(
    "  next_step:\n", "  account: {people: 2, roles: {abroad: \"country = 'FR'\"}, intent: 35, within: 10 days}\n  next_step:\n"
)


def asks(house: House, email: str, at: str, employees: int = 5, **person: str) -> None:
    house.hears(house.signal(email, "form_submitted", at, form="demo", person=person, account={"employees": employees}))
    house.decide(at)


def test_buying_groups_are_judged_and_listed_like_people(house: House) -> None:
    """A draft that judges groups hands over a firm too small for any of its people; what only live would do is told with what the group lacks."""
    begin(house, GROUPS)
    asks(house, "lena@klein.example", "Mon 10:00")
    assert seen(house, "Mon 10:01").counts["only_draft"] == 0, "one person is no group"
    asks(house, "otto@klein.example", "Mon 11:00", country="FR")
    (pair,) = seen(house, "Mon 11:01").differences
    assert (pair.kind, pair.group, pair.name, pair.owner, pair.rule) == ("only_draft", True, "klein.example", "zoe", "territory")
    asks(house, "lena@klein.example", "Mon 12:00")
    assert len(seen(house, "Mon 12:01").differences) == 1, "one story"
    assert shadow.beside(house.store).as_json()["differences"][0]["group"] is True  # type: ignore[union-attr]


def test_a_group_that_only_the_contract_in_force_hands_over_says_what_the_draft_misses(store: Any) -> None:
    house = House(store, GROUPS)
    begin(house, GROUPS.replace("people: 2", "people: 3"))
    asks(house, "lena@klein.example", "Mon 10:00")
    asks(house, "otto@klein.example", "Mon 11:00", country="FR")
    (pair,) = seen(house, "Mon 11:01").differences
    assert (pair.kind, pair.group) == ("only_live", True)
    assert pair.said is not None
    assert "2 of 3" in pair.said


def test_a_recorded_stream_is_the_same_to_a_shadow_and_to_a_replay(store: Any, tmp_path: Any) -> None:
    """People and groups, ready live and not: what a shadow hands over signal by signal is what a replay of the record hands over."""
    house = House(store, CONTRACT.replace("employees >= 50", "employees >= 100"))
    begin(house, GROUPS)
    told = [
        ("lena@klein.example", 5, {}), ("max@gross.example", 200, {}), ("otto@klein.example", 5, {"country": "FR"}), ("eva@mittel.example", 60, {}),
        ("lena@klein.example", 5, {}), ("ida@gross.example", 200, {"country": "FR"}), ("uwe@fern.example", 9, {"country": "FR"}),
        ("kai@fern.example", 9, {"country": "KP"}), ("leo@fern.example", 9, {}),
    ]  # fmt: skip
    for n, (email, employees, person) in enumerate(told):
        asks(house, email, f"Mon {10 + n}:00", employees, **person)
        seen(house, f"Mon {10 + n}:01")
    query = "SELECT party, signal_id::text, person_id, by_group FROM shadow_handoff"
    mine = set(house.rows(query))
    draft, problems = read_contract(GROUPS, "draft.yaml")
    assert draft is not None, problems
    with rows.snapshot(store) as conn:
        lens = Lens(draft, moment("Mon 00:00"), moment("Mon+1 00:00"))
        folder = Folder(tmp_path)
        take(conn, folder, [draft], lens.since, lens.until, lambda _share: None)
        ids = dict(conn.execute("SELECT seq, id::text FROM signal").fetchall())
    history = folder.bucket(0)
    (people,), (groups,) = judged(history, [lens]), replayed_groups(history, [lens])
    opened = lived(ready_rows(people, groups, 0), Lives([], lens.until), lens.since)
    assert {(o.party, ids[o.row.signal], o.row.person, o.row.group) for o in opened} == mine
    assert {row[3] for row in mine} == {True, False}
    assert len(mine) == 4


def test_a_handoff_is_one_story_until_it_ends(house: House) -> None:
    """A second signal opens no second one; after the live one has ended, the next wish does, under both."""
    begin(house)
    comes(house, "ada@kraus.example", "Mon 10:00")
    comes(house, "ada@kraus.example", "Mon 10:30")
    seen(house, "Mon 11:00")
    assert house.one("SELECT count(*) FROM shadow_handoff") == 1
    house.ends(house.handoff(), "anna", Outcome.RECYCLE, "Mon 12:00", reason="not_now")
    comes(house, "ada@kraus.example", "Wed 10:00")
    seen(house, "Wed 11:00")
    assert house.one("SELECT count(*) FROM shadow_handoff") == house.one("SELECT count(*) FROM handoff")


def test_what_waits_live_waits_in_the_shadow(house: House) -> None:
    """It never overtakes: a signal that is not decided yet is left, and taken next time; and each is taken once."""
    begin(house)
    house.hears(house.signal("ada@kraus.example", "form_submitted", "Mon 10:00", form="demo", account={"employees": 200}))
    assert shadow.follow(house.store, moment("Mon 10:01"), behind=timedelta(0)) == 0
    house.decide("Mon 10:02")
    assert shadow.follow(house.store, moment("Mon 10:03"), behind=timedelta(0)) == 1
    assert shadow.follow(house.store, moment("Mon 10:04"), behind=timedelta(0)) == 0


def test_one_at_a_time_and_a_draft_must_read(house: House) -> None:
    begin(house)
    with pytest.raises(Refused, match="another shadow is running"):
        begin(house, at="Mon 09:01")
    assert shadow.stop(house.store, moment("Mon 09:02"))
    assert not shadow.stop(house.store, moment("Mon 09:03"))
    with pytest.raises(Refused, match="at_least"):
        begin(house, CONTRACT.replace("at_least: 20", "at_least: many", 1), at="Mon 09:04")


def test_as_typed(house: House, database_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    (tmp_path / "draft.yaml").write_text(DRAFT)
    run = CliRunner().invoke
    assert "No shadow has run yet" in run(command, []).stdout
    assert run(command, ["start", str(tmp_path / "draft.yaml")]).exit_code == 0
    assert json.loads(run(command, ["--json"]).stdout)["counts"] == {"same": 0, "other_owner": 0, "only_draft": 0, "only_live": 0}
    assert run(command, ["stop"]).exit_code == 0
    assert run(command, ["stop"]).exit_code == 1
