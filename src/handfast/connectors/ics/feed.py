"""A calendar's address → its bytes, asked for politely and with bounds on everything.

The address of a calendar is its key: whoever knows it reads the calendar. So it is never told: not in a Problem, not in a log, not on a
page; what is told is the host. Addresses are given by people, so a host inside this network is refused unless the operator allows it, and
the connection goes to the very address that was looked up and found fit: a name that answers otherwise a moment later gains nothing.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from handfast import __version__
from handfast.connectors.channel import SEND_SECONDS, within
from handfast.connectors.ics.absences import LARGEST_BYTES
from handfast.numbers import short
from handfast.problem import Place, Problem

#: A calendar's server may send us on so many times.
MOST_HOPS: Final = 3
_SENT_ON: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({401, 403, 404, 410})


@dataclass(frozen=True, slots=True)
class Tags:
    """What a server said of the version it gave, to be asked with next time: `ETag` and `Last-Modified`."""

    etag: str | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A calendar as it came; `data` None: it is the version of the tags it was asked with."""

    data: bytes | None
    tags: Tags


class _Wrong(Exception):
    """It cannot be fetched. Never leaves this module."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def host_of(url: str) -> str:
    """What may be told of an address."""
    try:
        return urlsplit(url).hostname or "the calendar"
    except ValueError:
        return "the calendar"


def read_address(text: str) -> tuple[str, Problem | None]:
    """An address as calendars give it (`webcal://` is https) and what is wrong with it."""
    url = text.strip()
    if url.lower().startswith(("webcal://", "webcals://")):
        url = "https://" + url.split("://", 1)[1]
    try:
        _parts(url)
    except _Wrong as wrong:
        return url, Problem(Place(host_of(url)), wrong.what, wrong.fix)
    return url, None


def fetch(
    url: str, tags: Tags = Tags(), *, private: bool = False, tls: ssl.SSLContext | None = None, seconds: float = SEND_SECONDS
) -> Fetched | Problem:
    """Asks for a calendar; of one that is too large one byte more than is allowed is read.

    Args:
        tags: what was said of the version at hand: one that has not changed is not sent again.
        private: whether hosts inside this network may be asked.
        tls: whom to trust; None: whom the system trusts.
        seconds: for all of it, redirects and drips included.
    """
    where = Place(host_of(url))
    try:
        for _ in range(MOST_HOPS + 1):
            parts = _parts(url)
            status, headers, data = _ask(parts, tags, private, tls or ssl.create_default_context(), seconds)
            if status not in _SENT_ON:
                return _answered(status, headers, data, tags)
            url = urljoin(url, headers.get("location", ""))
        raise _Wrong(f"its server sent us on more than {MOST_HOPS} times", "Give the address it ends at.")
    except _Wrong as wrong:
        return Problem(where, wrong.what, wrong.fix)


def _parts(url: str) -> SplitResult:
    """Raises _Wrong for what nobody should fetch."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _Wrong("this is no address", "Copy it from the calendar: it begins with https://.") from None
    if parts.scheme != "https":
        raise _Wrong("the address is not https", "Calendars are private: use the https address.")
    if not parts.hostname or port == 0 or not url.isascii() or any(c <= " " for c in url):
        raise _Wrong("this is no address", "Copy it from the calendar: it begins with https://.")
    if parts.username or parts.password:
        raise _Wrong("the address carries a password", "Use the calendar's secret address instead; most offer one.")
    return parts


def _answered(status: int, headers: http.client.HTTPMessage, data: bytes, tags: Tags) -> Fetched:
    if status == http.HTTPStatus.NOT_MODIFIED and tags != Tags():
        return Fetched(None, tags)
    if status == http.HTTPStatus.OK:
        return Fetched(data, Tags(_short(headers.get("etag")), _short(headers.get("last-modified"))))
    fix = "Check that it is still shared, and give its address again." if status in _GONE else "It is asked again by itself."
    raise _Wrong(f"its server answered {status}", fix)


def _short(tag: str | None) -> str | None:
    """A tag nobody would want to keep is as good as none."""
    return tag if tag is not None and len(tag) <= 500 and tag.isascii() and tag.isprintable() else None


def _ask(parts: SplitResult, tags: Tags, private: bool, tls: ssl.SSLContext, seconds: float) -> tuple[int, http.client.HTTPMessage, bytes]:
    host, port = parts.hostname or "", parts.port or 443
    link = _Pinned(host, port, _address(host, port, private), tls, seconds)

    def hang_up() -> None:
        if link.wire is not None:
            with suppress(OSError):
                link.wire.shutdown(2)

    headers = {"user-agent": f"Handfast/{__version__}", "accept": "text/calendar", "connection": "close"}
    headers |= {"if-none-match": tags.etag} if tags.etag else {}
    headers |= {"if-modified-since": tags.modified} if tags.modified else {}
    with within(seconds, hang_up) as late:
        try:
            link.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers=headers)
            answer = link.getresponse()
            data = answer.read(LARGEST_BYTES + 1) if answer.status == http.HTTPStatus.OK else b""
            if late():  # what was cut off reads like a short answer
                raise TimeoutError
            return answer.status, answer.headers, data
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failed(error, late=late(), seconds=seconds) from None
        finally:
            link.close()


def _failed(error: Exception, *, late: bool, seconds: float) -> _Wrong:
    """Without what the error says: it may quote what was asked for."""
    if late or isinstance(error, TimeoutError):
        return _Wrong(f"no answer within {short(seconds)} s", "It is asked again by itself.")
    if isinstance(error, ssl.SSLCertVerificationError):
        return _Wrong(f"nobody we trust vouches for its certificate ({error.verify_message})", "Ask whoever runs the calendar's server.")
    said = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return _Wrong(f"it cannot be reached ({said})", "Check the address; it is asked again by itself.")


def _address(host: str, port: int, private: bool) -> str:
    """The address to connect to: one that is fit, and where one of a host's is not, none of them is."""
    try:
        found = list(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    except (OSError, UnicodeError):
        raise _Wrong("no host is called so", "Check the address; it is asked again by itself.") from None
    if not private and not all(_is_outside(one) for one in found):
        fix = "Use an address on the internet, or let the operator set HANDFAST_PRIVATE_CALENDARS=yes."
        raise _Wrong("this host is inside a private network", fix)
    return found[0]


def _is_outside(address: str) -> bool:
    one = ipaddress.ip_address(address.partition("%")[0])
    mapped = one.ipv4_mapped or one.sixtofour if isinstance(one, ipaddress.IPv6Address) else None
    return one.is_global and not one.is_multicast and (mapped is None or mapped.is_global)


class _Pinned(http.client.HTTPSConnection):
    """Connects to the address that was found fit, and asks its certificate for the host's name."""

    def __init__(self, host: str, port: int, address: str, tls: ssl.SSLContext, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds, context=tls)
        self._address, self._tls = address, tls
        #: The socket, also once the answer has taken it over (`sock` is then None).
        self.wire: socket.socket | None = None

    def connect(self) -> None:
        self.wire = plain = socket.create_connection((self._address, self.port), self.timeout)
        try:
            self.wire = self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
