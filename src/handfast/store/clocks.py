"""Clocks and their timers in rows: started, stopped, moved, due; each a named statement.

Every change is made under the row lock of the handoff, so no two of them meet. A timer is found by its clock and step: of the million that may
wait, the one index on `due_at` names those that are due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import psycopg

from handfast.sla.clock import Clock
from handfast.store.copying import copy_rows
from handfast.store.handover import TICK_LOCK

# --- started ----------------------------------------------------------------------------------------------------


def add(conn: psycopg.Connection, clocks: Iterable[Clock]) -> None:
    """New clocks with their timers, of handoffs or periods that have none of this kind and number."""
    started = list(clocks)
    copy_rows(conn, f"clock ({_COLUMNS})", [_row(c) for c in started])
    copy_rows(conn, "timer (id, clock_id, handoff_id, step, action, target, due_at)", [row for c in started for row in _timers(c)])


def add_once(conn: psycopg.Connection, clock: Clock) -> bool:
    """As `add`, for one that may have been started before; False where it was, and nothing is changed."""
    marks = ", ".join(["%s"] * 11)
    done = conn.execute(f"INSERT INTO clock ({_COLUMNS}) VALUES ({marks}) ON CONFLICT DO NOTHING", _row(clock)).rowcount
    if done:
        copy_rows(conn, "timer (id, clock_id, handoff_id, step, action, target, due_at)", list(_timers(clock)))
    return bool(done)


_COLUMNS = "id, handoff_id, kind, number, sla, calendar, contract_id, started_at, due_at, about, current"


def _row(c: Clock) -> tuple[Any, ...]:
    about = orjson.dumps(dict(c.about)).decode() if c.about is not None else None
    return (c.id, c.handoff_id, c.kind, c.number, c.sla, c.calendar, c.contract, c.started_at, c.due_at, about, True)


def _timers(c: Clock) -> Iterable[tuple[Any, ...]]:
    return ((t.id, c.id, c.handoff_id, t.step, t.action, t.target, t.due_at) for t in c.timers)


def add_timers(conn: psycopg.Connection, clock: Clock) -> None:
    """Further timers of a clock that runs already: those that `clock` holds."""
    copy_rows(conn, "timer (id, clock_id, handoff_id, step, action, target, due_at)", list(_timers(clock)))


# --- read -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Running:
    """A clock as it stands. Times are UTC."""

    id: str
    handoff: str | None
    kind: str
    number: int
    current: bool
    sla: str
    calendar: str
    contract: str | None
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    stopped_by: str | None
    breached_at: datetime | None
    paused_at: datetime | None
    about: dict[str, Any] | None


_READ = """SELECT id, handoff_id, kind, number, current, sla, calendar, contract_id, started_at, due_at, stopped_at, stopped_by, breached_at,
                  paused_at, about FROM clock"""


def of_handoffs(conn: psycopg.Connection, handoff_ids: Sequence[str]) -> list[Running]:
    """Every clock of these handoffs, in the order they were started."""
    got = conn.execute(f"{_READ} WHERE handoff_id = ANY(%b) ORDER BY handoff_id, started_at, kind, number", (list(handoff_ids),))
    return [Running(*row) for row in got.fetchall()]


def measures(conn: psycopg.Connection, kinds: Sequence[str], most: int = 100) -> list[Running]:
    """Marketing's clocks on periods, the latest first."""
    got = conn.execute(f"{_READ} WHERE handoff_id IS NULL AND kind = ANY(%b) ORDER BY started_at DESC, kind LIMIT %s", (list(kinds), most))
    return [Running(*row) for row in got.fetchall()]


def hold_of_marketing(conn: psycopg.Connection, clock_id: str) -> Running | None:
    """One of marketing's clocks, locked; None for any other."""
    row = conn.execute(
        f"{_READ} WHERE id = %s AND kind IN ('context_complete', 'contact_valid', 'volume', 'false_positives') FOR UPDATE", (clock_id,)
    ).fetchone()
    return Running(*row) if row else None


