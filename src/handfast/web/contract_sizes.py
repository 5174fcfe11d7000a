"""How many people and accounts each condition of a contract matches today, for the editor: asked of `desk.sizes`."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.web.house import House


def sizes_of(house: House, agreement: Agreement, at: datetime) -> list[Any]:
    """One size a condition, with its line in the text; see `desk.sizes.Size`."""
    if find_spec("handfast.desk.sizes") is None:
        return []
    return list(import_module("handfast.desk.sizes").sizes(house.store, agreement, at))
