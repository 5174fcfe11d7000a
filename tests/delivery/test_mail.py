"""Mail as people get it: through a real SMTP server, with TLS, a login and refusals; or as files."""

from __future__ import annotations

import re
import socket
import threading
from binascii import b2a_qp
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from delivery_house import BRIEF, Clock, House, as_claimed
from hypothesis import given
from hypothesis import strategies as st
from mail_server import Postbox, certificate, only, port_of, serve

from handfast.brief.letter import Letter
from handfast.connectors.channel import Permanent, Temporary
from handfast.connectors.mail import FolderChannel, Sender, SmtpChannel, SmtpServer, mail_channel, read_smtp, write_mail
from handfast.desk.deliver import Delivered, deliver
from handfast.sla.notice import KINDS, Address, Message, Named, notice

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SENDER = Sender("handoffs@northwind.example", "https://handoffs.northwind.example/", teams={"marketing": "marketing@northwind.example"})
ANA = Address("Ana Silva", "ana@northwind.example", "Europe/Berlin")

Server = Callable[..., SmtpServer]


def page_of(mail: bytes) -> str:
    """The HTML part, as a mail program reads it."""
    back = message_from_bytes(mail, policy=policy.default)
    assert isinstance(back, EmailMessage)
    body = back.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def message(
    kind: str = "handoff_opened", *, ident: str = "msg_one", to: Address | None = ANA, recipient: str = "ana", **payload: Any
) -> Message:
    facts = {
        "handoff_id": "hof_1",
        "opened_at": NOON,
        "next_step": "demo",
        "person": Named("per_maya", "Maya Lindqvist"),
        "account": Named("acc_halden", "Halden Logistics"),
        "owner": Named("ana", "Ana Silva"),
        "due_at": NOON + timedelta(minutes=38),
        "why": "It is Ana's turn in pool 'smb'.",
    } | payload
    content = as_claimed(notice(kind, **facts), **facts)  # type: ignore[arg-type]
    mo = Address("Mo Haddad", "mo@northwind.example")
    return Message(ident, "hof_1", kind, "email", recipient, "ana", content, NOON, 1, NOON + timedelta(minutes=1), to, mo, BRIEF)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def server(postbox: Postbox) -> Iterator[Server]:
    """Starts the mail server; gives what a sender has to know of it."""
    with ExitStack() as stack:

        def start(tls: str = "none", **options: Any) -> SmtpServer:
            controller = serve(postbox, **options)
            stack.callback(controller.stop)
            return SmtpServer("127.0.0.1", port_of(controller), tls)

        yield start


@pytest.fixture
def by() -> Iterator[Callable[..., SmtpChannel]]:
    """Makes channels, and hangs up at the end as the delivery loop does after each batch."""
    with ExitStack() as stack:

        def make(server: SmtpServer, **options: Any) -> SmtpChannel:
            channel = SmtpChannel(server, SENDER, **options)
            stack.callback(channel.finish)
            return channel

        yield make


By = Callable[..., SmtpChannel]


def test_a_rep_gets_a_mail_with_the_brief(server: Server, postbox: Postbox, by: By) -> None:
    by(server()).send(message())
    mail = postbox.only_mail()
    assert postbox.to == ["ana@northwind.example"]
    assert mail["Subject"] == "Maya Lindqvist, Halden Logistics: first touch by 13:38 CET"
    assert mail["From"] == "Handfast <handoffs@northwind.example>"
    assert mail["To"] == "Ana Silva <ana@northwind.example>"
    assert mail["Reply-To"] == "Mo Haddad <mo@northwind.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "Handoffs <handoffs.northwind.example>"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    text = mail.get_body(("plain",))
    assert text is not None
    assert "Hi Maya, shall I show you the two plans that fit?" in text.get_content()
    assert "https://handoffs.northwind.example/queue/hof_1" in text.get_content()