def owed_by_marketing(
    conn: psycopg.Connection, person_ids: Sequence[str], account_ids: Sequence[str]
) -> list[tuple[str, str, str, str, str | None, dict[str, Any]]]:
    """(clock, kind, handoff, person, account, about) of what runs on context or address, of these people and of accounts in work.

    By index alone: the handoffs these people are in, and the open ones of these accounts.
    """
    return conn.execute(
        """SELECT c.id, c.kind, h.id, h.person_id, h.account_id, coalesce(c.about, '{}')
           FROM (SELECT handoff_id AS id FROM handoff_person WHERE person_id = ANY(%b)
                 UNION SELECT id FROM handoff WHERE party = ANY(%b) AND closed_at IS NULL) AS d
           JOIN clock AS c ON c.handoff_id = d.id AND c.kind IN ('context_complete', 'contact_valid') AND c.stopped_at IS NULL
           JOIN handoff AS h ON h.id = d.id""",
        (list(person_ids), list(account_ids)),
    ).fetchall()


def timers_beside(conn: psycopg.Connection, clock_id: str, first: int) -> int:
    """How many timers a clock has beside its ladder."""
    row = conn.execute("SELECT count(*) FROM timer WHERE clock_id = %s AND step >= %s", (clock_id, first)).fetchone()
    return int(row[0]) if row else 0


# --- stopped ----------------------------------------------------------------------------------------------------


def stop(
    conn: psycopg.Connection, handoff_ids: Sequence[str], kinds: Sequence[str], at: Sequence[datetime], by: str, recorded_at: datetime
) -> None:
    """Stops the running clocks of these kinds, of each handoff at its moment, and settles what they still owed.

    A breach that lies before the stop is a fact about the past and still owed; everything else asks to act, and is not. A clock that stood
    still had not come as far as its breach.
    """
    conn.execute(
        """WITH d AS (SELECT * FROM unnest(%b::text[], %b::timestamptz[]) AS d (handoff, at)),
                c AS (UPDATE clock AS c SET stopped_at = greatest(d.at, c.started_at), stopped_by = %s, paused_at = NULL FROM d
                      WHERE c.handoff_id = d.handoff AND c.kind = ANY(%b) AND c.stopped_at IS NULL RETURNING c.id, d.at)
           UPDATE timer AS t SET state = 2, settled_at = %s FROM c
           WHERE t.clock_id = c.id AND t.state IN (0, 3) AND t.action <> 'resume' AND NOT (t.state = 0 AND t.action = 'breach' AND t.due_at < c.at)""",
        (list(handoff_ids), list(at), by, list(kinds), recorded_at),
    )


def answer(conn: psycopg.Connection, clock_id: str, at: datetime, by: str, about: dict[str, Any] | None = None) -> bool:
    """Stops one clock by its id, and keeps what was said; False where it had stopped."""
    done = conn.execute(
        """WITH c AS (UPDATE clock SET stopped_at = %s, stopped_by = %s, paused_at = NULL, about = coalesce(about, '{}') || coalesce(%s::jsonb, '{}')
                      WHERE id = %s AND stopped_at IS NULL RETURNING id),
                t AS (UPDATE timer AS t SET state = 2, settled_at = %s FROM c
                      WHERE t.clock_id = c.id AND t.state IN (0, 3) AND t.action <> 'resume'
                        AND NOT (t.state = 0 AND t.action = 'breach' AND t.due_at < %s))
           SELECT id FROM c""",
        (at, by, orjson.dumps(about).decode() if about else None, clock_id, at, at),
    ).fetchone()
    return done is not None


def reopen(conn: psycopg.Connection, handoff_id: str, kind: str, after: int, by: str) -> bool:
    """Lets the clock run again that was started after so many touches, where `by` stopped it: a touch was taken back."""
    got = conn.execute(
        """WITH c AS (UPDATE clock SET stopped_at = NULL, stopped_by = NULL, current = true
                      WHERE handoff_id = %s AND kind = %s AND stopped_by = %s AND (about ->> 'after')::int = %s RETURNING id),
                t AS (UPDATE timer AS t SET state = 0, settled_at = NULL FROM c WHERE t.clock_id = c.id AND t.state = 2)
           SELECT id FROM c""",
        (handoff_id, kind, by, after),
    ).fetchone()
    return got is not None


