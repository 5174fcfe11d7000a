"""What an operator may set, read once from the environment into one frozen value.

Nothing else in Handfast reads the environment. What is written wrongly is a Problem that names the variable; a name that
nobody knows is told too (`unknown_names`), since a misspelt variable would otherwise be silence. Secrets never appear in
`repr`, in a Problem or in a log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from handfast.problem import Place, Problem, one_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handfast.connectors.mail import SmtpServer
    from handfast.connectors.slack import Slack
    from handfast.connectors.webhook import Endpoint

CHANNELS: Final = ("email", "slack", "webhook", "apprise")
#: Messages a minute of channels whose other side asks for patience: Slack takes about one a second.
RATES: Final = {"slack": 60, "apprise": 60}
LOG_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: its name, the default in words, and what it is for. `docs/reference/settings.md` is this table."""

    name: str
    default: str
    says: str


VARIABLES: Final = (
    Variable(
        "HANDFAST_DATABASE_URL",
        "the embedded server",
        "A PostgreSQL database (16 or newer) to use instead of the embedded server: `postgresql://user:password@host/name`.",
    ),
    Variable(
        "HANDFAST_DATA_DIR",
        "`.handfast`",
        "The directory for the embedded database and for mails that no server sends. A relative path starts where the command is run.",
    ),
    Variable("HANDFAST_HOST", "`127.0.0.1`", "The address the web server listens on; `0.0.0.0` for every network of this machine."),
    Variable("HANDFAST_PORT", "`8700`", "The port the web server listens on."),
    Variable(
        "HANDFAST_PUBLIC_URL",
        "`http://host:port` of the two above",
        "The address people type, as links in mails say it; `https://…` behind a proxy that speaks TLS.",
    ),
    Variable(
        "HANDFAST_WRITE_KEY",
        "none",
        "A write key for the intake door, besides those made with `handfast key`.",
    ),
    Variable(
        "HANDFAST_CONTRACT",
        "none",
        "A contract file, put in force at the start and when it changes; once a contract was signed, it becomes a draft instead.",
    ),
    Variable(
        "HANDFAST_SMTP_URL",
        "none: mails become files",
        "The mail server: `smtp://user:password@host:587?tls=starttls` or `smtps://user:password@host`.",
    ),
    Variable("HANDFAST_MAIL_FROM", "`handfast@localhost`", "The sender of mails."),
    Variable(
        "HANDFAST_MAIL_TEAMS",
        "none",
        "Mail addresses of receivers that are no reps: `marketing=leads@northwind.example`, several with commas between.",
    ),
    Variable("HANDFAST_WEBHOOK_URL", "none", "An endpoint that is told of every handoff (Standard Webhooks)."),
    Variable(
        "HANDFAST_WEBHOOK_SECRET",
        "none",
        "Its signing secret, `whsec_…`; while it is being changed, the new and the old one with a space between.",
    ),
    Variable("HANDFAST_SLACK_TOKEN", "none", "The bot token of a Slack app, `xoxb-…`: notices go to reps as direct messages."),
    Variable(
        "HANDFAST_SLACK_SIGNING_SECRET",
        "none: no buttons",
        "The app's signing secret: Slack's callbacks to `/hooks/slack` are trusted by it alone.",
    ),
    Variable(
        "HANDFAST_SLACK_CHANNELS",
        "none",
        "Slack channels of receivers that are no reps: `ops=#handoffs,marketing=#demand`; a ladder's `channel:NAME` goes to `#NAME`.",
    ),
    Variable("HANDFAST_SLACK_API", "`https://slack.com/api/`", "Another address of Slack's Web API, such as a proxy's."),
    Variable(
        "HANDFAST_APPRISE",
        "none",
        "Further ways to receivers, as Apprise writes them: `ops=msteams://…`, `ana=twilio://…`, several with spaces between. "
        "Needs `pip install 'handfast[apprise]'`.",
    ),
    Variable(
        "HANDFAST_RATES",
        "`slack=60,apprise=60`",
        "How many messages a minute a channel takes, all workers together: `slack=30,email=600`.",
    ),
    Variable(
        "HANDFAST_PRIVATE_CALENDARS",
        "`no`",
        "Whether calendars of leave may be fetched from hosts inside this network: `yes` or `no`. Reps enter their addresses.",
    ),
    Variable("HANDFAST_LOG_LEVEL", "`info`", "How much is logged: `debug`, `info`, `warning` or `error`."),
)
#: Of the developers' own, and what Kubernetes sets for a service that is called `handfast`.
_NOT_OURS: Final = re.compile(r"HANDFAST_(TEST_DATA|CHROMIUM|BENCH_.*|SERVICE_.*|PORT_\d.*)")
_MAIL_ADDRESS: Final = re.compile(r"[^@\s,=<>]+@[^@\s,=<>]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for this process. `database_url` None means the embedded server below `data_dir` (an absolute path)."""

    data_dir: Path
    database_url: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8700
    public_url: str = "http://127.0.0.1:8700"
    write_key: str | None = field(default=None, repr=False)
    contract: Path | None = None
    smtp: SmtpServer | None = None
    mail_from: str = "handfast@localhost"
    mail_teams: Mapping[str, str] = field(default_factory=dict)
    webhook: Endpoint | None = None
    slack: Slack | None = None
    apprise: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    rates: Mapping[str, int] = field(default_factory=lambda: dict(RATES))
    private_calendars: bool = False
    log_level: str = "info"


def read_settings(environment: Mapping[str, str], folder: Path) -> tuple[Settings | None, list[Problem]]:
    """The settings in `environment`, or what is wrong with them. An empty value counts as not set.

    Relative paths start at `folder`. Looks at no file but the one of certificates that HANDFAST_SMTP_URL may name.
    """
    reader = _Reader({name: value.strip() for name, value in environment.items() if name.startswith("HANDFAST_") and value.strip()})
    if reader.problems:
        return None, reader.problems
    host, port = reader.host(), reader.port()
    settings = Settings(
        data_dir=folder.absolute() / reader.get("HANDFAST_DATA_DIR", ".handfast"),
        database_url=reader.database_url(),
        host=host,
        port=port,
        public_url=reader.public_url(host, port),
        write_key=reader.write_key(),
        contract=folder.absolute() / path if (path := reader.get("HANDFAST_CONTRACT")) else None,
        smtp=reader.smtp(),
        mail_from=reader.mail_address("HANDFAST_MAIL_FROM", reader.get("HANDFAST_MAIL_FROM", "handfast@localhost")),
        mail_teams=reader.mail_teams(),
        webhook=reader.webhook(),
        slack=reader.slack(),
        apprise=reader.apprise(),
        rates=reader.rates(),
        private_calendars=reader.yes("HANDFAST_PRIVATE_CALENDARS"),
        log_level=reader.log_level(),
    )
    return (None if reader.problems else settings), reader.problems


def unknown_names(environment: Mapping[str, str]) -> list[Problem]:
    """Names that look like ours and are none: a misspelt variable would otherwise be silence. To be said, not refused."""
    known = {variable.name for variable in VARIABLES}
    return [
        Problem(Place(name), "no such setting exists", one_of(known, word=name, most=len(known)))
        for name in sorted(environment)
        if name.startswith("HANDFAST_") and name not in known and not _NOT_OURS.fullmatch(name)
    ]


class _Reader:
    """Each method reads one variable; what is wrong is added to `problems`, and the answer is then of no use."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.problems: list[Problem] = []
        for name, value in given.items():
            try:
                value.encode()
            except UnicodeEncodeError:
                self._wrong(name, "it is not UTF-8 text", "Write it in UTF-8.")

    def get(self, name: str, default: str = "") -> str:
        return self._given.get(name, default)

    def database_url(self) -> str | None:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        if not (url := self.get("HANDFAST_DATABASE_URL")):
            return None
        fix = "Write it as postgresql://user:password@host:5432/name; special characters in the password as %XX."
        # What the driver says of a bad URL quotes it, and with it the password: we say it ourselves.
        if not url.startswith(("postgresql://", "postgres://")):
            self._wrong("HANDFAST_DATABASE_URL", "it is no PostgreSQL URL", fix)
            return None
        try:
            conninfo_to_dict(url)
        except ProgrammingError:
            self._wrong("HANDFAST_DATABASE_URL", "the driver cannot read this URL", fix)
        return url

    def host(self) -> str:
        host = self.get("HANDFAST_HOST", "127.0.0.1")
        if "/" in host or " " in host:
            self._wrong("HANDFAST_HOST", f"'{host}' is no address", "Give an address of this machine alone, like 127.0.0.1 or 0.0.0.0.")
            return "127.0.0.1"
        return host

    def port(self) -> int:
        text = self.get("HANDFAST_PORT", "8700")
        if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
            return int(text)
        fix = "Give a number from 1 to 65535."
        if text.startswith("tcp://"):
            fix += " Kubernetes set this one for the service 'handfast': set enableServiceLinks to false, or HANDFAST_PORT yourself."
        self._wrong("HANDFAST_PORT", f"'{text}' is no port", fix)
        return 0

    def public_url(self, host: str, port: int) -> str:
        shown = "localhost" if host in {"0.0.0.0", "::", ""} else f"[{host}]" if ":" in host else host  # noqa: S104
        url = self.get("HANDFAST_PUBLIC_URL", f"http://{shown}:{port}").rstrip("/")
        try:
            parts = urlsplit(url)
            fine = parts.scheme in {"http", "https"} and parts.hostname and url == f"{parts.scheme}://{parts.netloc}" and "@" not in url
        except ValueError:
            fine = False
        if not fine:
            self._wrong(
                "HANDFAST_PUBLIC_URL", "it is no address of a site", "Write it as https://handfast.northwind.example, without a path."
            )
        return url

    def write_key(self) -> str | None:
        key = self.get("HANDFAST_WRITE_KEY")
        if not key.isascii() or any(c.isspace() for c in key):
            self._wrong("HANDFAST_WRITE_KEY", "tracking libraries cannot send it", "Give ASCII characters without spaces.")
        return key or None

    def smtp(self) -> SmtpServer | None:
        from handfast.connectors.mail import read_smtp

        if not (url := self.get("HANDFAST_SMTP_URL")):
            return None
        server, problems = read_smtp(url)
        self._passed_on("HANDFAST_SMTP_URL", problems)
        return server

    def mail_address(self, name: str, address: str) -> str:
        if not _MAIL_ADDRESS.fullmatch(address):
            self._wrong(name, f"'{address}' is no mail address", "Write the address alone, like handfast@northwind.example.")
        return address

    def mail_teams(self) -> dict[str, str]:
        teams = {}
        for part in filter(None, (part.strip() for part in self.get("HANDFAST_MAIL_TEAMS").split(","))):
            team, equals, address = (text.strip() for text in part.partition("="))
            if not equals or not team:
                fix = "Write it as marketing=leads@northwind.example, several with commas between."
                self._wrong("HANDFAST_MAIL_TEAMS", f"'{part}' names no receiver with an address", fix)
                continue
            teams[team] = self.mail_address("HANDFAST_MAIL_TEAMS", address)
        return teams

    def webhook(self) -> Endpoint | None:
        from handfast.connectors.webhook import read_endpoint

        url, secrets = self.get("HANDFAST_WEBHOOK_URL"), self.get("HANDFAST_WEBHOOK_SECRET").split()
        if not url:
            if secrets:
                self._wrong("HANDFAST_WEBHOOK_SECRET", "there is a secret but no endpoint", "Set HANDFAST_WEBHOOK_URL too.")
            return None
        endpoint, problems = read_endpoint("webhook", url, secrets)
        self._passed_on("HANDFAST_WEBHOOK_URL", problems)
        return endpoint

    def slack(self) -> Slack | None:
        token, secret = self.get("HANDFAST_SLACK_TOKEN"), self.get("HANDFAST_SLACK_SIGNING_SECRET")
        if not token:
            for name in ("HANDFAST_SLACK_SIGNING_SECRET", "HANDFAST_SLACK_CHANNELS", "HANDFAST_SLACK_API"):
                if self.get(name):
                    self._wrong(name, "it says something about Slack, but there is no token", "Set HANDFAST_SLACK_TOKEN too.")
            return None
        from handfast.connectors.slack import read_slack

        pairs = self._pairs("HANDFAST_SLACK_CHANNELS", ",", "ops=#handoffs,marketing=#demand")
        found, problems = read_slack(token, secret, {name: values[-1] for name, values in pairs.items()}, self.get("HANDFAST_SLACK_API"))
        self._passed_on("HANDFAST_SLACK_TOKEN", problems)
        return found

    def apprise(self) -> dict[str, tuple[str, ...]]:
        if not self.get("HANDFAST_APPRISE"):
            return {}
        from handfast.connectors.apprise import read_urls

        found = self._pairs("HANDFAST_APPRISE", None, "ops=msteams://… ana=twilio://…")
        self._passed_on("HANDFAST_APPRISE", read_urls(found))
        return found

    def rates(self) -> dict[str, int]:
        rates = dict(RATES)
        for name, values in self._pairs("HANDFAST_RATES", ",", "slack=30,email=600").items():
            text = values[-1]
            if name not in CHANNELS or not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 1_000_000):
                self._wrong(
                    "HANDFAST_RATES", f"'{name}={text}' is no rate", f"Write a channel ({', '.join(CHANNELS)}) and a number a minute."
                )
            else:
                rates[name] = int(text)
        return rates

    def _pairs(self, name: str, between: str | None, example: str) -> dict[str, tuple[str, ...]]:
        """`receiver=value` pairs; a receiver may stand there several times. What a pair holds may be a secret: it is never told."""
        found: dict[str, tuple[str, ...]] = {}
        for number, part in enumerate(filter(None, (part.strip() for part in self.get(name).split(between))), 1):
            key, equals, value = (text.strip() for text in part.partition("="))
            if not equals or not key or not value:
                self._wrong(name, f"its entry no. {number} names no receiver with a value", f"Write it as {example}.")
            else:
                found[key] = (*found.get(key, ()), value)
        return found

    def yes(self, name: str) -> bool:
        said = self.get(name, "no").lower()
        if said not in ("yes", "no"):
            self._wrong(name, f"'{said[:40]}' is neither yes nor no", "Write `yes` or `no`.")
        return said == "yes"

    def log_level(self) -> str:
        level = self.get("HANDFAST_LOG_LEVEL", "info").lower()
        if level not in LOG_LEVELS:
            self._wrong("HANDFAST_LOG_LEVEL", f"'{level}' is no level", one_of(LOG_LEVELS, word=level))
        return level

    def _wrong(self, name: str, what: str, fix: str) -> None:
        self.problems.append(Problem(Place(name), what, fix))

    def _passed_on(self, name: str, problems: list[Problem]) -> None:
        """What a connector says of its part, under the name of the variable."""
        self.problems += [Problem(Place(name), problem.what, problem.fix) for problem in problems]
