"""The reference says what the code has: commands and options, addresses of pages and of the API, roles. Named here, or the test fails."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from handfast.web.access import HOME
from handfast.web.app import create_app

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "docs/reference/pages.md").read_text()
API = "".join((ROOT / "docs/reference" / name).read_text() for name in ("contract-versions.md", "intake.md"))


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_and_option_is_in_the_reference() -> None:
    commands = tool("commands")
    text = commands.PAGE.read_text(encoding="utf-8")
    assert commands.written(text) == text, "run `python tools/commands.py`"
    table = text.partition(commands.BEGIN)[0]
    missing = [words for words, _ in commands.commands(commands.main, "handfast") if not told(words, table)]
    assert missing == [], "a row of the table on top says what it is for"


def told(words: str, table: str) -> bool:
    """By its whole name, or by its last two words where the row begins with another command of the same noun."""
    return f"`{words}" in table or f"`{words.removeprefix('handfast ')}" in table


def app_routes() -> list[RouteContext]:
    # No route is called, so there is no store to ask.
    app = create_app(cast("Any", None), cast("Any", type("Settings", (), {"public_url": "http://127.0.0.1"})), clock=cast("Any", None))
    found = [one for one in iter_route_contexts(app.routes) if isinstance(one.original_route, APIRoute)]
    assert len(found) > 80, "the walk sees the routes at all"
    return found


def as_written(path: str) -> str:
    """`/contract/v/{number}` as the reference writes it: `/contract/v/N`."""
    names = {"number": "N", "pair": "A..B", "key": "KEY", "keep": "KEEP", "fold": "FOLD"}
    return re.sub(r"\{(\w+)(?::path)?\}", lambda found: names.get(found.group(1), "ID"), path)


#: Parts of pages, which nobody types: the page they belong to is told.
PARTS = {"/", "/board/live", "/queue/list", "/find", "/replay/ID/progress"}


def test_every_page_is_in_the_reference() -> None:
    read = {as_written(one.path) for one in app_routes() if "GET" in one.methods and not one.path.startswith(("/api/", "/v1/"))}
    assert sorted(path for path in read - PARTS if f"`{path}`" not in PAGES) == []


def test_every_call_of_the_api_is_in_the_reference() -> None:
    calls = {(method, as_written(one.path)) for one in app_routes() if one.path.startswith("/api/") for method in one.methods}
    assert sorted(call for call in calls if f"`{' '.join(call)}" not in API) == []


def test_every_role_and_where_it_begins_is_in_the_reference() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(/\w+)` \|", PAGES, re.MULTILINE))
    assert rows == HOME