def next_number(conn: psycopg.Connection, handoff_id: str, kind: str) -> int:
    """The number of the next clock of this kind; the stopped ones before it are no longer the current one."""
    row = conn.execute(
        """WITH old AS (UPDATE clock SET current = false WHERE handoff_id = %s AND kind = %s AND current RETURNING 1)
           SELECT coalesce(max(number) + 1, 0) FROM clock WHERE handoff_id = %s AND kind = %s""",
        (handoff_id, kind, handoff_id, kind),
    ).fetchone()
    return int(row[0]) if row else 0


def not_current(conn: psycopg.Connection, handoff_id: str, kind: str) -> None:
    """Another clock of this kind is about to take their place."""
    conn.execute("UPDATE clock SET current = false WHERE handoff_id = %s AND kind = %s AND current", (handoff_id, kind))


def supersede(conn: psycopg.Connection, handoff_id: str, kind: str, at: datetime) -> None:
    """The clocks of this kind are kept and run on, but their steps are no longer owed: another promise has taken their place.

    The end of a pause is about all clocks of the handoff, whichever of them keeps it.
    """
    conn.execute(
        """WITH c AS (UPDATE clock SET current = false WHERE handoff_id = %s AND kind = %s AND current RETURNING id)
           UPDATE timer AS t SET state = 2, settled_at = %s FROM c
           WHERE t.clock_id = c.id AND t.state IN (0, 3) AND t.action NOT IN ('breach', 'resume')""",
        (handoff_id, kind, at),
    )


# --- standing still ---------------------------------------------------------------------------------------------


def stand_still(conn: psycopg.Connection, handoff_id: str, kinds: Sequence[str], at: datetime) -> list[Running]:
    """Lets the running clocks of these kinds stand still; what fell due before stays owed. Those that did, in order."""
    got = conn.execute(
        """UPDATE clock SET paused_at = %s WHERE handoff_id = %s AND kind = ANY(%b) AND stopped_at IS NULL AND paused_at IS NULL
           RETURNING id, handoff_id, kind, number, current, sla, calendar, contract_id, started_at, due_at, stopped_at, stopped_by, breached_at,
                     paused_at, about""",
        (at, handoff_id, list(kinds)),
    ).fetchall()
    stopped = sorted((Running(*row) for row in got), key=lambda c: (c.started_at, c.kind, c.number))
    conn.execute(
        "UPDATE timer SET state = 3 WHERE clock_id = ANY(%b) AND state = 0 AND due_at > %s AND action <> 'resume'",
        ([c.id for c in stopped], at),
    )
    return stopped


def stand(conn: psycopg.Connection, clock_id: str, since: datetime) -> None:
    """Lets one running clock stand still since a moment that may have passed."""
    conn.execute("UPDATE clock SET paused_at = %s WHERE id = %s AND stopped_at IS NULL", (since, clock_id))
    conn.execute("UPDATE timer SET state = 3 WHERE clock_id = %s AND state = 0 AND due_at > %s AND action <> 'resume'", (clock_id, since))


def waiting(conn: psycopg.Connection, clock_id: str) -> list[tuple[int, datetime]]:
    """(step, due_at) of what a clock still owes."""
    return conn.execute(
        "SELECT step, due_at FROM timer WHERE clock_id = %s AND state = 0 AND action <> 'resume' ORDER BY step", (clock_id,)
    ).fetchall()


def move(conn: psycopg.Connection, clock_id: str, due_at: datetime, timers: Sequence[tuple[int, datetime]]) -> None:
    """New due times of a clock that runs, and of what it still owes: (step, due_at)."""
    conn.execute("UPDATE clock SET due_at = %s WHERE id = %s", (due_at, clock_id))
    conn.execute(
        """UPDATE timer AS t SET due_at = d.due FROM unnest(%b::int[], %b::timestamptz[]) AS d (step, due)
           WHERE t.clock_id = %s AND t.step = d.step AND t.state = 0""",
        ([step for step, _ in timers], [due for _, due in timers], clock_id),
    )


def reopen_pause(conn: psycopg.Connection, handoff_id: str, since: datetime) -> None:
    """The pause that the end of a handoff ended is on again: that end was taken back."""
    conn.execute(
        "UPDATE clock_pause SET ended_at = NULL, ended_by = NULL WHERE handoff_id = %s AND ended_by = 'closed' AND ended_at >= %s",
        (handoff_id, since),
    )