def test_all_notices_of_a_handoff_are_one_thread_and_each_has_its_own_id(server: Server, postbox: Postbox, by: By) -> None:
    channel = by(server())
    channel.send(message(ident="msg_one"))
    channel.send(message("reminder", ident="msg_two"))
    channel.finish()
    first, second = postbox.parsed(0), postbox.parsed(1)
    assert (first["Message-ID"], second["Message-ID"]) == ("<msg_one@northwind.example>", "<msg_two@northwind.example>")
    assert first["References"] == second["References"] == "<hof_1@northwind.example>"


def test_the_second_copy_of_a_mail_is_the_first_byte_for_byte() -> None:
    assert write_mail(message(), SENDER) == write_mail(message(), SENDER)


def test_a_batch_uses_one_connection(server: Server, postbox: Postbox, by: By) -> None:
    channel = by(server())
    for n in range(5):
        channel.send(message(ident=f"msg_{n}"))
    channel.finish()
    assert (len(postbox.mails), postbox.connections) == (5, 1)
    channel.send(message(ident="msg_later"))
    channel.finish()
    assert (len(postbox.mails), postbox.connections) == (6, 2)


def test_starttls_and_a_login(server: Server, postbox: Postbox, tmp_path: Path, by: By) -> None:
    trusted, context = certificate(tmp_path)
    base = server("starttls", tls_context=context, require_starttls=True, authenticator=only("hand", "s3cret/:@"), auth_required=True)
    url = f"smtp://hand:s3cret%2F%3A%40@localhost:{base.port}?tls=starttls&ca={trusted}"
    read, problems = read_smtp(url)
    assert read is not None
    assert not problems
    by(replace(read, host="127.0.0.1")).send(message())
    assert postbox.encrypted == [True]


def test_a_wrong_password_is_temporary_and_concerns_every_mail(server: Server, postbox: Postbox, tmp_path: Path, by: By) -> None:
    trusted, context = certificate(tmp_path)
    base = server("starttls", tls_context=context, require_starttls=True, authenticator=only("hand", "right"), auth_required=True)
    with pytest.raises(Temporary) as caught:
        by(replace(base, user="hand", password="wrong", ca=str(trusted))).send(message())
    assert caught.value.down
    assert "535" in caught.value.why
    assert "wrong" not in caught.value.why
    assert postbox.mails == []


def test_a_certificate_nobody_vouches_for_is_refused(server: Server, postbox: Postbox, tmp_path: Path, by: By) -> None:
    _, context = certificate(tmp_path)
    with pytest.raises(Temporary, match="not reached: SSLCertVerificationError"):
        by(server("starttls", tls_context=context)).send(message())
    assert postbox.mails == []


def test_starttls_is_required_not_merely_tried(server: Server, postbox: Postbox, by: By) -> None:
    with pytest.raises(Temporary, match="cannot do what is asked") as caught:
        by(server("starttls")).send(message())
    assert caught.value.down
    assert postbox.mails == []


def test_tls_from_the_first_byte(postbox: Postbox, tmp_path: Path, by: By) -> None:
    trusted, context = certificate(tmp_path)
    controller = serve(postbox, ssl_context=context)
    try:
        by(SmtpServer("127.0.0.1", port_of(controller), "always", ca=str(trusted))).send(message())
    finally:
        controller.stop()
    assert len(postbox.mails) == 1


@pytest.mark.parametrize(
    ("trouble", "failure", "down", "why"),
    [
        ({"refuse": {"ana@northwind.example": "550 no such user"}}, Permanent, None, "refused the recipient: 550 no such user"),
        ({"refuse": {"ana@northwind.example": "451 greylisted, come again"}}, Temporary, False, "451 greylisted"),
        ({"at_data": "554 5.7.1 looks like spam"}, Permanent, None, "refused the mail: 554"),
        ({"at_data": "452 mailbox full"}, Temporary, False, "452 mailbox full"),
        ({"at_sender": "553 not your domain"}, Temporary, True, "refused us: 553"),
        ({"hang_up_at_data": True}, Temporary, True, "not reached: SMTPServerDisconnected"),
    ],
)
def test_refusals_are_permanent_or_temporary(
    server: Server, postbox: Postbox, trouble: dict[str, Any], failure: type[Exception], down: bool | None, why: str, by: By
) -> None:
    for name, value in trouble.items():
        setattr(postbox, name, value)
    channel = by(server())
    with pytest.raises(failure) as caught:
        channel.send(message())
    assert why in str(caught.value)
    assert getattr(caught.value, "down", None) == down
    assert postbox.mails == []


