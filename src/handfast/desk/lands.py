"""What the territories of a contract cover of everybody on record: holes and overlaps."""

from __future__ import annotations

from handfast.contract.agreement import Agreement
from handfast.contract.frames import as_json_column
from handfast.routing.lands import Coverage, coverage
from handfast.store import claims as rows
from handfast.store.base import Store


def lands(store: Store, agreement: Agreement) -> Coverage:
    """Asks every territory of every account and everybody who belongs to none, by what is known of them today. Raises StorageAway."""
    fields = agreement.contract.fields
    with store.reading() as conn:
        found = rows.parties(conn, list(fields))
    # A contract that declares no fields has nothing to read; its conditions hold for all or nobody.
    return coverage(agreement, found.with_columns(as_json_column(found[name], kind) for name, kind in fields.items()))


__all__ = ["Coverage", "lands"]
