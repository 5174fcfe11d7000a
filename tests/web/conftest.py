"""A running web process on the cast, and a real browser that forgives nothing.

The `page` fixture fails on any request to another host, console error, page error or answer of 400 and above, unless the test said with
`expect_refusal` that it provokes one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cast
import httpx
import pytest
from playwright.sync_api import expect
from tests.conftest import _own_database

from handfast.desk.logins import sign_in
from handfast.web.app import create_app
from handfast.web.security import COOKIE
from handfast.web.server import Server

# Two workers on two cores beside a database: five seconds, the default, is sometimes not enough for a page that is right.
expect.set_options(timeout=20_000)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from handfast.store.base import Store

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
HINT = """No browser for the tests of the pages.

  Debian, Ubuntu:  apt-get install -y chromium
  or point to one: HANDFAST_CHROMIUM=/path/to/chrome
  or leave out:    pytest -m "not browser"
"""
AXE_VERSION, AXE_SHA256 = "4.14.1", "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"


def missing(what: str) -> None:
    """On CI a missing tool is a failure; at somebody's desk, a skip that says how to get it."""
    if os.environ.get("CI"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def browser_path() -> str:
    if given := os.environ.get("HANDFAST_CHROMIUM"):
        if not os.access(given, os.X_OK):
            pytest.exit(f"HANDFAST_CHROMIUM={given!r} is not an executable file.\n\n{HINT}", returncode=4)
        return given
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        missing(HINT)
    return str(path)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], browser_path: str) -> dict[str, Any]:
    args = ["--disable-gpu", "--font-render-hinting=none", "--force-color-profile=srgb", "--disable-dev-shm-usage"]
    own = {"executable_path": browser_path, "headless": True, "chromium_sandbox": os.geteuid() != 0, "args": args, "timeout": 30_000}
    return {**browser_type_launch_args, **own}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    own = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", "timezone_id": "Europe/Berlin", "reduced_motion": "reduce"}
    return {**browser_context_args, **own, "service_workers": "block"}


class Running:
    """A web process in a thread of this one, on a port of its own. `clock` can be moved; `store` is what it reads."""

    def __init__(self, store: Store, clock: cast.Clock, settings: cast.Settings | None = None, **options: Any) -> None:
        self.store, self.clock = store, clock
        self.app = create_app(store, settings or cast.Settings(), clock=clock, **options)
        self._server = Server(self.app, port=0, log_level="error")
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        for _ in range(500):
            if self._server.started:
                break
            threading.Event().wait(0.02)
        assert self._server.started, "the web process did not start"
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive(), "the web process did not stop"


@pytest.fixture
def scoreboard(request: pytest.FixtureRequest) -> Any:
    """What makes the scoreboard's report; none unless a test asks for `figures`."""
    return (lambda _conn, _at: cast.FIGURES) if getattr(request, "param", None) == "figures" else None


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    """`running(store)` starts a web process; all are stopped after the test."""
    started: list[Running] = []

    def start(store: Store, **options: Any) -> Running:
        one = Running(store, cast.Clock(), **options)
        started.append(one)
        one.start()
        return one

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, postgres_url: str, template_database: str, prepared: Callable[..., str]) -> Iterator[str]:
    """The URL of a database of this test's own: with the whole cast where the test asks for the `stage` or what stands on it."""
    on_stage = "stage" in request.fixturenames
    yield from _own_database(postgres_url, prepared("cast", cast.raise_curtain) if on_stage else template_database)


@pytest.fixture
def stage(store: Store) -> Store:
    """The test's Store, on the whole cast."""
    return store


@pytest.fixture
def server(stage: Store, running: Callable[..., Running], scoreboard: Any) -> Running:
    """The web process on the whole cast."""
    return running(stage, scoreboard=scoreboard)