def test_one_refused_recipient_does_not_stop_the_next(server: Server, postbox: Postbox, by: By) -> None:
    postbox.refuse["ana@northwind.example"] = "550 no such user"
    channel = by(server())
    with pytest.raises(Permanent):
        channel.send(message())
    channel.send(message(ident="msg_two", to=Address("Ben Ito", "ben@northwind.example")))
    assert postbox.to == ["ben@northwind.example"]


def test_nobody_listens(tmp_path: Path, by: By) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(Temporary, match="not reached: ConnectionRefusedError") as caught:
            by(SmtpServer("127.0.0.1", port)).send(message())
    assert caught.value.down


@pytest.mark.parametrize("greeting", [b"", b"2"])
def test_a_server_that_drips_is_cut_off(greeting: bytes, by: By) -> None:
    """It sends a byte now and then and never finishes its greeting: each read succeeds, the whole never does."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            line, _ = listening.accept()
            with line:
                while not stop.wait(0.05):
                    try:
                        line.sendall(greeting)
                    except OSError:
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            channel = by(SmtpServer("127.0.0.1", listening.getsockname()[1]), timeout=0.5)
            with pytest.raises(Temporary, match=r"did not answer within 0\.5 s") as caught:
                channel.send(message())
        finally:
            stop.set()
            dripping.join()
    assert caught.value.down


def test_a_slow_answer_is_cut_off_too(server: Server, postbox: Postbox, by: By) -> None:
    postbox.seconds = 1.5
    with pytest.raises(Temporary, match="did not answer within"):
        by(server(), timeout=0.3).send(message())
    assert postbox.mails == []


def test_the_server_took_it_but_its_answer_was_lost(house: House, clock: Clock, server: Server, postbox: Postbox, by: By) -> None:
    """Then it goes out again: twice the same mail with the same Message-ID, which a mail system may drop, rather than none."""
    postbox.lose_answers = 1
    ident = house.writes()
    channel = by(server())
    assert deliver(house.store, {"email": channel}, clock) == Delivered(retried=1)
    clock.at = house.row(ident)["next_at"]
    assert deliver(house.store, {"email": channel}, clock) == Delivered(sent=1)
    assert [postbox.parsed(n)["Message-ID"] for n in range(2)] == [f"<{ident}@northwind.example>"] * 2
    assert postbox.mails[0] == postbox.mails[1]


def test_from_the_outbox_to_the_postbox(house: House, clock: Clock, server: Server, postbox: Postbox, by: By) -> None:
    house.writes()
    house.writes("breach", "mo", cause="late")
    house.writes("returned", "marketing")
    house.writes("exception", "ops", owner=None)
    house.changes(owner_id="ana")
    channel = by(server())
    assert deliver(house.store, {"email": channel}, clock) == Delivered(sent=2, dropped=2)
    assert postbox.to == ["ana@northwind.example", "mo@northwind.example"]
    assert postbox.parsed(0)["Reply-To"] == "Mo Haddad <mo@northwind.example>"
    assert postbox.parsed(1)["Reply-To"] == "Ana Silva <ana@northwind.example>"


def test_a_team_has_an_address_by_configuration(server: Server, postbox: Postbox, by: By) -> None:
    channel = by(server())
    channel.send(message("returned", to=None, recipient="marketing"))
    assert postbox.to == ["marketing@northwind.example"]
    with pytest.raises(Permanent, match="nobody knows an e-mail address for 'ops'"):
        channel.send(message("exception", to=None, recipient="ops"))


# --- what may not happen to a mail ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "evil", ["Maya\r\nBcc: all@victim.example", "Maya\nX-Evil: 1", "Maya\u2028Bcc: x", "Maya\x00\x0b\x0cBcc: x", "\r\n\r\n<p>body"]
)
def test_a_name_cannot_add_a_header(evil: str) -> None:
    mail = write_mail(
        replace(
            message(person=Named("p", evil), account=Named("a", evil)),
            to=Address(evil, "ana@northwind.example"),
            reply_to=Address(evil, "mo@northwind.example"),
        ),
        SENDER,
    )
    head = mail.split(b"\r\n\r\n", 1)[0]
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert sorted(names) == sorted(
        b"From To Reply-To Subject Date Message-ID In-Reply-To References Auto-Submitted List-Id MIME-Version Content-Type".split()
    )


@given(st.text(max_size=300), st.sampled_from(KINDS))
def test_any_name_makes_a_mail_that_reads_back(name: str, kind: str) -> None:
    mail = write_mail(of_one_named(name, kind), SENDER)
    back = message_from_bytes(mail, policy=policy.default)
    assert [str(address.addr_spec) for address in back["To"].addresses] == ["ana@northwind.example"]
    assert back["Message-ID"] == "<msg_one@northwind.example>"
    assert back["Bcc"] is None
    assert "None" not in back["Subject"] or "None" in name
    assert back.get_body(("html",)) is not None
    assert mail == by_the_library(mail)


@given(st.text(max_size=300))
def test_a_letter_of_any_text_is_what_the_library_writes(text: str) -> None:
    """Line ends of every kind, dots, spaces at the end of a line, lines that begin with From: as the letter has them."""
    said = Letter(text, f"{text}\nFrom here\n.\n \n{text}", f"<p>{text}</p>\r\n{text}\r")
    with patch("handfast.connectors.mail.letter", return_value=said):
        mail = write_mail(message(), SENDER)
    assert mail == by_the_library(mail, said)


def of_one_named(name: str, kind: str) -> Message:
    """A message in which everybody has this name."""
    sent = message(
        kind,
        person=Named("p", name),
        account=Named("a", name),
        owner=Named("ana", name),
        why=name,
        before=Named("b", name),
        joined=Named("j", name),
    )
    return replace(sent, to=Address(name, "ana@northwind.example"))


def by_the_library(mail: bytes, said: Letter | None = None) -> bytes:
    """The same headers and texts (of the mail, or these), built of the standard library's own parts and written by its generator."""
    back = message_from_bytes(mail, policy=policy.default)
    seven_bit = policy.compat32.clone(linesep="\r\n", cte_type="7bit")
    whole = MIMEMultipart("alternative", boundary=back.get_boundary(), policy=seven_bit)
    for name, value in message_from_bytes(mail, policy=policy.compat32).items():
        if name not in ("Content-Type", "MIME-Version"):
            whole[name] = re.sub(r"\r\n(?=[ \t])", "", str(value))
    texts = (said.text, said.html) if said else [part.get_content().replace("\r\n", "\n") for part in back.iter_parts()]
    for form, text in zip(("plain", "html"), texts, strict=True):
        part = MIMENonMultipart("text", form, policy=seven_bit, charset="utf-8")
        part["Content-Transfer-Encoding"] = "quoted-printable"
        part.set_payload(b2a_qp(text.encode(), istext=True).decode("ascii"))
        whole.attach(part)
    return whole.as_bytes()


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b@c", "a\r\nb@x.example", "a b@x.example", "<a@x.example>", "a@x.example, b@x.example", "@"]
)
def test_an_address_that_is_none_is_permanent(address: str) -> None:
    with pytest.raises(Permanent, match="e-mail address"):
        write_mail(message(to=Address("Ana", address)), SENDER)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_visitor_typed_is_text_in_every_kind_of_mail(kind: str) -> None:
    evil = '<script>alert(1)</script><img src="https://spy.example/x.gif">"onmouseover='
    sent = message(kind, person=Named("p", evil), account=Named("a", evil), why=evil, joined=Named("j", evil), before=Named("b", evil))
    brief = {**BRIEF, "asked": {"text": evil, "cites": []}, "opener": {"text": evil, "cites": []}}
    page = page_of(write_mail(replace(sent, brief=brief), SENDER))
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_loads_nothing_and_links_to_one_page_only(kind: str) -> None:
    page = page_of(write_mail(message(kind), SENDER))
    assert set(re.findall(r"https?://[^\s\"'<>)]+", page)) <= {
        f"https://handoffs.northwind.example/{place}/hof_1" for place in ("queue", "handoffs")
    }
    assert not re.search(r"<(img|link|script|iframe|object|form)\b|url\(|@import|@font-face", page)


