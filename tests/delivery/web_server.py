"""A real HTTP server on a free port that keeps what it was posted, and answers as it is told."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Post:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answer` gets the number of the post (from 0) and gives a status and headers, or None to hang up without a word."""

    posts: list[Post] = field(default_factory=list)
    answer: Callable[[int], tuple[int, dict[str, str]] | None] = lambda number: (204, {})
    before_answer: Callable[[], object] = lambda: None
    url: str = ""

    def answers(self, *answers: tuple[int, dict[str, str]] | int | None) -> None:
        """One answer after the other; the last one for ever."""

        def answer(number: int) -> tuple[int, dict[str, str]] | None:
            told = answers[min(number, len(answers) - 1)]
            return (told, {}) if isinstance(told, int) else told

        self.answer = answer


@contextmanager
def receiving(receiver: Receiver, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serves until the block ends; `receiver.url` is where."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if len(body) < int(self.headers["content-length"]):
                self.close_connection = True  # the sender died in the middle of it: that is no message
                return
            with lock:
                number = len(receiver.posts)
                receiver.posts.append(Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            receiver.before_answer()
            if (answer := receiver.answer(number)) is None:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(answer[0])
            for name, value in answer[1].items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
            """Tests are quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that hung up first is part of some tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/hooks/handoffs?team=north"
        running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        running.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            running.join()