@pytest.fixture
def browse() -> Iterator[Callable[..., httpx.Client]]:
    """`browse(url, headers=…)` is an HTTP client that is nobody yet; all are closed after the test."""
    opened: list[httpx.Client] = []

    def start(url: str, **options: Any) -> httpx.Client:
        # Without TLS nothing needs to be verified; and reading the certificates of all the world takes longer than most answers.
        opened.append(httpx.Client(base_url=url, timeout=30, verify=False, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def client(server: Running, browse: Callable[..., httpx.Client]) -> Callable[[str | None], httpx.Client]:
    """`client("ana")` is an HTTP client signed in as her; `client(None)` as nobody."""

    def sign_in(who: str | None) -> httpx.Client:
        http = browse(server.url, headers={"Origin": server.url})
        if who is not None:
            answer = http.post("/login", data={"email": f"{who}@northwind.example", "password": cast.PASSWORD})
            assert answer.status_code == 303, answer.text
        return http

    return sign_in


class Expected:
    """Which refusals a test provokes on purpose: by status, or by cutting the line (`offline`)."""

    def __init__(self) -> None:
        self.statuses: set[int] = set()
        self.offline = False

    def __call__(self, *statuses: int) -> None:
        self.statuses.update(statuses)


@pytest.fixture
def expect_refusal() -> Expected:
    return Expected()


def watch(page: Page, url: str, expected: Expected) -> list[str]:
    """Everything that must not happen, as it happens."""
    bad: list[str] = []
    page.on("request", lambda r: bad.append(f"external {r.url}") if not r.url.startswith((url, "data:", "blob:")) else None)
    page.on("pageerror", lambda e: bad.append(f"page error {e}"))
    page.on("response", lambda r: bad.append(f"{r.status} {r.url}") if r.status >= 400 and r.status not in expected.statuses else None)

    def console(message: Any) -> None:
        provoked = any(f"status of {status}" in message.text for status in expected.statuses)
        provoked |= expected.offline and any(word in message.text for word in ("ERR_INTERNET_DISCONNECTED", "htmx:error", "htmx:sse:error"))
        if message.type == "error" and not provoked:
            bad.append(f"console {message.text}")

    page.on("console", console)
    return bad


@pytest.fixture
def page(page: Page, server: Running, expect_refusal: Expected) -> Iterator[Page]:
    bad = watch(page, server.url, expect_refusal)
    yield page
    assert not bad, bad


@pytest.fixture
def enter(page: Page, server: Running) -> Callable[[str, str], Page]:
    """`enter("ana", "/queue")` gives the browser a session of hers and goes there. (Two tests sign in through the form.)"""

    def go(who: str, path: str) -> Page:
        session = sign_in(server.store, f"{who}@northwind.example", cast.PASSWORD, "127.0.0.1", server.clock())
        page.context.add_cookies([{"name": COOKIE, "value": session.token, "url": server.url, "httpOnly": True, "sameSite": "Lax"}])
        page.goto(server.url + path)
        # A key pressed before htmx has seen the page works too, as a plain form; but then there is no toast to wait for.
        page.locator("[data-htmx-powered]").first.wait_for(state="attached")
        return page

    return go


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, fetched once by npm and kept in the temporary directory; proved by its sum each time."""
    folder = Path(tempfile.gettempdir()) / f"handfast-axe-{AXE_VERSION}-{os.getuid()}"
    source = folder / "package" / "axe.min.js"
    if not source.exists():
        if shutil.which("npm") is None:
            missing("axe-core comes by npm, which is not installed")
        folder.mkdir(mode=0o700, exist_ok=True)
        pack = subprocess.run(
            ["npm", "pack", "--silent", "--ignore-scripts", f"axe-core@{AXE_VERSION}"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if pack.returncode:
            missing(f"axe-core could not be fetched: {pack.stderr[-300:]}")
        with tarfile.open(folder / pack.stdout.split()[-1]) as bundle:
            packed = bundle.extractfile("package/axe.min.js")
            assert packed is not None, "axe-core is packed in another way now"
            source.parent.mkdir(exist_ok=True)
            source.write_bytes(packed.read())
    text = source.read_text(encoding="utf-8")
    assert hashlib.sha256(text.encode()).hexdigest() == AXE_SHA256, f"{source} is not the file that was pinned; remove it"
    return text