def test_the_dark_rules_beat_what_stands_inline() -> None:
    page = page_of(write_mail(message(), SENDER))
    for rules in re.findall(r"@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)\}", page):
        declarations = [d for block in re.findall(r"\{([^{}]*)\}", rules) for d in block.split(";") if d]
        assert declarations
        assert all(d.endswith("!important") for d in declarations)


# --- the address of the server ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.northwind.example", SmtpServer("mail.northwind.example", 25)),
        ("smtp://mail.northwind.example?tls=starttls", SmtpServer("mail.northwind.example", 587, "starttls")),
        ("smtp://u:p%40ss@mail.northwind.example:2525?tls=starttls", SmtpServer("mail.northwind.example", 2525, "starttls", "u", "p@ss")),
        ("smtps://u:p@mail.northwind.example", SmtpServer("mail.northwind.example", 465, "always", "u", "p")),
        ("smtp://u:p@127.0.0.1:1025", SmtpServer("127.0.0.1", 1025, "none", "u", "p")),
        ("smtp://[::1]:1025", SmtpServer("::1", 1025)),
    ],
)
def test_servers_people_write(url: str, server: SmtpServer) -> None:
    assert read_smtp(url) == (server, [])
    assert "p@ss" not in repr(read_smtp(url)[0])


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mail.northwind.example:25", "no address of a mail server"),
        ("http://mail.northwind.example", "no address of a mail server"),
        ("smtp://", "no address of a mail server"),
        ("smtp://mail.northwind.example:port", "no URL"),
        ("smtp://mail.northwind.example?tls=maybe", "no address of a mail server"),
        ("smtp://mail.northwind.example?timeout=3", "no address of a mail server"),
        ("smtp://mail.northwind.example?ca=/nowhere/ca.pem", "does not exist"),
        ("smtp://u:secret@mail.northwind.example", "password would travel unencrypted"),
    ],
)
def test_servers_nobody_can_reach_are_problems(url: str, what: str) -> None:
    server, problems = read_smtp(url)
    assert server is None
    assert [what in problem.what for problem in problems] == [True]
    assert "secret" not in str(problems[0])


