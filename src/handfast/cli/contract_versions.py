"""`handfast contract draft|sign|diff|history|withdraw|rollback`: the life of a version at the command line.

What is signed is signed by an account, with its password, as on the pages. What else is done without `--as` is done, and recorded, as the
operator: whoever may run this command may reach the database anyway, so pretending otherwise would protect nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from handfast.cli.plain import tell

if TYPE_CHECKING:
    from handfast.cli.opened import House
    from handfast.contract.diff import Change
    from handfast.contract.history import Entry
    from handfast.desk.drafts import Signed, Who
    from handfast.desk.named import Named
    from handfast.store.contracts import Draft, Version

JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")
AS = click.option("--as", "email", metavar="EMAIL", help="As this account, with its password; without it, as the operator.")
PASSWORD = click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
FROM = click.option("--from", "since", metavar="MOMENT", help="From when it shall hold: 2026-12-01 or '2026-12-01 09:00', in its own zone.")


@click.command("draft")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "number", metavar="DRAFT", help="Save it over this draft instead of making a new one; its signatures are void then.")
@FROM
@AS
@PASSWORD
@JSON
def draft(file: Path, number: str | None, since: str | None, email: str | None, password_stdin: bool, as_json: bool) -> None:
    """Propose FILE as the next version: a draft for Marketing and Sales to sign."""
    from handfast.cli.typed import taken_in
    from handfast.desk import drafts, named
    from handfast.problem import counted

    taken = taken_in(file)
    text = taken.text
    for problem in (*taken.problems, *taken.rows):
        click.echo(str(problem), err=True)
    with _desk() as house:
        at, who = datetime.now(UTC), account(house, email, password_stdin)
        moment = named.moment_of(since, named.zone_of(text)) if since is not None else None
        saved = drafts.save(house.store, text, who, at, number=draft_number(number), takes_force=moment, note={"file": file.name})
        looked = drafts.examine(text, str(file))
    if as_json:
        problems = [problem.as_json() for problem in looked.problems]
        click.echo(_json(_draft_json(saved) | {"problems": problems, "failed": [proof.as_json() for proof in looked.failed]}))
        return
    click.echo(f"Draft {saved.number} is saved ({saved.content or 'not sound yet'}), to hold {_since(saved.takes_force)}.")
    for problem in looked.problems:
        click.echo(str(problem), err=True)
    if looked.problems or looked.failed:
        click.echo(f"{counted(looked.problems)}, {len(looked.failed)} examples that fail: mend them before it can be signed.", err=True)
    else:
        click.echo(f"Next: handfast contract diff draft-{saved.number}, then contract sign draft-{saved.number} for each side.")


@click.command("sign")
@click.argument("ref", metavar="DRAFT|HASH")
@click.option("--for", "side", type=click.Choice(["marketing", "sales"]), required=True, help="The side it is signed for.")
@click.option("--as", "email", metavar="EMAIL", required=True, help="The account that signs; its role decides for which side it may.")
@PASSWORD
@JSON
def sign(ref: str, side: Any, email: str, password_stdin: bool, as_json: bool) -> None:
    """Sign a draft for one side. With both signatures it becomes a version, in force from its moment."""
    from handfast.desk import drafts

    with _desk() as house:
        at, who = datetime.now(UTC), account(house, email, password_stdin)
        found = _find(house, f"draft-{ref}" if ref.isdecimal() else ref, at).draft
        if found is None:
            raise click.ClickException(f"'{ref}' is a version already: signed or loaded. Name a draft.")
        done = drafts.sign(house.store, found.number, side, who, at, content=found.content)
    click.echo(_json(_signed_json(done)) if as_json else _signed(done))


@click.command("diff")
@click.argument("old")
@click.argument("new", required=False)
@JSON
def diff(old: str, new: str | None, as_json: bool) -> None:
    """What changes from OLD to NEW, in sentences; from the version in force to OLD where only one is named.

    Each is a file, a version (7), a draft (draft-3), a hash or `in-force`.
    """
    from handfast.cli.typed import file_called
    from handfast.contract.diff import diff as compare

    one, other = (old, new) if new is not None else ("in-force", old)
    with ExitStack() as stack:
        # Two files need no database.
        house = None if file_called(one) and file_called(other) else stack.enter_context(_desk())
        before, after = _contract(house, one), _contract(house, other)
        with _refusals():
            old_terms, new_terms = before.agreement(), after.agreement()
    changes = compare(old_terms.contract, new_terms.contract)
    if as_json:
        sides = {"old": {"label": before.label, "id": old_terms.id}, "new": {"label": after.label, "id": new_terms.id}}
        click.echo(_json(sides | {"changes": [change.as_json() for change in changes]}))
        return
    _print_changes(before, after, changes)


@click.command("history")
@click.option(
    "--verify", is_flag=True, help="Check every link of the chain and the text of every version; exit code 1 where one is broken."
)
@click.option("--head", metavar="HASH", help="With --verify: a hash noted down earlier, which must still be in the chain.")
@JSON
def history(verify: bool, head: str | None, as_json: bool) -> None:
    """Versions, drafts, signatures: everything that was done to the contract, by whom, each entry bound to the one before by its hash."""
    from handfast.contract.history import broken, standings, version_problems
    from handfast.store import contracts

    with _desk() as house, house.store.reading() as conn:
        entries, every, open_drafts = contracts.history(conn), contracts.versions(conn), contracts.drafts(conn, only_open=True)
    how = standings((v.term for v in every), datetime.now(UTC))
    problems = broken(entries, head) + version_problems(entries, {v.version: v.source for v in every}) if verify or head is not None else []
    if as_json:
        versions = [_version_json(v) | {"standing": how[v.version]} for v in every]
        told = {"versions": versions, "drafts": [_draft_json(d) for d in open_drafts], "entries": [entry.as_json() for entry in entries]}
        click.echo(_json(told | ({"problems": [problem.as_json() for problem in problems]} if verify or head is not None else {})))
    else:
        _print_history(entries, [(v, how[v.version]) for v in every], open_drafts)
        for problem in problems:
            click.echo(str(problem), err=True)
        if (verify or head is not None) and not problems:
            end = (
                f" The latest is {entries[-1].hash}: note it down elsewhere, and `--head` will know if the end is cut off."
                if entries
                else ""
            )
            count = f"{len(entries)} entr{'y' if len(entries) == 1 else 'ies'}"
            click.echo(f"{count}, each as it was written and bound to the one before.{end}")
    if problems:
        raise SystemExit(1)


@click.command("withdraw")
@click.argument("ref", metavar="DRAFT|VERSION")
@AS
@PASSWORD
@JSON
def withdraw(ref: str, email: str | None, password_stdin: bool, as_json: bool) -> None:
    """Take back a draft, or a version before its moment: it never holds."""
    from handfast.desk import drafts

    with _desk() as house:
        at, who = datetime.now(UTC), account(house, email, password_stdin)
        found = _find(house, ref, at)
        if found.draft is not None:
            drafts.withdraw_draft(house.store, found.draft.number, who, at)
        else:
            assert found.version is not None
            drafts.withdraw_version(house.store, found.version.version, who, at)
    click.echo(_json({"withdrawn": found.label}) if as_json else f"{found.label.capitalize()} is withdrawn.")


@click.command("rollback")
@click.argument("version", type=int)
@FROM
@AS
@PASSWORD
@JSON
def rollback(version: int, since: str | None, email: str | None, password_stdin: bool, as_json: bool) -> None:
    """Propose what VERSION said as the next version: a draft for both sides to sign."""
    from handfast.desk import drafts, named

    with _desk() as house:
        at, who = datetime.now(UTC), account(house, email, password_stdin)
        moment = named.moment_of(since, named.zone_of(_find(house, str(version), at).text)) if since is not None else None
        saved = drafts.roll_back(house.store, version, who, at, takes_force=moment)
    said = f"Draft {saved.number} says what version {version} said. Both sides sign it: handfast contract sign draft-{saved.number}."
    click.echo(_json(_draft_json(saved)) if as_json else said)


COMMANDS = (draft, sign, diff, history, withdraw, rollback)


# --- who and what -----------------------------------------------------------------------------------------------


@contextmanager
def _desk() -> Iterator[House]:
    from handfast.cli.opened import opened

    with opened(size=2) as house, _refusals():
        yield house


@contextmanager
def _refusals() -> Iterator[None]:
    """A refusal ends the command with its Problem on standard error."""
    from handfast.cli.opened import complain
    from handfast.desk.refused import Refused

    try:
        yield
    except Refused as refused:
        complain([refused.problem])


def account(house: House, email: str | None, password_stdin: bool) -> Who:
    from handfast.cli.typed import password_given
    from handfast.desk import drafts
    from handfast.desk.logins import authenticate

    if email is None:
        return drafts.THE_OPERATOR
    password = password_given() if password_stdin else click.prompt(f"Password of {email}", hide_input=True, err=True)
    return drafts.who_of(authenticate(house.store, email, str(password), "command line", datetime.now(UTC)))


def _find(house: House, ref: str, at: datetime) -> Named:
    from handfast.desk import named

    with house.store.reading() as conn:
        return named.find(conn, ref, at)


def _contract(house: House | None, ref: str) -> Named:
    """A file where there is one of this name, else what the store calls so."""
    from handfast.cli.typed import file_called, taken_in
    from handfast.desk.named import Named

    if (path := file_called(ref)) is not None:
        return Named(str(path), taken_in(path).text)
    assert house is not None, "two files need no database; anything else opens one"
    return _find(house, ref, datetime.now(UTC))


def draft_number(ref: str | None) -> int | None:
    if ref is None:
        return None
    from handfast.cli.typed import number_in

    digits = ref.lower().removeprefix("draft").removeprefix("d").lstrip("- ")
    if (number := number_in(digits)) is None:
        raise click.BadParameter(f"'{ref[:60]}' is no draft; write it as draft-3", param_hint="--to")
    return number


# --- printing ---------------------------------------------------------------------------------------------------


def _signed(done: Signed) -> str:
    lines = [f"{s.name} signed for {side}: {s.content}, to hold {_since(done.draft.takes_force)}." for side, s in done.signatures.items()]
    if done.version is None:
        return "\n".join([*lines, "One signature is missing."])
    since = done.version.in_force_from
    lines.append(
        f"Both have signed: version {done.version.version} is in force {f'from {since:%Y-%m-%d %H:%M} UTC' if since else 'since ever'}."
    )
    lines += [
        f"Mind: version {v.version}, agreed before, replaces it on {v.in_force_from:%Y-%m-%d %H:%M} UTC. Withdraw that if it should not."
        for v in done.replaced_by
    ]
    return "\n".join(lines)


def _since(moment: datetime | None) -> str:
    return f"from {moment:%Y-%m-%d %H:%M} UTC" if moment else "as soon as both have signed"


def _print_changes(before: Named, after: Named, changes: list[Change]) -> None:
    click.echo(f"From {before.label} to {after.label}:")
    signs = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow"), "moved": ("↕", "cyan")}
    for change in changes:
        sign, colour = signs[change.kind]
        click.echo(f"  {click.style(sign, fg=colour)} {change.sentence}")
    if not changes:
        click.echo("  Nothing changes: the terms are the same.")


def _print_history(entries: list[Entry], versions: list[tuple[Version, str]], drafts: list[Draft]) -> None:
    from handfast.contract.history import sentence

    for version, how in reversed(versions):
        since = f"from {version.in_force_from:%Y-%m-%d %H:%M} UTC" if version.in_force_from else "since ever"
        click.echo(f"version {version.version:<4} {how:<11} {since:<28} {version.id}")
    for draft in drafts:
        click.echo(f"draft {draft.number:<6} open        {_since(draft.takes_force):<28} {draft.content or 'not sound'}")
    if not entries:
        click.echo("There is no history yet. Start it: handfast contract load FILE")
        return
    click.echo()
    for entry in entries:
        tell(f"{entry.seq:>4}  {entry.at:%Y-%m-%d %H:%M} UTC  {entry.hash[:12]}  {sentence(entry)} ({entry.by})")


def _signed_json(done: Signed) -> dict[str, Any]:
    signatures = {side: {"by": s.by, "name": s.name, "at": s.at.isoformat(), "hash": s.hash} for side, s in done.signatures.items()}
    version = _version_json(done.version) if done.version else None
    return {
        "draft": _draft_json(done.draft),
        "signatures": signatures,
        "version": version,
        "replaced_by": [v.version for v in done.replaced_by],
    }


def _draft_json(draft: Draft) -> dict[str, Any]:
    moment = draft.takes_force.isoformat() if draft.takes_force else None
    return {
        "draft": draft.number,
        "id": draft.content,
        "takes_force": moment,
        "state": draft.state,
        "revision": draft.revision,
        "version": draft.version,
    }


def _version_json(version: Version) -> dict[str, Any]:
    moments = {"in_force_from": version.in_force_from, "withdrawn_at": version.withdrawn_at}
    return {"version": version.version, "id": version.id, **{name: at.isoformat() if at else None for name, at in moments.items()}}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
