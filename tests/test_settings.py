"""The settings: defaults that run out of the box, mistakes that name their variable, secrets that stay secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handfast.problem import Problem
from handfast.settings import VARIABLES, Settings, read_settings, unknown_names

HERE = Path("/srv/handfast")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REFERENCE = Path(__file__).parents[1] / "docs/reference/settings.md"


def good(**given: str) -> Settings:
    settings, problems = read_settings({f"HANDFAST_{name}": value for name, value in given.items()}, HERE)
    assert settings is not None, problems
    return settings


def bad(**given: str) -> Problem:
    settings, problems = read_settings({f"HANDFAST_{name}": value for name, value in given.items()}, HERE)
    assert settings is None
    (problem,) = problems
    return problem


def test_nothing_set_is_a_running_installation() -> None:
    """On this machine alone, with the embedded database in the folder at hand."""
    assert good() == Settings(data_dir=HERE / ".handfast")
    assert good().public_url == "http://127.0.0.1:8700"


def test_everything_set() -> None:
    settings = good(
        DATABASE_URL="postgresql://app:geheim@db.northwind.example/handfast",
        DATA_DIR="/var/lib/handfast",
        HOST="0.0.0.0",
        PORT="80",
        PUBLIC_URL="https://handfast.northwind.example/",
        WRITE_KEY="k" * 16,
        CONTRACT="northwind.yaml",
        SMTP_URL="smtp://u:p@mail.northwind.example?tls=starttls",
        MAIL_FROM="handfast@northwind.example",
        MAIL_TEAMS="marketing=leads@northwind.example, ops = ops@northwind.example",
        WEBHOOK_URL="https://hooks.northwind.example/in",
        WEBHOOK_SECRET=f"{SECRET} {SECRET}",
        LOG_LEVEL="DEBUG",
    )
    assert settings.database_url == "postgresql://app:geheim@db.northwind.example/handfast"
    assert (settings.data_dir, settings.contract) == (Path("/var/lib/handfast"), HERE / "northwind.yaml")
    assert (settings.host, settings.port, settings.public_url) == ("0.0.0.0", 80, "https://handfast.northwind.example")
    assert settings.smtp is not None
    assert (settings.smtp.host, settings.smtp.port, settings.smtp.tls) == ("mail.northwind.example", 587, "starttls")
    assert settings.mail_teams == {"marketing": "leads@northwind.example", "ops": "ops@northwind.example"}
    assert settings.webhook is not None
    assert len(settings.webhook.secrets) == 2
    assert (settings.write_key, settings.mail_from, settings.log_level) == ("k" * 16, "handfast@northwind.example", "debug")


def test_an_empty_value_is_no_value() -> None:
    """As `HANDFAST_SMTP_URL=` in a file of settings means."""
    assert good(**{variable.name.removeprefix("HANDFAST_"): "  " for variable in VARIABLES}) == good()


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://localhost:8700"), ("::", "http://localhost:8700"), ("::1", "http://[::1]:8700")]
)
def test_the_address_to_type_follows_from_the_one_to_listen_on(host: str, url: str) -> None:
    assert good(HOST=host).public_url == url


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("DATABASE_URL", "mysql://app@db/handfast", "no PostgreSQL URL"),
        ("DATABASE_URL", "postgresql+psycopg://app@db/handfast", "no PostgreSQL URL"),
        ("DATABASE_URL", "postgresql://app@db:port/handfast?unknown=1", "cannot read"),
        ("HOST", "http://127.0.0.1", "no address"),
        ("PORT", "0", "no port"),
        ("PORT", "65536", "no port"),
        ("PORT", "²", "no port"),
        ("PORT", "tcp://10.0.0.1:8700", "no port"),
        ("PUBLIC_URL", "handfast.northwind.example", "no address of a site"),
        ("PUBLIC_URL", "https://northwind.example/handfast", "no address of a site"),
        ("PUBLIC_URL", "https://[", "no address of a site"),
        ("WRITE_KEY", "two words", "cannot send it"),
        ("SMTP_URL", "mail.northwind.example", "no address of a mail server"),
        ("SMTP_URL", "smtp://u:p@mail.northwind.example", "unencrypted"),
        ("MAIL_FROM", "Handfast <handfast@northwind.example>", "no mail address"),
        ("MAIL_TEAMS", "leads@northwind.example", "names no receiver"),
        ("MAIL_TEAMS", "marketing=leads", "no mail address"),
        ("WEBHOOK_SECRET", SECRET, "no endpoint"),
        ("SLACK_SIGNING_SECRET", "abc", "no token"),
        ("SLACK_TOKEN", "xoxp-1", "no bot token"),
        ("APPRISE", "ops", "names no receiver"),
        ("APPRISE", "ops=nonsense://x", "none that Apprise knows"),
        ("RATES", "pigeon=3", "no rate"),
        ("RATES", "slack=0", "no rate"),
        ("LOG_LEVEL", "verbose", "no level"),
    ],
)
def test_a_mistake_names_its_variable(name: str, value: str, what: str) -> None:
    problem = bad(**{name: value})
    assert problem.where.file == f"HANDFAST_{name}"
    assert what in problem.what
    assert problem.fix.endswith((".", "?"))


def test_a_misspelt_name_is_answered_with_the_right_one() -> None:
    (problem,) = unknown_names({"HANDFAST_SMPT_URL": "smtp://mail.northwind.example", "HANDFAST_PORT": "1", "PATH": "/bin"})
    assert problem.fix == "Did you mean 'HANDFAST_SMTP_URL'?"


def test_what_kubernetes_sets_for_a_service_of_this_name_is_not_ours() -> None:
    names = {"HANDFAST_SERVICE_HOST": "10.0.0.1", "HANDFAST_SERVICE_PORT": "8700", "HANDFAST_PORT_8700_TCP_ADDR": "10.0.0.1"}
    assert unknown_names(names) == []
    assert "enableServiceLinks" in bad(PORT="tcp://10.0.0.1:8700").fix


def test_every_mistake_is_told_at_once() -> None:
    _, problems = read_settings({"HANDFAST_PORT": "x", "HANDFAST_LOG_LEVEL": "x", "HANDFAST_WEBHOOK_URL": "ftp://x"}, HERE)
    assert {problem.where.file for problem in problems} == {"HANDFAST_PORT", "HANDFAST_LOG_LEVEL", "HANDFAST_WEBHOOK_URL"}


def test_no_secret_is_ever_shown() -> None:
    """Neither in what a log would print of the settings, nor in the complaint about the very value."""
    shown = repr(
        good(
            DATABASE_URL="postgresql://app:geheim@db/handfast",
            WRITE_KEY="geheim-geheim-geheim",
            SMTP_URL="smtps://u:geheim@mail.northwind.example",
            WEBHOOK_URL="https://hooks.northwind.example",
            WEBHOOK_SECRET=SECRET,
            SLACK_TOKEN="xoxb-geheim",
            SLACK_SIGNING_SECRET="geheim",
            APPRISE="ops=json://u:geheim@127.0.0.1",
        )
    )
    assert "geheim" not in shown
    assert SECRET not in shown
    assert SECRET.removeprefix("whsec_") not in shown
    for name, value in {
        "DATABASE_URL": "postgresql://app:geheim@db:x/handfast?y=geheim",
        "WRITE_KEY": "geheim geheim",
        "SMTP_URL": "smtp://u:geheim@mail.northwind.example",
        "PUBLIC_URL": "https://u:geheim@northwind.example",
        "SLACK_TOKEN": "geheim",
        "APPRISE": "ops=nonsense://geheim",
    }.items():
        assert "geheim" not in str(bad(**{name: value}))


def test_the_reference_is_the_same_table() -> None:
    """docs/reference/settings.md and the code name the same variables, with the same defaults and purposes."""
    rows = re.findall(r"^\| `(HANDFAST_\w+)` \| (.+?) \| (.+?) \|$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(variable.name, variable.default, variable.says) for variable in VARIABLES]


def test_every_variable_is_read() -> None:
    """A variable of the table that nothing reads would be a promise not kept: each changes something or is complained about."""
    for variable in VARIABLES:
        settings, problems = read_settings({variable.name: "smtp://mail.northwind.example"}, HERE)
        assert problems or settings != good(), variable.name


@pytest.mark.parametrize("name", ["DATABASE_URL", "MAIL_FROM", "DATA_DIR", "WRITE_KEY"])
def test_a_value_that_is_no_text_names_its_variable(name: str) -> None:
    """Bytes that are not UTF-8, as the system hands them to Python."""
    problem = bad(**{name: "postgresql://h\udcff@host/name"})
    assert problem.where.file == f"HANDFAST_{name}"
    assert "not UTF-8 text" in problem.what


@pytest.mark.parametrize("name", ["PUBLIC_URL", "WEBHOOK_URL", "SLACK_API", "SMTP_URL"])
@pytest.mark.parametrize("url", ["http://[", "https://[::1"])
def test_half_an_address_names_its_variable(name: str, url: str) -> None:
    beside = {"WEBHOOK_URL": {"WEBHOOK_SECRET": SECRET}, "SLACK_API": {"SLACK_TOKEN": "xoxb-1"}}.get(name, {})
    assert bad(**beside, **{name: url}).where.file.startswith("HANDFAST_")
