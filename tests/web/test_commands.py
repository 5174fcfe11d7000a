"""Every command, option by option, read off the command line itself: whatever is typed, it ends in an answer or in words, never in a trace.

With it what surrounds a command: a terminal without our signs, a full disk, a folder that is gone, a user without rights or name.
"""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cast
import click
import pytest
from click.testing import CliRunner, Result

from handfast.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from handfast.store.base import Store

    Run = Callable[..., Result]

#: They run on until they are stopped.
STAYING = ("up", "serve", "work", "demo")
#: The rest of a command, where an `x` for each argument would not bring it to the option that is swept.
REST = {
    "contract sign": ["draft-2", "--for", "sales", "--as", "mara@northwind.example", "--password-stdin"],
    "contract rollback": ["1"], "contract diff": ["1", "1"], "route": ["--who", "maya@halden.example"], "why": ["hnd_maya"],
    "replay": ["--contract", "1", "--since", "2026-03-01"], "rep on": ["ben"], "rep off": ["ben"], "rep forget": ["ben", "x"],
    "override set": ["per_maya", "never", "--because", "x"], "match answer": ["rev_x", "same", "--by", "x"],
    "merge people": ["per_maya", "per_tom", "--by", "x"], "merge preview": ["per_maya", "per_tom"], "merge undo": ["per_x", "--by", "x"],
    "person erase": ["per_maya"], "login add": ["x@northwind.example", "--role", "leader", "--password-stdin"],
    "import": ["{file}", "--as", "people", "--dry-run"], "match account": ["Halden"], "shadow start": ["x"], "rep calendar": ["ben", "{file}"],
}  # fmt: skip
TYPED = ("", "\udcff\udcfe", "9" * 5000, "²", "0001-01-01T00:00+14:00", "9999-12-31", "per_maya")
PATHS = ("", "no/such/file", "{folder}", "{binary}", "{utf16}", "x" * 300, "/dev/null")


def commands(group: click.Group, *before: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, *before, name)
        elif found is not None and name not in STAYING:
            yield (*before, name), found


def lines_of(name: tuple[str, ...], command: click.Command) -> Iterator[list[str]]:
    """The command with one hostile word at a time."""
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    rest = REST.get(" ".join(name), ["x"] * len(arguments))
    for one in command.params:
        if getattr(one, "is_flag", False):
            yield [*name, *rest, one.opts[0]]
            continue
        for word in PATHS if isinstance(one.type, click.Path) else TYPED:
            if isinstance(one, click.Option):
                yield [*name, *rest, one.opts[0], word]
            else:
                place = arguments.index(one)
                yield [*name, *rest[:place], word, *rest[place + 1 :]]


