"""The hours of reps as they are known now, for the calendar `rep` and for the account of delays."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

from handfast.contract.agreement import Agreement
from handfast.contract.own_hours import OwnHours, everything, own_hours
from handfast.store import handover as rows


def of_owner(conn: psycopg.Connection, agreement: Agreement, owner: str | None, at: datetime) -> OwnHours | None:
    """What a clock that starts at `at` counts in where its calendar is `rep`; None for nobody, and where no clock counts so."""
    if owner is None or not agreement.counts_rep_hours or (rep := rows.reps(conn).get(owner)) is None:
        return None
    return own_hours(rep, rows.absences(conn, at, owner), at)


class Everybody:
    """The hours of every rep with all their absences, as they are known today: what was entered late counts too."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self._reps = rows.reps(conn)
        self._absences = rows.absences(conn, datetime.min.replace(tzinfo=UTC))
        self._stored: dict[str, str] = {}

    def calendar(self, rep: str | None) -> str:
        """The calendar of a rep by the name under which an agreement knows it; the team's for nobody."""
        if rep is None or (known := self._reps.get(rep)) is None:
            return "team"
        if rep not in self._stored:
            self._stored[rep] = everything(known, self._absences)
        return self._stored[rep]


__all__ = ["Everybody", "of_owner"]
