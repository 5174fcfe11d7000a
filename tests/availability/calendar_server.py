"""A real HTTPS server on a free port that gives out a calendar, and answers as it is told."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.delivery.mail_server import certificate

SECRET = "private-91f3c7"


@dataclass
class Calendars:
    """What the server says next; `asked` are the headers of each request. `drip`: seconds between the bytes of an answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drip: float = 0.0
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    trusted: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def says(self, *events: str, etag: str | None = None) -> None:
        """A calendar of these events, each a line of properties with semicolons as they stand in iCalendar."""
        told = "".join(f"BEGIN:VEVENT\nUID:{n}\n{event}\nEND:VEVENT\n" for n, event in enumerate(events))
        self.status, self.body = 200, f"BEGIN:VCALENDAR\n{told}END:VCALENDAR\n".encode()
        self.headers = {"etag": etag} if etag else {}


@contextmanager
def calendars(folder: Path) -> Iterator[Calendars]:
    state = Calendars()
    trusted, serving = certificate(folder)
    state.trusted = ssl.create_default_context(cafile=str(trusted))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append({name.lower(): value for name, value in self.headers.items()})
            tag = state.headers.get("etag")
            same = tag is not None and self.headers.get("if-none-match") == tag
            self.send_response(304 if same else state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if same or state.status != 200:
                return
            if not state.drip:
                self.wfile.write(state.body)
                return
            for byte in state.body:
                time.sleep(state.drip)
                self.wfile.write(bytes([byte]))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
            """Tests are quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """An asker that hung up first is part of some tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = serving.wrap_socket(server.socket, server_side=True)
        state.url = f"https://localhost:{server.server_address[1]}/{SECRET}/leave.ics?key={SECRET}"
        running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        running.start()
        try:
            yield state
        finally:
            server.shutdown()
            running.join()
