"""`handfast contract draft|sign|diff|history|withdraw|rollback`, as typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from handfast.cli.contract import command
from handfast.desk import logins
from handfast.store import logins as rows
from handfast.store.base import Store

from .contracts import SOUND, agreed, changed

PASSWORD = "correct horse battery"
FASTER = changed("first_touch: 4 hours", "first_touch: 3 hours")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

Type = Callable[..., Result]


@cache
def hashed() -> str:
    return logins.hash_password(PASSWORD)


@pytest.fixture
def handfast(store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    """`handfast("sign", …)` at a desk with the accounts of mara (marketing), priya (manager) and rita (revops)."""
    monkeypatch.setenv("HANDFAST_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    with store.writing() as conn:
        for name, role in (("mara", "marketing"), ("priya", "manager"), ("rita", "revops")):
            email = f"{name}@northwind.example"
            rows.insert(conn, rows.Login(f"log_{name}", email, name.title(), role, None, None, hashed(), NOW))  # type: ignore[arg-type]

    def run(*words: str, password: str | None = None) -> Result:
        return CliRunner().invoke(command, list(words), input=None if password is None else f"{password}\n")

    return run


def written(text: str, name: str = "contract.yaml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def signs(handfast: Type, draft: str, side: str, who: str, password: str = PASSWORD) -> Result:
    return handfast("sign", draft, "--for", side, "--as", f"{who}@northwind.example", "--password-stdin", password=password)


def test_a_version_from_draft_to_force(handfast: Type) -> None:
    saved = handfast("draft", written(SOUND))
    assert f"Draft 1 is saved ({agreed().id}), to hold as soon as both have signed." in saved.output
    one = signs(handfast, "1", "marketing", "mara")
    assert "Mara signed for marketing" in one.output
    assert "One signature is missing." in one.output
    two = signs(handfast, agreed().id[:14], "sales", "priya")
    assert "version 1 is in force since ever" in two.output
    told = handfast("history").output
    assert "version 1    in force" in told
    assert "draft 1 signed for marketing by Mara" in told
    assert "draft 1 signed by both: version 1, in force since ever" in told


def test_a_wrong_password_signs_nothing(handfast: Type) -> None:
    handfast("draft", written(SOUND))
    ran = signs(handfast, "1", "marketing", "mara", password="wrong horse battery")
    assert ran.exit_code == 1
    assert "do not belong together" in ran.stderr
    assert "signed for" not in handfast("history").output


def test_the_password_is_asked_for_and_not_shown(handfast: Type) -> None:
    handfast("draft", written(SOUND))
    ran = handfast("sign", "1", "--for", "marketing", "--as", "mara@northwind.example", password=PASSWORD)
    assert ran.exit_code == 0
    assert PASSWORD not in ran.output


def test_the_role_decides_for_which_side(handfast: Type) -> None:
    handfast("draft", written(SOUND))
    for side, who in (("sales", "mara"), ("marketing", "priya"), ("sales", "rita")):
        ran = signs(handfast, "1", side, who)
        assert ran.exit_code == 1
        assert f"does not sign for {side}" in ran.stderr


def test_load_asks_for_signatures_once_there_are_some(handfast: Type) -> None:
    path = written(SOUND)
    assert "in force as version 1" in handfast("load", path).output
    handfast("draft", written(FASTER))
    signs(handfast, "1", "marketing", "mara")
    signs(handfast, "1", "sales", "priya")
    refused = handfast("load", written(SOUND))
    assert refused.exit_code == 1
    assert "was signed by Marketing and Sales, and this text is not" in refused.stderr
    assert "in force as version 3" in handfast("load", "contract.yaml", "--unsigned").output
    assert "put in force by the operator, unsigned although there was a signed one (operator)" in handfast("history").output


def test_diff_of_files_needs_no_database(handfast: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    ran = handfast("diff", written(SOUND, "a.yaml"), written(FASTER, "b.yaml"))
    assert ran.output.splitlines() == ["From a.yaml to b.yaml:", "  ~ SLA standard first touch 4 → 3 hours"]
    assert "the terms are the same" in handfast("diff", "a.yaml", "a.yaml").output


def test_diff_takes_versions_drafts_hashes_and_what_is_in_force(handfast: Type) -> None:
    handfast("load", written(SOUND))
    handfast("draft", written(FASTER))
    for words in (("1", "draft-1"), ("v1", "d1"), ("draft-1",), ("in-force", agreed(FASTER).id[:14]), (agreed().id, "contract.yaml")):
        assert "SLA standard first touch 4 → 3 hours" in handfast("diff", *words).output, words
    told = json.loads(handfast("diff", "draft-1", "--json").stdout)
    assert (told["old"], told["new"]) == ({"label": "version 1", "id": agreed().id}, {"label": "draft 1", "id": agreed(FASTER).id})
    assert told["changes"][0]["path"] == "sla[1].first_touch"


@pytest.mark.parametrize("ref", ["7", "draft-9", "ctr_ffffff", "nonsense", "../x"])
def test_what_nobody_knows_is_said(handfast: Type, ref: str) -> None:
    ran = handfast("diff", ref, ref)
    assert ran.exit_code == 1
    assert "nothing is called" in ran.stderr


def test_before_the_first_contract_the_first_step_is_named(handfast: Type) -> None:
    ran = handfast("diff", "1")
    assert ran.exit_code == 1
    assert ran.stderr.strip() == "contract: none is in force. Load one: `handfast contract load FILE`."


def test_diff_with_a_text_that_does_not_read_says_where(handfast: Type) -> None:
    ran = handfast("diff", written(SOUND, "a.yaml"), written(changed("default: team", "default: taem"), "b.yaml"))
    assert ran.exit_code == 1
    assert "b.yaml line 33" in ran.stderr


def test_a_draft_with_problems_is_kept_and_they_are_told(handfast: Type) -> None:
    ran = handfast("draft", written(changed("default: team", "default: taem")))
    assert ran.exit_code == 0
    assert "Draft 1 is saved (not sound yet)" in ran.stdout
    assert "there is no pool 'taem'" in ran.stderr
    again = handfast("draft", written(SOUND), "--to", "draft-1")
    assert f"Draft 1 is saved ({agreed().id})" in again.stdout


def test_a_moment_is_on_the_contracts_own_clocks(handfast: Type) -> None:
    """09:00 in New York in December is 14:00 UTC."""
    ran = handfast("draft", written(SOUND), "--from", "2036-12-01 09:00", "--json")
    assert json.loads(ran.stdout)["takes_force"] == "2036-12-01T14:00:00+00:00"
    past = handfast("draft", "contract.yaml", "--from", "2020-12-01")
    assert "has passed" in past.stderr
    odd = handfast("draft", "contract.yaml", "--from", "next week")
    assert "is no moment" in odd.stderr


def test_withdraw_and_roll_back(handfast: Type) -> None:
    handfast("load", written(SOUND))
    handfast("draft", written(FASTER), "--from", "2036-12-01")
    signs(handfast, "1", "marketing", "mara")
    assert "version 2 is in force from 2036-12-01 05:00 UTC" in signs(handfast, "1", "sales", "priya").output
    assert "Version 2 is withdrawn." in handfast("withdraw", "2").output
    assert "decisions were made by it" in handfast("withdraw", "1").stderr
    assert "version 2    withdrawn" in handfast("history").output
    handfast("load", written(FASTER))
    assert "Draft 2 says what version 1 said." in handfast("rollback", "1").output
    assert "to go back to version 1" in handfast("history").output
    assert "Draft 2 is withdrawn." in handfast("withdraw", "draft-2").output


def test_history_verifies_itself_and_names_what_was_forged(handfast: Type, store: Store) -> None:
    handfast("load", written(SOUND))
    handfast("load", written(FASTER))
    fine = handfast("history", "--verify")
    assert fine.exit_code == 0
    assert "2 entries, each as it was written and bound to the one before." in fine.output
    head = json.loads(handfast("history", "--json").stdout)["entries"][-1]["hash"]
    assert head in fine.output
    with store.writing() as conn:
        conn.execute("ALTER TABLE contract_history DISABLE TRIGGER ALL")
        conn.execute("DELETE FROM contract_history WHERE seq = 2")
    assert handfast("history", "--head", head).exit_code == 1
    cut = handfast("history", "--verify", "--head", head, "--json")
    assert cut.exit_code == 1
    whats = [problem["what"] for problem in json.loads(cut.stdout)["problems"]]
    assert any("you noted is not in it" in what for what in whats)
    assert any("the history does not know it" in what for what in whats)


def test_before_the_first_contract_history_says_how_to_begin(handfast: Type) -> None:
    assert "Start it: handfast contract load FILE" in handfast("history").output
