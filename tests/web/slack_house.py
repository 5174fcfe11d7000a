"""A real HTTP server that plays Slack: its Web API for the SDK's client, and the address that changes a message."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

USERS = {"UANA": "ana@northwind.example", "UBEN": "ben@northwind.example", "USTRANGE": "eve@elsewhere.example"}


@dataclass
class Workspace:
    """What was asked of Slack, in order: (method, arguments). `answers` overrides a method's answer: (status, body, headers)."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, Any], dict[str, str]]] = field(default_factory=dict)
    url: str = ""
    may_reply: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_reply.set()

    def of(self, method: str) -> list[dict[str, Any]]:
        return [said for name, said in self.calls if name == method]

    def answer(self, method: str, said: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        if (told := self.answers.get(method)) is not None:
            return told
        match method:
            case "users.lookupByEmail":
                user = next((u for u, email in USERS.items() if email == said.get("email")), None)
                return 200, {"ok": True, "user": {"id": user}} if user else {"ok": False, "error": "users_not_found"}, {}
            case "users.info":
                return 200, {"ok": True, "user": {"id": said["user"], "profile": {"email": USERS.get(said["user"])}}}, {}
            case "chat.postMessage":
                return 200, {"ok": True, "channel": "D1", "ts": f"{len(self.calls)}.0"}, {}
            case _:
                return 200, {"ok": True}, {}


def _arguments(kind: str, body: bytes) -> dict[str, Any]:
    if kind.startswith("application/json"):
        return dict(json.loads(body))
    said: dict[str, Any] = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return {name: json.loads(value) if value[:1] in ("[", "{") else value for name, value in said.items()}


@contextmanager
def playing(workspace: Workspace) -> Iterator[Workspace]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            method = self.path.partition("?")[0].rsplit("/", 1)[-1]
            said = _arguments(self.headers.get("content-type", ""), body) if body else {}
            assert method == "reply" or self.headers["authorization"] == "Bearer xoxb-test"
            with lock:
                workspace.calls.append((method, said))
            if method == "reply":
                workspace.may_reply.wait(20)
            status, answer, headers = workspace.answer(method, said)
            self._tell(status, answer, headers)

        def _tell(self, status: int, answer: dict[str, Any], headers: dict[str, str]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", "content-length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(self.path.partition("?")[2]).items()}
            method = self.path.partition("?")[0].rsplit("/", 1)[-1]
            with lock:
                workspace.calls.append((method, query))
            self._tell(*workspace.answer(method, query))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        workspace.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield workspace
        finally:
            server.shutdown()
            thread.join()
