"""A real SMTP server on a free port, with a certificate made for the occasion."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Postbox:
    """What the server took, and what it answers to whom."""

    mails: list[bytes] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    at_data: str = ""
    at_sender: str = ""
    hang_up_at_data: bool = False
    lose_answers: int = 0
    seconds: float = 0.0
    connections: int = 0
    encrypted: list[bool] = field(default_factory=list)
    lines: list[Any] = field(default_factory=list)

    def only_mail(self) -> EmailMessage:
        assert len(self.mails) == 1
        return self.parsed(0)

    def parsed(self, number: int) -> EmailMessage:
        found = message_from_bytes(self.mails[number], policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    async def handle_EHLO(self, server: Any, session: Any, envelope: Envelope, hostname: str, responses: list[str]) -> list[str]:
        self.connections += 1
        self.lines.append(server.transport)
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.at_sender:
            return self.at_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.hang_up_at_data:
            server.transport.abort()
            return "250 never seen"
        if self.at_data:
            return self.at_data
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        self.to += envelope.rcpt_tos
        self.encrypted.append(session.ssl is not None)
        if self.lose_answers:
            self.lose_answers -= 1
            server.transport.abort()
        return "250 taken"


def serve(postbox: Postbox, **options: Any) -> Controller:
    """Starts the server on 127.0.0.1 and a free port; `controller.server.sockets` knows which. Stop it with `controller.stop()`."""
    controller = _AnyPort(postbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    return controller


class _AnyPort(Controller):
    """The library's own start-up check connects to the port it was given, which for "any" it cannot know."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    def stop(self, no_assert: bool = False) -> None:
        """Hangs up on whoever is still there, so that no connection is left to the garbage collector."""
        for line in self.handler.lines:
            self.loop.call_soon_threadsafe(line.abort)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self.loop).result()
        super().stop(no_assert)


def port_of(controller: Controller) -> int:
    assert controller.server is not None
    return int(controller.server.sockets[0].getsockname()[1])


def only(user: str, password: str) -> Any:
    """An authenticator that knows one login. `handled=False` on failure makes the library answer 535 instead of hanging."""

    def check(server: Any, session: Any, envelope: Any, mechanism: str, login: LoginPassword) -> AuthResult:
        good = login.login == user.encode() and login.password == password.encode()
        return AuthResult(success=good, handled=good)

    return check


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for localhost and 127.0.0.1: the file that trusts it, and the context to serve with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    alternatives = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
    builder = builder.not_valid_after(now + dt.timedelta(days=1)).add_extension(alternatives, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = builder.sign(key, hashes.SHA256())
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_file.write_bytes(key.private_bytes(*plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return certificate_file, context
