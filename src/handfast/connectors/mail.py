"""E-mail: notices to people, by SMTP, or as complete .eml files where no server is configured.

Every mail has a text part first and an HTML part beside it, a Message-ID made from the outbox id (the same on every attempt, so a mail
system can drop the second copy), and References that gather all notices of one handoff in one thread. No remote content, no tracking.
"""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
from binascii import b2a_qp
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email import policy
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address as MailAddress
from email.utils import format_datetime, formataddr
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from handfast.brief.letter import letter
from handfast.connectors.channel import SEND_SECONDS, Channel, Permanent, Temporary, within
from handfast.facts import utc
from handfast.numbers import short
from handfast.problem import Place, Problem
from handfast.sla.notice import Address, Message


class _Quick(policy.Compat32):
    """The classic policy, which writes a header in a third of the time of the newer one; and one that needs no folding is not folded."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if isinstance(value, str) and len(name) + len(value) < _LINE and value.isascii() and value.isprintable():
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


#: Characters of a line of a header, the colon and the space not counted.
_LINE: Final = 75
#: As it leaves: lines end in CR LF, and nothing is wider than seven bits.
_POLICY: Final = _Quick(linesep="\r\n", cte_type="7bit")
#: Everything a header must not hold: line breaks of any kind, and other control characters.
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LONGEST_SUBJECT: Final = 200
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the mails come from. `base_url` is where the pages are; `teams` gives the addresses of recipients that are no reps."""

    email: str
    base_url: str
    name: str = "Handfast"
    teams: Mapping[str, str] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        return self.email.rpartition("@")[2] or "localhost"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server. `tls` is `none`, `starttls` (required, not merely tried) or `always`; `ca` a file of trusted certificates."""

    host: str
    port: int
    tls: str = "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None


def read_smtp(url: str) -> tuple[SmtpServer | None, list[Problem]]:
    """A mail server from its URL: `smtp://[user:password@]host[:port][?tls=starttls]` or `smtps://…`, both with `?ca=FILE`.

    Ports default to 25, 587 with STARTTLS, and 465. A password over an unencrypted line to another machine is a Problem.
    """
    where = Place("SMTP address")
    usage = "Write it as smtp://user:password@host:587?tls=starttls or smtps://user:password@host."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None, [Problem(where, "it is no URL", usage)]
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    tls = "always" if parts.scheme == "smtps" else options.pop("tls", "none")
    ca = options.pop("ca", None)
    if parts.scheme not in ("smtp", "smtps") or not host or tls not in ("none", "starttls", "always") or options:
        return None, [Problem(where, "it is no address of a mail server", usage)]
    if ca is not None and not Path(ca).is_file():
        return None, [Problem(where, f"the file of certificates {ca} does not exist", "Correct the path after 'ca='.")]
    if parts.password and tls == "none" and host not in _LOOPBACK:
        return None, [Problem(where, "the password would travel unencrypted", "Add ?tls=starttls, or write smtps://.")]
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return SmtpServer(host, port or {"none": 25, "starttls": 587, "always": 465}[tls], tls, user, password, ca), []


def mail_channel(server: SmtpServer | None, folder: Path, sender: Sender) -> Channel:
    """The way out for mail: the server if there is one, else .eml files in `folder`."""
    return FolderChannel(folder, sender) if server is None else SmtpChannel(server, sender)


# --- the mail itself ------------------------------------------------------------------------------------------


def write_mail(message: Message, sender: Sender) -> bytes:
    """The complete mail of a message. The same message gives the same bytes, whenever and wherever it is written.

    They are those the standard library's generator would write, put together here in a quarter of its time.

    Raises:
        Permanent: the recipient has no address, or none that a mail could be sent to.
    """
    content = letter(message, sender.base_url)
    between = f"=_{_token(message.id)}"
    headers = b"".join(_POLICY.fold_binary(name, value) for name, value in _headers(message, sender, content.subject, between))
    line = b"\r\n--" + between.encode()
    return b"".join((headers, line, _part("plain", content.text), line, _part("html", content.html), line, b"--\r\n"))


def _headers(message: Message, sender: Sender, subject: str, between: str) -> Iterator[tuple[str, str]]:
    yield "Content-Type", f'multipart/alternative; boundary="{between}"'
    yield "MIME-Version", "1.0"
    yield "From", _address(Address(sender.name, sender.email))
    yield "To", _address(_recipient(message, sender))
    if message.reply_to is not None:
        yield "Reply-To", _address(message.reply_to)
    yield "Subject", _header(one_line(subject)[:_LONGEST_SUBJECT])
    yield "Date", format_datetime(utc(message.created_at))
    yield "Message-ID", f"<{message.id}@{sender.domain}>"
    # Nothing bears this id: it is the thread's name, and mail programs gather what refers to it.
    thread = f"<{_token(message.handoff_id or f'{message.id}-alone')}@{sender.domain}>"
    yield "In-Reply-To", thread
    yield "References", thread
    yield "Auto-Submitted", "auto-generated"
    yield "List-Id", f"Handoffs <handoffs.{sender.domain}>"


def _part(form: str, text: str) -> bytes:
    """What stands between two boundaries: the end of the boundary's line, headers, an empty line, the text."""
    encoded = b2a_qp(text.encode(), istext=True)
    headers = f'\r\nContent-Type: text/{form}; charset="utf-8"\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return headers.encode() + encoded.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def _header(text: str) -> str:
    """In words that seven bits can carry, a space between; they are folded where the mail is written out."""
    return text if text.isascii() else Header(text, "utf-8").encode(maxlinelen=75, linesep="")


