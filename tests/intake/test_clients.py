"""The unmodified libraries of Segment and RudderStack against a running door and a real PostgreSQL.

Each makes the same calls; what is stored must be the list of calls, each once, also where the door first answers 503, then 429.
The Node libraries are installed once into a cache, pinned by the lock file beside their scripts, without running install scripts.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rudderstack.analytics as rudderstack
import segment.analytics as segment

from .conftest import KEY, Door

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent / "clients"
TRAITS = {"email": "pat@acme.example", "firstName": "Pat", "company": {"name": "Acme", "employees": 420}}

#: kind, user id, anonymous id, e-mail, group id, previous id, what it says of itself, of the person, of the account.
SENT = [
    ("identified", "u1", None, "pat@acme.example", None, None, {},
     {"email": "pat@acme.example", "first_name": "Pat", "company": "Acme"}, {"name": "Acme", "employees": 420}),
    ("demo_requested", "u1", None, None, None, None, {"plan": "enterprise"}, None, None),
    ("whitepaper_downloaded", None, "anon-1", None, None, None, {"topic": "speed"}, None, None),
    ("page_viewed", "u1", None, None, None, None,
     {"url": "https://www.acme.example/pricing", "path": "/pricing", "name": "Pricing", "category": "Docs"}, None, None),
    ("grouped", "u1", None, None, "acme-co", None, {}, None, {"name": "Acme", "industry": "software"}),
    ("aliased", "u1", None, None, None, "anon-1", {}, None, None),
]  # fmt: skip


def segment_python(url: str) -> None:
    errors: list[Any] = []
    client = segment.Client(KEY, host=url, on_error=lambda error, batch: errors.append(error), max_retries=10)
    calls(client)
    assert errors == []


def segment_python_gzip(url: str) -> None:
    client = segment.Client(KEY, host=url, gzip=True, max_retries=10)
    calls(client)


def rudderstack_python(url: str) -> None:
    errors: list[Any] = []
    client = rudderstack.Client(KEY, host=url, on_error=lambda error, batch: errors.append(error), max_retries=10)
    calls(client)
    assert errors == []


def calls(client: Any) -> None:
    client.identify("u1", TRAITS)
    extra = {"message_id": "m-fixed-1"} if isinstance(client, segment.Client) else {}
    client.track("u1", "Demo Requested", {"plan": "enterprise"}, **extra)
    client.track(event="Whitepaper Downloaded", properties={"topic": "speed"}, anonymous_id="anon-1")
    client.page("u1", "Docs", "Pricing", {"url": "https://www.acme.example/pricing"})
    client.group("u1", "acme-co", {"name": "Acme", "industry": "software"})
    client.alias("anon-1", "u1")
    client.flush()
    client.join()


def node_script(name: str) -> Callable[[str], None]:
    def run(url: str) -> None:
        modules = node_modules()
        env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "CLIENTS": f"{modules}/", "NO_PROXY": "*"}
        done = subprocess.run(
            ["node", str(HERE / f"{name}.mjs"), url, KEY], env=env, cwd=modules, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr

    run.__name__ = f"{name}_node"
    return run


def node_modules() -> Path:
    """The folder with the pinned Node libraries; installed on first use."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        if os.environ.get("CI"):
            pytest.fail("node and npm are needed here: the Node libraries are part of what the door promises")
        pytest.skip("node and npm are not installed")
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handfast-tests"
    folder = cache / f"clients-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0 and not os.environ.get("CI"):
            pytest.skip(f"the Node libraries cannot be installed here: {done.stderr.strip()[-200:]}")
        assert done.returncode == 0, done.stderr
        (folder / "done").touch()
    return folder


CLIENTS = [segment_python, segment_python_gzip, rudderstack_python, node_script("segment"), node_script("rudder")]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries ask the environment for a proxy, also for this machine."""
    monkeypatch.setenv("NO_PROXY", "*")


def said(row: dict[str, Any]) -> tuple[Any, ...]:
    own = {name: value for name, value in row["properties"].items() if not name.startswith("_")}
    return (
        *(row[name] for name in ("kind", "user_id", "anonymous_id", "email", "group_id", "previous_id")),
        own,
        row["person"],
        row["account"],
    )


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_what_a_library_sends_is_what_is_stored(client: Callable[[str], None], door: Door) -> None:
    client(door.url)
    assert sorted(map(said, door.stored()), key=str) == sorted(SENT, key=str)
    assert door.problems() == []
    assert set(door.proxy.seen) == {200}


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_struggling_door_costs_nothing_and_doubles_nothing(client: Callable[[str], None], door: Door) -> None:
    """503, then 429, then the door is itself again: the library retries, and each event is there once."""
    door.proxy.answers = [503, 429]
    client(door.url)
    assert door.proxy.seen[:2] == [503, 429]
    assert sorted(map(said, door.stored()), key=str) == sorted(SENT, key=str)


@pytest.mark.parametrize("client", CLIENTS[:3], ids=lambda client: client.__name__)
def test_an_answer_lost_on_its_way_back_doubles_nothing(client: Callable[[str], None], door: Door) -> None:
    """The events are recorded, the sender hears 500, and sends them all again with the same message ids."""
    real, lose = door.proxy.app, [True]

    async def losing(scope: Any, receive: Any, send: Any) -> None:
        async def lost(message: Any) -> None:
            if message["type"] == "http.response.start" and lose.pop() is True:
                message = message | {"status": 500}
            lose.append(False)
            await send(message)

        await real(scope, receive, lost)

    door.proxy.app = losing
    client(door.url)
    assert door.proxy.seen == [500, 200]
    assert sorted(map(said, door.stored()), key=str) == sorted(SENT, key=str)