def still_timers(conn: psycopg.Connection, clock_ids: Sequence[str]) -> list[tuple[str, int, datetime]]:
    """(clock, step, due_at) of what stands still."""
    return conn.execute(
        "SELECT clock_id, step, due_at FROM timer WHERE clock_id = ANY(%b) AND state = 3 ORDER BY clock_id, step", (list(clock_ids),)
    ).fetchall()


def run_on(conn: psycopg.Connection, clocks: Sequence[tuple[str, datetime]], timers: Sequence[tuple[str, int, datetime]]) -> None:
    """Lets clocks run on with their new due times: (clock, due_at), and (clock, step, due_at) of what they owe."""
    conn.execute(
        """UPDATE clock AS c SET paused_at = NULL, due_at = d.due FROM unnest(%b::text[], %b::timestamptz[]) AS d (id, due)
           WHERE c.id = d.id AND c.stopped_at IS NULL""",
        ([c for c, _ in clocks], [due for _, due in clocks]),
    )
    conn.execute(
        """UPDATE timer AS t SET state = 0, due_at = d.due FROM unnest(%b::text[], %b::int[], %b::timestamptz[]) AS d (clock, step, due)
           WHERE t.clock_id = d.clock AND t.step = d.step AND t.state = 3""",
        ([c for c, _, _ in timers], [step for _, step, _ in timers], [due for _, _, due in timers]),
    )


def put_due(conn: psycopg.Connection, clocks: Sequence[tuple[str, datetime]]) -> None:
    """Moves the due times of clocks: (clock, due_at). Their timers stay where they are."""
    if clocks:
        conn.execute(
            "UPDATE clock AS c SET due_at = d.due FROM unnest(%b::text[], %b::timestamptz[]) AS d (id, due) WHERE c.id = d.id",
            ([c for c, _ in clocks], [due for _, due in clocks]),
        )


@dataclass(frozen=True, slots=True)
class PauseRow:
    """A stretch in which the clocks of a handoff stood still, as recorded."""

    id: str
    handoff: str
    reason: str
    note: str
    waits_for: str
    by: str
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    #: The clock that was the most pressing, and the working seconds left of it; 0: it was late already.
    kind: str | None = None
    left_seconds: int | None = None