def one_line(text: str) -> str:
    """The text without line breaks and control characters, fit for a header."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def _token(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "", text)


def _recipient(message: Message, sender: Sender) -> Address:
    if message.to is not None:
        return message.to
    if (team := sender.teams.get(message.recipient)) is not None:
        return Address(message.recipient.replace("_", " ").capitalize(), team)
    raise Permanent(f"nobody knows an e-mail address for '{message.recipient}'")


@lru_cache(maxsize=1024)
def _address(address: Address) -> str:
    """As a header says it: the name encoded or quoted where it must be."""
    name = one_line(address.name)
    try:
        MailAddress(addr_spec=address.email)
        return formataddr((name, address.email), "utf-8")
    except (ValueError, LookupError, MessageError) as error:  # what the standard library's parser says to a broken address
        raise Permanent("the recipient's e-mail address is none that mail could be sent to") from error


# --- by SMTP --------------------------------------------------------------------------------------------------


class _Plain(smtplib.SMTP):
    """Makes itself known before it connects, so that a deadline can cut even a greeting that never ends."""

    def __init__(self, known: Callable[[smtplib.SMTP], None], *args: Any, **kwargs: Any) -> None:
        known(self)
        super().__init__(*args, **kwargs)


class _Encrypted(smtplib.SMTP_SSL):
    def __init__(self, known: Callable[[smtplib.SMTP], None], *args: Any, **kwargs: Any) -> None:
        known(self)
        super().__init__(*args, **kwargs)


class SmtpChannel:
    """Sends by SMTP. One connection serves a batch; `finish` ends it."""

    def __init__(self, server: SmtpServer, sender: Sender, *, timeout: float = SEND_SECONDS) -> None:
        self._server = server
        self._sender = sender
        self._timeout = timeout
        self._line: smtplib.SMTP | None = None

    def destination(self, message: Message) -> str:
        return f"{self._server.host}:{self._server.port}"

    def send(self, message: Message) -> None:
        mail, to = write_mail(message, self._sender), _recipient(message, self._sender).email
        with within(self._timeout, self._cut) as late:
            try:
                self._connected().sendmail(self._sender.email, [to], mail)
            except (smtplib.SMTPException, OSError) as error:
                self._drop()
                # The library says "closed" where a reading of its own took too long.
                if late() or isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
                    raise Temporary(f"the mail server did not answer within {short(self._timeout)} s", down=True) from error
                raise _failure(error) from error

    def finish(self) -> None:
        if self._line is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._line.quit()
        self._drop()

    def _connected(self) -> smtplib.SMTP:
        """The line of this batch, if it still answers, else a new one."""
        if self._line is not None:
            with suppress(smtplib.SMTPException, OSError):
                if self._line.rset()[0] == 250:
                    return self._line
            self._drop()
        return self._connect()

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        where = (server.host, server.port, self._sender.domain)
        tls = None if server.tls == "none" else ssl.create_default_context(cafile=server.ca)
        if server.tls == "always":
            line: smtplib.SMTP = _Encrypted(self._know, *where, timeout=self._timeout, context=tls)
        else:
            line = _Plain(self._know, *where, timeout=self._timeout)
        if server.tls == "starttls":
            line.starttls(context=tls)
        if server.user is not None:
            line.login(server.user, server.password or "")
        return line

    def _know(self, line: smtplib.SMTP) -> None:
        self._line = line

    def _cut(self) -> None:
        """Called from the deadline's own thread: ends whatever the sending thread waits for."""
        sock = getattr(self._line, "sock", None)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None and getattr(line, "sock", None) is not None:
            line.close()


def _failure(error: smtplib.SMTPException | OSError) -> Permanent | Temporary:
    """Permanent is only what concerns this recipient or this mail. A wrong password is mended by people, and the mails still go out."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        said = f"the mail server refused the recipient: {_said(code, text)}"
        return Permanent(said) if code >= 500 else Temporary(said)
    if isinstance(error, smtplib.SMTPDataError):
        said = f"the mail server refused the mail: {_said(error.smtp_code, error.smtp_error)}"
        return Permanent(said) if error.smtp_code >= 500 else Temporary(said)
    if isinstance(error, smtplib.SMTPResponseException):
        return Temporary(f"the mail server refused us: {_said(error.smtp_code, error.smtp_error)}", down=True)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Temporary(f"the mail server cannot do what is asked of it: {error}", down=True)
    return Temporary(f"the mail server was not reached: {type(error).__name__}", down=True)


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return one_line(f"{code} {words}")[:300]


# --- as files -------------------------------------------------------------------------------------------------


class FolderChannel:
    """Writes each mail to `folder` as `<outbox id>.eml`. Twice gives the same file with the same bytes."""

    def __init__(self, folder: Path, sender: Sender) -> None:
        self._folder = folder
        self._sender = sender

    def destination(self, message: Message) -> str:
        return "folder"

    def finish(self) -> None:
        """Files are complete as soon as they are there."""

    def send(self, message: Message) -> None:
        """Write it beside its name and move it there, so that nobody ever reads half a mail."""
        content = write_mail(message, self._sender)
        name = _token(message.id)
        draft = self._folder / f".{name}.{os.getpid()}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._folder / f"{name}.eml")
        except OSError as error:
            raise Temporary(f"the folder for mails cannot be written: {error.strerror or type(error).__name__}", down=True) from error
