"""What every answer carries and every unsafe request must show, as one ASGI layer that leaves streams alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "handfast"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

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

    Forged: unsafe, and sent by another site in a signed-in browser's name.

    A request that carries our cookie, or goes to the sign-in page, must come from this site by `Sec-Fetch-Site`, or, from a browser
    that does not send it, by `Origin`. Doors without a cookie (the intake) prove themselves with a key and are not concerned.
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
        if scope["method"] not in SAFE and not self._ours(scope):
            answer = PlainTextResponse(
                "This request came from another site, so it was not carried out. Open Handfast itself and try again.", 403
            )
            await answer(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)

    def _ours(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        concerned = f"{COOKIE}=" in headers.get("cookie", "") or scope["path"] in ("/login", "/logout")
        if not concerned:
            return True
        if (site := headers.get("sec-fetch-site")) is not None:
            return site in ("same-origin", "none")
        origin = headers.get("origin")
        if origin is None:
            return False
        return origin == self.origin or urlsplit(origin).netloc == headers.get("host")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