def add_pause(conn: psycopg.Connection, row: PauseRow) -> None:
    conn.execute(
        """INSERT INTO clock_pause (id, handoff_id, reason, note, waits_for, by, starts_at, ends_at, kind, left_seconds)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (row.id, row.handoff, row.reason, row.note, row.waits_for, row.by, row.starts_at, row.ends_at, row.kind, row.left_seconds),
    )


def end_pauses(conn: psycopg.Connection, handoff_ids: Sequence[str], at: datetime, by: str) -> None:
    """Ends what pauses these handoffs are in."""
    conn.execute(
        "UPDATE clock_pause SET ended_at = greatest(starts_at, %s), ended_by = %s WHERE handoff_id = ANY(%b) AND ended_at IS NULL",
        (at, by, list(handoff_ids)),
    )


def pauses(conn: psycopg.Connection, handoff_id: str) -> list[PauseRow]:
    """The pauses of a handoff in order; the running one has no `ended_at`."""
    got = conn.execute(
        """SELECT id, handoff_id, reason, note, waits_for, by, starts_at, ends_at, ended_at, ended_by, kind, left_seconds FROM clock_pause
           WHERE handoff_id = %s ORDER BY starts_at""",
        (handoff_id,),
    )
    return [PauseRow(*row) for row in got.fetchall()]


def settle_action(conn: psycopg.Connection, handoff_id: str, action: str, at: datetime) -> None:
    """What waits of this action on the clocks of a handoff is no longer owed."""
    conn.execute(
        """UPDATE timer AS t SET state = 2, settled_at = %s FROM clock AS c
           WHERE c.handoff_id = %s AND t.clock_id = c.id AND t.action = %s AND t.state IN (0, 3)""",
        (at, handoff_id, action),
    )


# --- due --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A timer that is due, with what is recorded of its clock."""

    id: str
    clock: str
    handoff: str | None
    step: int
    action: str
    target: str
    due_at: datetime
    kind: str
    sla: str
    clock_due_at: datetime
    stopped_at: datetime | None
    stopped_by: str | None
    about: dict[str, Any] | None

    @property
    def after(self) -> int:
        """How many touches there were when its clock was started."""
        return int((self.about or {}).get("after", 0))


def hold_ticking(conn: psycopg.Connection) -> bool:
    """One ticker at a time keeps the steps of a ladder in order; whoever does not get it has nothing to do."""
    row = conn.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", (TICK_LOCK,)).fetchone()
    return bool(row and row[0])


def due(conn: psycopg.Connection, at: datetime, limit: int) -> list[tuple[str, int, str | None, str]]:
    """(clock, step, handoff, action) of waiting timers that are due, in the order they fell due."""
    return conn.execute(
        "SELECT clock_id, step, handoff_id, action FROM timer WHERE state = 0 AND due_at <= %s ORDER BY due_at, clock_id, step LIMIT %s",
        (at, limit),
    ).fetchall()


def read_due(conn: psycopg.Connection, found: Sequence[tuple[str, int, str | None, str]]) -> list[DueTimer]:
    """These timers as they stand once their handoffs are held; what was settled meanwhile is left out."""
    got = conn.execute(
        """SELECT t.id, t.clock_id, t.handoff_id, t.step, t.action, t.target, t.due_at, c.kind, c.sla, c.due_at, c.stopped_at, c.stopped_by, c.about
           FROM unnest(%b::text[], %b::int[]) WITH ORDINALITY AS d (clock, step, n)
           JOIN timer AS t ON t.clock_id = d.clock AND t.step = d.step JOIN clock AS c ON c.id = d.clock
           WHERE t.state = 0 ORDER BY d.n""",
        ([f[0] for f in found], [f[1] for f in found]),
    ).fetchall()
    return [DueTimer(*row) for row in got]


def settle(conn: psycopg.Connection, fired: Sequence[DueTimer], not_owed: Sequence[DueTimer], at: datetime) -> None:
    """Flips waiting timers, once: what somebody else flipped stays as it is."""
    both = [*fired, *not_owed]
    conn.execute(
        """UPDATE timer AS t SET state = d.state, settled_at = %s FROM unnest(%b::text[], %b::int[], %b::smallint[]) AS d (clock, step, state)
           WHERE t.clock_id = d.clock AND t.step = d.step AND t.state = 0""",
        (at, [t.clock for t in both], [t.step for t in both], [1] * len(fired) + [2] * len(not_owed)),
    )


def note_breaches(conn: psycopg.Connection, clock_ids: Sequence[str], at: Sequence[datetime]) -> None:
    """These clocks were found to have run out, each at its moment."""
    conn.execute(
        """UPDATE clock AS c SET breached_at = d.at FROM unnest(%b::text[], %b::timestamptz[]) AS d (id, at)
           WHERE c.id = d.id AND c.breached_at IS NULL""",
        (list(clock_ids), list(at)),
    )


# --- offered ----------------------------------------------------------------------------------------------------


def add_offers(conn: psycopg.Connection, handoff_id: str, reps: Sequence[str], timer_id: str, at: datetime) -> None:
    """Offers a handoff to these reps; who was offered it before is offered it again."""
    conn.execute(
        """INSERT INTO offer (handoff_id, rep_id, timer_id, at) SELECT %s, rep, %s, %s FROM unnest(%b::text[]) AS rep
           ON CONFLICT (handoff_id, rep_id) DO UPDATE SET timer_id = excluded.timer_id, at = excluded.at, taken_at = NULL""",
        (handoff_id, timer_id, at, list(reps)),
    )


def offered(conn: psycopg.Connection, handoff_id: str) -> set[str]:
    """To whom a handoff is offered."""
    return {row[0] for row in conn.execute("SELECT rep_id FROM offer WHERE handoff_id = %s AND taken_at IS NULL", (handoff_id,)).fetchall()}


def take_offer(conn: psycopg.Connection, handoff_id: str, rep: str, at: datetime) -> None:
    """One has taken it; it is offered to nobody any more."""
    conn.execute("UPDATE offer SET taken_at = %s WHERE handoff_id = %s AND rep_id = %s", (at, handoff_id, rep))
    conn.execute("DELETE FROM offer WHERE handoff_id = %s AND taken_at IS NULL", (handoff_id,))
