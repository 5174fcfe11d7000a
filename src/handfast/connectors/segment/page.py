"""The page something happened on, and the campaign that led there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from handfast.identity.normalise import snake_case

_PAGE: Final = ("path", "title", "url", "referrer", "search")
_CAMPAIGN: Final = {"name": "utm_campaign", "source": "utm_source", "medium": "utm_medium", "term": "utm_term", "content": "utm_content"}
_UTM: Final = frozenset(_CAMPAIGN.values())


def add_page(event: Mapping[str, Any], kind: str, context: Mapping[str, Any], properties: dict[str, Any]) -> None:
    """A page's own fields, from the call, its properties, the browser's context, or the address itself, in this order.

    Other kinds only note the page they happened on (`page_path`, `page_url`).
    """
    page = context.get("page")
    if type(page) is not dict:
        page = _NOTHING
    if kind in {"page", "screen"}:
        for name in ("name", "category"):
            if type(value := event.get(name)) is str and value:
                properties[name] = value
        for name in _PAGE:
            if name not in properties and type(value := page.get(name)) is str and value:
                properties[name] = value
        if "path" not in properties and type(url := properties.get("url")) is str:
            _add_address(url, properties)
    elif page:
        for name in ("path", "url"):
            if type(value := page.get(name)) is str and value:
                properties.setdefault(f"page_{name}", value)
    search = page.get("search") or properties.get("search")
    if type(search) is str and "utm_" in search:
        for name, value in _utm_of(search):
            properties.setdefault(name, value)


_NOTHING: Final[dict[str, Any]] = {}


def _add_address(url: str, properties: dict[str, Any]) -> None:
    """`path` and `search` of a page that gave its address only, as server libraries do."""
    path, search = _address(url)
    if path:
        properties["path"] = path
    if search:
        properties.setdefault("search", search)


@lru_cache(maxsize=4096)
def _address(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.path or ("/" if parts.netloc else ""), f"?{parts.query}" if parts.query else ""


@lru_cache(maxsize=4096)
def _utm_of(search: str) -> tuple[tuple[str, str], ...]:
    try:
        pairs = parse_qsl(search.lstrip("?"), max_num_fields=100)
    except ValueError:
        return ()
    # Percent escapes can smuggle in what the body itself could not hold.
    return tuple((name, value.replace("\x00", "")) for name, value in pairs if name in _UTM)


def add_campaign(campaign: Mapping[str, Any], properties: dict[str, Any]) -> None:
    for name, value in campaign.items():
        if type(value) is str and value:
            key = _CAMPAIGN.get(name) or f"utm_{snake_case(name)}"
            if key not in properties:
                properties[key] = value
