"""From settings to a running store: every command goes through here, so every command says the same when something is missing."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from handfast.cli.plain import tell
from handfast.connectors.channel import Channel
from handfast.problem import Place, Problem
from handfast.settings import Settings, read_settings, unknown_names
from handfast.store.base import StorageAway, StorageRefused, Store


@dataclass(frozen=True, slots=True)
class House:
    """What a command works with."""

    settings: Settings
    store: Store


def settings() -> Settings:
    """The settings of the environment; exits with every Problem where one is wrong."""
    try:
        folder = Path.cwd()
    except FileNotFoundError:
        complain([Problem(Place("the current folder"), "it was removed", "Go to one that is there: cd.")])
        raise AssertionError("complaining ends the process") from None
    found, problems = read_settings(os.environ, folder)
    for one in unknown_names(os.environ):
        say(f"Warning: {one}")
    if found is None:
        complain(problems)
    assert found is not None
    return found


def complain(problems: list[Problem]) -> None:
    """Prints every Problem on standard error and ends with exit code 1."""
    for one in problems:
        tell(one, err=True)
    raise SystemExit(1)


def say(text: str) -> None:
    """A progress line: on standard error, so that what is asked for stays alone on standard output."""
    tell(text, err=True)


#: How long `serve`, `work` and `up` wait for a database that does not answer yet.
PATIENCE_SECONDS: Final = 30.0


@contextmanager
def opened(given: Settings | None = None, *, size: int = 12, patience_seconds: float = 0.0) -> Iterator[House]:
    """A store on HANDFAST_DATABASE_URL, else on the embedded server in the data directory; migrated."""
    from handfast.store.embedded import CannotStart
    from handfast.store.migrate import CannotMigrate
    from handfast.store.opening import opened as store_opened

    found = given or settings()
    if not patience_seconds:
        # Whoever typed a command reads one sentence at its end; a log that is kept has each attempt.
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    try:
        with store_opened(found.database_url, found.data_dir, tell=say, size=size, patience_seconds=patience_seconds) as store:
            yield House(found, store)
    except (CannotStart, CannotMigrate) as error:
        complain([error.problem])
    except StorageAway as error:
        complain([_away(found, error)])


def _away(found: Settings, error: StorageAway) -> Problem:
    """What the database does not do, and what can be done about it."""
    first = str(error).splitlines()[0] if str(error) else "no answer"
    if isinstance(error, StorageRefused):
        fix = "Give its user that right, or name another one in HANDFAST_DATABASE_URL; a copy that can only be read is of no use here."
        return Problem(Place("database"), f"the database refuses it ({first})", fix)
    if "too many c" in first or "connection slots" in first:
        fix = "It allows no more connections: end what holds them, or raise max_connections, or the user's CONNECTION LIMIT."
        return Problem(Place("database"), f"the database has no connection left ({first})", fix)
    foreign = "Check that it runs and that HANDFAST_DATABASE_URL is right."
    fix = foreign if found.database_url else f"Look into {found.data_dir}/server.log."
    return Problem(Place("database"), f"the database cannot be reached ({first})", fix)


def channels(found: Settings) -> Mapping[str, Channel]:
    """The ways out of the house that the settings name: mail always (a folder without a mail server), others where given."""
    from handfast.connectors.mail import Sender, mail_channel
    from handfast.connectors.webhook import WebhookChannel
    from handfast.worker import utc_now

    teams = {"marketing": found.mail_from, "ops": found.mail_from, **found.mail_teams}
    ways: dict[str, Channel] = {
        "email": mail_channel(found.smtp, found.data_dir / "outgoing", Sender(found.mail_from, found.public_url, teams=teams))
    }
    if found.webhook is not None:
        ways["webhook"] = WebhookChannel({"endpoint": found.webhook}, utc_now)
    if found.slack is not None:
        from handfast.connectors.slack import SlackChannel

        ways["slack"] = SlackChannel(found.slack, found.public_url)
    if found.apprise:
        from handfast.connectors.apprise import AppriseChannel

        ways["apprise"] = AppriseChannel(found.apprise, found.public_url)
    return ways