# --- files ------------------------------------------------------------------------------------------------------


def test_without_a_server_mails_are_complete_files(house: House, clock: Clock, tmp_path: Path) -> None:
    ident = house.writes()
    channel = mail_channel(None, tmp_path / "outgoing", SENDER)
    assert deliver(house.store, {"email": channel}, clock) == Delivered(sent=1)
    [file] = (tmp_path / "outgoing").iterdir()
    assert file.name == f"{ident}.eml"
    assert b"Subject: Maya Lindqvist, Halden Logistics" in file.read_bytes()


def test_the_same_mail_twice_is_one_file(tmp_path: Path) -> None:
    channel = FolderChannel(tmp_path, SENDER)
    channel.send(message())
    before = (tmp_path / "msg_one.eml").read_bytes()
    channel.send(message())
    assert [file.name for file in tmp_path.iterdir()] == ["msg_one.eml"]
    assert (tmp_path / "msg_one.eml").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_temporary(tmp_path: Path) -> None:
    (tmp_path / "outgoing").write_text("a file stands where the folder should be")
    with pytest.raises(Temporary, match="cannot be written") as caught:
        FolderChannel(tmp_path / "outgoing", SENDER).send(message())
    assert caught.value.down


def test_an_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    (tmp_path / "outgoing").mkdir()
    FolderChannel(tmp_path / "outgoing", SENDER).send(message(ident="../../evil"))
    assert [file.name for file in (tmp_path / "outgoing").iterdir()] == ["evil.eml"]