@pytest.fixture
def run(stage: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("why", "x")` is what the command says, on the cast, in a folder with some files."""
    return typing_into(stage, tmp_path, monkeypatch)


def typing_into(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("HANDFAST_DATABASE_URL", store.url)
    monkeypatch.setenv("HANDFAST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").write_text("email\nada@weiss.example\n")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "utf16").write_bytes(cast.CONTRACT.encode("utf-16"))
    (tmp_path / "folder").mkdir()
    places = {"{file}": "list.csv", "{binary}": "binary", "{utf16}": "utf16", "{folder}": "folder"}

    def start(*words: str, given: str | bytes = f"{cast.PASSWORD}\n") -> Result:
        return CliRunner().invoke(main, [places.get(word, word) for word in words], input=given)

    return start


def told(done: Result) -> str:
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    return done.stderr


def test_no_word_breaks_a_command(run: Run) -> None:
    wrong: list[Any] = []
    swept = list(commands(main))
    for name, command in swept:
        for words in lines_of(name, command):
            done = run(*words)
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                wrong.append((" ".join(words)[:120], repr(done.exception)[:120]))
            elif done.exit_code and not done.output.strip():
                wrong.append((" ".join(words)[:120], "says nothing"))
    assert len(swept) > 40, "the commands are found on the command line"
    assert wrong == []


def test_every_command_answers_before_there_is_anything(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No contract, no reps, nobody: each command says what is missing, or that nothing is there."""
    run, wrong = typing_into(store, tmp_path, monkeypatch), []
    (tmp_path / "x").write_text(cast.CONTRACT)
    for name, command in commands(main):
        needed = sum(isinstance(one, click.Argument) for one in command.params)
        flags = [[one.opts[0]] for one in command.params if getattr(one, "is_flag", False)]
        for more in ([], *flags):
            words = [*name, *REST.get(" ".join(name), ["x"] * needed), *more]
            done = run(*words)
            if not (done.exception is None or isinstance(done.exception, SystemExit)) or not done.output.strip():
                wrong.append((" ".join(words), repr(done.exception)[:120]))
    assert wrong == []


def test_an_empty_word_where_something_has_to_be_named_is_not_taken_for_none(run: Run, stage: Store) -> None:
    """A variable that was never set: `--head "$NOTED"` would check nothing and say nothing."""
    assert "'' is no hash of an entry" in told(run("contract", "history", "--head", ""))
    assert "'' is no moment" in told(run("contract", "rollback", "1", "--from", ""))
    assert "no track is named" in told(run("nurture", "--track", ""))
    assert "no rep has the id ''" in told(run("login", "add", "a@b.example", "--role", "leader", "--rep", "", "--password-stdin"))
    with stage.reading() as conn:
        assert conn.execute("SELECT count(*) FROM contract_draft WHERE state = 'open'").fetchone()[0] == 0


def test_a_preview_of_a_merge_comes_as_json(run: Run) -> None:
    done = run("merge", "preview", "per_maya", "per_tom", "--json")
    assert json.loads(done.stdout)["kept"] == "per_maya"


def test_somebody_with_an_account_is_tried_under_a_contract_that_says_when_accounts_are_ready(run: Run, tmp_path: Path) -> None:
    terms = cast.CONTRACT.replace("ready:\n", "ready:\n  account: {people: 2, intent: 40, within: 21 days}\n", 1)
    assert terms != cast.CONTRACT
    (tmp_path / "groups.yaml").write_text(terms)
    done = run("route", "--who", "per_maya", "--contract", "groups.yaml", "--json")
    assert json.loads(done.stdout)["account"] == "not_yet", done.output


def test_a_contract_that_is_no_utf_8_is_never_kept_with_what_could_not_be_read_replaced(run: Run, stage: Store, tmp_path: Path) -> None:
    from handfast.worker import load_contract

    file = tmp_path / "latin.yaml"
    file.write_bytes(("# Müller\n" + cast.CONTRACT).encode("latin-1", "replace"))
    for words in (["contract", "draft"], ["shadow", "start"], ["replay", "--contract"], ["contract", "diff"]):
        assert "this is not UTF-8 text" in told(run(*words, "latin.yaml")), words
    assert load_contract(stage, file, cast.NOW)[0] is None
    with stage.reading() as conn:
        assert conn.execute("SELECT count(*) FROM contract WHERE source LIKE '%%\ufffd%%'").fetchone()[0] == 0
        assert conn.execute("SELECT count(*) FROM contract_draft WHERE source LIKE '%%\ufffd%%'").fetchone()[0] == 0


def test_a_password_that_nobody_could_type_on_the_page_is_refused(run: Run) -> None:
    add = ["login", "add", "a@b.example", "--role", "leader", "--password-stdin"]
    assert "a character that nobody can type" in told(run(*add, given=b"\0" * 30))
    assert "not UTF-8 text" in told(run(*add, given=b"pass\xffword12345\n"))
    assert run("login", "list").output.count("a@b.example") == 0


def test_a_user_without_a_name_may_do_what_is_recorded_under_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4242")

    monkeypatch.setattr(getpass, "getuser", nobody)  # What it does in a container whose user has no name.
    assert "ben takes none" in run("rep", "off", "ben").output


def test_a_verdict_by_hand_has_an_end_that_is_in_the_calendar(run: Run) -> None:
    assert "longer than anybody decides for" in told(run("override", "set", "per_maya", "never", "--because", "x", "--for", "999999 weeks"))


def test_where_nothing_can_be_written_is_said_before_the_work_is_done(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = told(run("replay", "--contract", "1", "--out", "file/inner"))
    assert "file/inner: this cannot be read or written (Not a directory)" in said
    assert "Replay" not in said


def test_what_a_user_may_not_read_is_said(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("email\n")
    secret.chmod(0)
    was = os.geteuid()
    if was == 0:  # Root may read everything; an ordinary user may not.
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    try:
        said = told(run("import", str(secret), "--as", "people", "--dry-run"))
    finally:
        os.seteuid(was)
    assert "(Permission denied). Give this user the right to it" in said


def outside(words: list[str], stage: Store, tmp_path: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    env = {**os.environ, "HANDFAST_DATABASE_URL": stage.url, "HANDFAST_DATA_DIR": str(tmp_path), **more.pop("env", {})}
    return subprocess.run([sys.executable, "-m", "handfast", *words], env=env, check=False, text=True, timeout=120, **more)


def test_a_full_disk_and_a_terminal_without_our_signs_and_a_folder_that_is_gone(stage: Store, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = outside(["rep", "list"], stage, tmp_path, stdout=full, stderr=subprocess.PIPE)
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    done = outside(["why", "hnd_maya"], stage, tmp_path, capture_output=True, env={"PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 0, done.stderr
    assert "Why ready" in done.stdout
    gone = tmp_path / "gone"
    gone.mkdir()
    words = f"rmdir {gone}; exec {sys.executable} -m handfast rep list"
    env = {**os.environ, "HANDFAST_DATABASE_URL": stage.url}
    done = subprocess.run(["sh", "-c", words], cwd=gone, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert "the current folder: it was removed" in done.stderr
