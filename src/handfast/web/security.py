"""What every answer carries and every unsafe request must show, as one ASGI layer that leaves streams alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "handfast"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Doors that pages of other sites may post to: what comes in proves itself with a key or a signature, never with a cookie.
OPEN_DOORS: Final = ("/v1/", "/hooks/")

#: No inline script, no eval, no other host. Style attributes carry numbers for charts and countdowns only.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Asks the clock once a request (`request.state.at`), sets the security headers, and refuses forged requests.

    Forged: unsafe, and sent by another site in a signed-in browser's name. A browser says where a request comes from by `Sec-Fetch-Site`
    or, an older one, by `Origin`: both must name this site. What says neither is no browser; it may pass without our cookie, as a program
    with a password of its own does, and never to the sign-in page.
    """

    def __init__(self, app: ASGIApp, *, public_url: str, clock: Callable[[], datetime]) -> None:
        self.app = app
        self.origin = _origin(public_url)
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})["at"] = self.clock()

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._refusal(scope) or self.app
        await app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        """What is answered at once, without asking the application."""
        if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
            return PlainTextResponse("There is no page at this address: it has a character that no address has.", 404)
        if scope["method"] not in SAFE and not self._ours(scope):
            said = "This request came from another site, so it was not carried out. Open Handfast itself and try again."
            return PlainTextResponse(said, 403)
        return None

    def _ours(self, scope: Scope) -> bool:
        if scope["path"].startswith(OPEN_DOORS):
            return True
        headers = Headers(scope=scope)
        if (site := headers.get("sec-fetch-site")) is not None:
            return site in ("same-origin", "none")
        if (origin := headers.get("origin")) is not None:
            return origin == self.origin or parts_of(origin).netloc == headers.get("host")
        return f"{COOKIE}=" not in headers.get("cookie", "") and scope["path"] not in ("/login", "/logout")


def parts_of(url: str) -> SplitResult:
    """The parts of an address that a request names; of what is none, empty ones."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
