"""The intake door as the outside sees it: a real web server on a free port, a real PostgreSQL behind it."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from handfast.desk import intake as desk
from handfast.store.base import Store

KEY = "WK_TEST"
BASIC = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()


def now() -> datetime:
    return datetime.now(UTC)


def application(store: Store, clock: Callable[[], datetime] = now) -> FastAPI:
    from handfast.web import intake as web
    from handfast.web.house import House

    app = FastAPI()
    app.state.house = House(store, SimpleNamespace(public_url="http://127.0.0.1"), clock)
    app.include_router(web.router)
    return app


def stored(store: Store) -> list[dict[str, Any]]:
    """Every signal, in the order recorded."""
    with store.reading() as conn:
        cursor = conn.execute("SELECT * FROM signal ORDER BY seq")
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def problems(store: Store) -> list[dict[str, Any]]:
    """Every refused payload, in the order of their ids."""
    with store.reading() as conn:
        cursor = conn.execute("SELECT * FROM intake_problem ORDER BY id")
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


@dataclass
class Stubborn:
    """A proxy in front of the door that answers the first posts itself, the way a struggling server would."""

    app: ASGIApp
    answers: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        if self.answers:
            status = self.answers.pop(0)
            self.seen.append(status)
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": status, "headers": [(b"retry-after", b"0"), (b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"{}"})
            return

        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.seen.append(message["status"])
            await send(message)

        await self.app(scope, receive, noted)


@dataclass
class Door:
    """The running door: where it is, and what is behind it."""

    url: str
    store: Store
    proxy: Stubborn

    def post(self, call: str, body: Any, **headers: str) -> httpx.Response:
        send = {"content": body} if isinstance(body, bytes) else {"json": body}
        given = {"authorization": BASIC} | {name.replace("_", "-"): value for name, value in headers.items()}
        with httpx.Client(trust_env=False, verify=False) as client:  # no TLS here, so no certificates of all the world either
            return client.post(f"{self.url}/v1/{call}", headers={k: v for k, v in given.items() if v}, **send)

    def stored(self) -> list[dict[str, Any]]:
        return stored(self.store)

    def problems(self) -> list[dict[str, Any]]:
        return problems(self.store)


@pytest.fixture
def door(store: Store) -> Iterator[Door]:
    """A door whose write key is `WK_TEST`, source `web`."""
    desk.ensure_key(store, KEY, "web", now())
    proxy = Stubborn(application(store))
    with Served(proxy) as url:
        yield Door(url, store, proxy)


class Served:
    """A web server of our own on a free port, in a thread."""

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True)

    def __enter__(self) -> str:
        self.thread.start()
        deadline = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < deadline, "the web server did not start"
            time.sleep(0.01)
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        self.listener.close()
