"""What the pages show: every SELECT of the web interface, as frozen values.

Functions take the connection of `Store.reading()`. Times are aware and in UTC; counts are whole; whoever shows them chooses the words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from handfast.store.base import Conn

#: No list is longer than this; the page says so when it is reached.
MOST_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One handoff as a list shows it: who, how ready, whose, and the clock that matters now.

    `intent` is in millionths of a point, as stored. The clock is the exception queue's while nobody owns it, else the first touch's;
    a handoff without one has `due_at` None. `brief` is the stored brief or None.
    """

    id: str
    person_id: str
    person: str
    email: str | None
    account_id: str | None
    account: str
    fields: Mapping[str, Any]
    source: str
    next_step: str
    sla: str | None
    contract_id: str
    opened_at: datetime
    owner_id: str | None
    owner: str | None
    touched_at: datetime | None
    contacted_at: datetime | None
    meeting_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    reason: str | None
    revision: int
    fit: int
    intent: int
    started_at: datetime | None
    due_at: datetime | None
    stopped_at: datetime | None
    people: int
    brief: Mapping[str, Any] | None
    #: The clock that runs after the first touch: `next_touch` or `disposition`; from when, until when, and after how many touches.
    task: str | None = None
    task_from: datetime | None = None
    task_due: datetime | None = None
    task_after: int | None = None
    #: Its clocks stand still: since when, until when at the latest, for which reason; the most pressing one, and its working seconds left.
    still_since: datetime | None = None
    still_until: datetime | None = None
    still_why: str | None = None
    still_kind: str | None = None
    still_left: int | None = None

    @property
    def paused(self) -> bool:
        return self.still_since is not None

    @property
    def ticking(self) -> bool:
        """Whether a clock runs on it: open, with a due time, not stopped."""
        return self.closed_at is None and self.due_at is not None and self.stopped_at is None


_LINE: Final = """
    SELECT h.id, h.person_id, coalesce(nullif(p.name, ''), p.email, 'Unknown person'), p.email, h.account_id,
           coalesce(nullif(a.name, ''), a.domain, ''), coalesce(a.fields, '{}') || p.fields, h.source, h.next_step, h.sla, h.contract_id,
           h.opened_at, h.owner_id, r.name, h.touched_at, h.contacted_at, h.meeting_at, h.closed_at, h.outcome, h.reason, h.revision,
           v.fit, v.intent, c.started_at, c.due_at, c.stopped_at,
           (SELECT count(*) FROM handoff_person AS hp WHERE hp.handoff_id = h.id), b.body, n.kind, n.started_at, n.due_at, n.after,
           z.starts_at, z.ends_at, z.reason, z.kind, z.left_seconds
      FROM handoff AS h
      JOIN person AS p ON p.id = h.person_id
      JOIN verdict AS v ON v.id = h.verdict_id
      LEFT JOIN account AS a ON a.id = h.account_id
      LEFT JOIN rep AS r ON r.id = h.owner_id
      LEFT JOIN brief AS b ON b.handoff_id = h.id
      LEFT JOIN clock AS c ON c.handoff_id = h.id
            AND c.kind = CASE WHEN h.owner_id IS NULL AND EXISTS (SELECT FROM clock AS e WHERE e.handoff_id = h.id AND e.kind = 'exception')
                              THEN 'exception' ELSE 'first_touch' END AND c.current
      LEFT JOIN LATERAL (
           SELECT x.kind, x.started_at, x.due_at, (x.about ->> 'after')::int AS after FROM clock AS x
            WHERE x.handoff_id = h.id AND x.kind IN ('next_touch', 'disposition') AND x.stopped_at IS NULL AND x.current
            ORDER BY x.due_at LIMIT 1) AS n ON h.touched_at IS NOT NULL
      LEFT JOIN clock_pause AS z ON z.handoff_id = h.id AND z.ended_at IS NULL
"""


def line(conn: Conn, handoff_id: str) -> Line | None:
    """One handoff, or None if there is no such id."""
    row = conn.execute(_LINE + " WHERE h.id = %s", (handoff_id,)).fetchone()
    return Line(*row) if row else None


def lines(conn: Conn, handoff_ids: Sequence[str]) -> list[Line]:
    return [Line(*row) for row in conn.execute(_LINE + " WHERE h.id = ANY(%s)", (list(handoff_ids),))]


def queue(conn: Conn, rep_id: str, since: datetime) -> list[Line]:
    """A rep's open handoffs, most urgent first, and those closed since `since`, latest first; at most `MOST_ROWS` of each."""
    opened = conn.execute(
        _LINE + " WHERE h.owner_id = %s AND h.closed_at IS NULL ORDER BY h.touched_at NULLS FIRST, c.due_at NULLS LAST, h.id LIMIT %s",
        (rep_id, MOST_ROWS),
    ).fetchall()
    done = conn.execute(
        _LINE + " WHERE h.owner_id = %s AND h.closed_at >= %s ORDER BY h.closed_at DESC LIMIT %s", (rep_id, since, MOST_ROWS)
    ).fetchall()
    return [Line(*row) for row in [*opened, *done]]


def board(conn: Conn) -> list[Line]:
    """Every open handoff with a running clock and an owner, most urgent first."""
    rows = conn.execute(
        _LINE
        + " WHERE h.closed_at IS NULL AND c.stopped_at IS NULL AND h.owner_id IS NOT NULL ORDER BY c.due_at NULLS LAST, h.id LIMIT %s",
        (MOST_ROWS,),
    )
    return [Line(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class OtherClock:
    """A running clock besides the first touch: the owner's yes, the next touch, an outcome; `person` is who the handoff is about."""

    handoff: str
    kind: str
    person: str
    account: str
    owner: str | None
    started_at: datetime
    due_at: datetime


def other_clocks(conn: Conn, before: datetime, most: int = 50) -> list[OtherClock]:
    """Those due before a moment and not standing still, most urgent first."""
    rows = conn.execute(
        """SELECT h.id, c.kind, coalesce(nullif(p.name, ''), p.email, 'Unknown person'), coalesce(nullif(a.name, ''), a.domain, ''), r.name,
                  c.started_at, c.due_at
             FROM clock AS c JOIN handoff AS h ON h.id = c.handoff_id JOIN person AS p ON p.id = h.person_id
             LEFT JOIN account AS a ON a.id = h.account_id LEFT JOIN rep AS r ON r.id = h.owner_id
            WHERE c.stopped_at IS NULL AND c.due_at < %s AND c.paused_at IS NULL AND h.closed_at IS NULL
              AND c.kind IN ('accept', 'next_touch', 'disposition') ORDER BY c.due_at, c.id LIMIT %s""",
        (before, most),
    )
    return [OtherClock(*row) for row in rows]


def exceptions(conn: Conn) -> list[Line]:
    """Open handoffs that nobody owns, most urgent first."""
    rows = conn.execute(
        _LINE + " WHERE h.closed_at IS NULL AND h.owner_id IS NULL ORDER BY c.due_at NULLS LAST, h.opened_at LIMIT %s", (MOST_ROWS,)
    )
    return [Line(*row) for row in rows]


def find(conn: Conn, words: str, since: datetime, limit: int = 8) -> list[Line]:
    """Handoffs opened since `since` whose person, address or company contains `words`; open ones first."""
    pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    rows = conn.execute(
        _LINE + " WHERE h.opened_at >= %s AND (p.name ILIKE %s OR p.email ILIKE %s OR a.name ILIKE %s)"
        " ORDER BY h.closed_at IS NOT NULL, h.opened_at DESC LIMIT %s",
        (since, pattern, pattern, pattern, limit),
    )
    return [Line(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class RepName:
    id: str
    name: str
    team: str
    time_zone: str


def reps(conn: Conn) -> list[RepName]:
    """Active reps by name."""
    return [RepName(*row) for row in conn.execute("SELECT id, name, team, time_zone FROM rep WHERE active ORDER BY name, id")]


def rep_names(conn: Conn) -> dict[str, str]:
    """Every rep's name by id, also of those who left."""
    return dict(conn.execute("SELECT id, name FROM rep").fetchall())


# --- one handoff, whole ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """A person the handoff is about, with the verdict that brought them. `working` is the verdict's, as stored: see `explain.whole`."""

    person_id: str
    name: str
    email: str | None
    fields: Mapping[str, Any]
    raised_at: datetime
    joined_at: datetime
    source: str
    outcome: str
    fit: int
    intent: int
    next_step: str | None
    judged_at: datetime
    contract_id: str
    working: Any
    inputs: Sequence[UUID]


def members(conn: Conn, handoff_id: str) -> list[Member]:
    """Who opened the handoff first, then who joined, in order."""
    rows = conn.execute(
        """SELECT p.id, coalesce(nullif(p.name, ''), p.email, 'Unknown person'), p.email, p.fields, hp.raised_at, hp.joined_at, hp.source,
                  v.outcome, v.fit, v.intent, v.next_step, v.at, v.contract_id, v.working, v.inputs
             FROM handoff_person AS hp JOIN person AS p ON p.id = hp.person_id JOIN verdict AS v ON v.id = hp.verdict_id
            WHERE hp.handoff_id = %s ORDER BY hp.joined_at, hp.raised_at, p.id LIMIT 50""",
        (handoff_id,),
    )
    return [Member(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Leg:
    """One assignment: who, by which rule, and the working that names everybody skipped."""

    leg: int
    owner_id: str | None
    owner: str | None
    rule: str
    pool: str | None
    working: Any
    at: datetime
    counts: bool = False


def legs(conn: Conn, handoff_id: str) -> list[Leg]:
    rows = conn.execute(
        """SELECT s.leg, s.owner_id, r.name, s.rule, s.pool, s.working, s.at, s.counts
             FROM assignment AS s LEFT JOIN rep AS r ON r.id = s.owner_id WHERE s.handoff_id = %s ORDER BY s.leg""",
        (handoff_id,),
    )
    return [Leg(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Step:
    """A step a clock owes or has taken. `state`: 0 waiting, 1 fired, 2 no longer owed."""

    action: str
    target: str
    due_at: datetime
    state: int
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A clock of a handoff; `steps` is its ladder in order of due times."""

    steps: tuple[Step, ...]
    kind: str
    sla: str
    calendar: str
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    stopped_by: str | None
    id: str
    current: bool
    breached_at: datetime | None
    paused_at: datetime | None


def clocks(conn: Conn, handoff_id: str) -> list[ClockRow]:
    """The clocks of a handoff with their ladders, oldest first."""
    steps: dict[str, list[Step]] = {}
    for clock_id, *step in conn.execute(
        """SELECT t.clock_id, t.action, t.target, t.due_at, t.state, t.settled_at FROM clock AS c JOIN timer AS t ON t.clock_id = c.id
           WHERE c.handoff_id = %s ORDER BY t.due_at, t.step""",
        (handoff_id,),
    ):
        steps.setdefault(clock_id, []).append(Step(*step))
    rows = conn.execute(
        """SELECT id, kind, sla, calendar, started_at, due_at, stopped_at, stopped_by, id, current, breached_at, paused_at
             FROM clock WHERE handoff_id = %s ORDER BY started_at, kind DESC, number""",
        (handoff_id,),
    )
    return [ClockRow(tuple(steps.get(clock_id, ())), *rest) for clock_id, *rest in rows]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something on the timeline. `sort`: signal, touch, message, disposition, or the name of an event; `data` differs by sort."""

    at: datetime
    sort: str
    name: str
    who: str
    data: Mapping[str, Any]


#: Events that only repeat what a touch, a message or a disposition on the same timeline already says.
_REPEATED: Final = ("touched", "touch_undone", "disposed", "message_sent", "connected", "meeting_set", "recycle", "disqualify")

_TIMELINE: Final = """
    SELECT * FROM (
        (SELECT s.occurred_at AS at, 'signal' AS sort, s.kind AS name, coalesce(nullif(p.name, ''), p.email, '') AS who, s.properties AS data
           FROM handoff_person AS hp JOIN identity AS i ON i.person_id = hp.person_id JOIN person AS p ON p.id = hp.person_id
           JOIN signal AS s ON s.who = i.who
          WHERE hp.handoff_id = %(id)s ORDER BY s.occurred_at DESC LIMIT %(limit)s)
        UNION ALL
        (SELECT t.occurred_at, 'touch', t.kind, coalesce(r.name, ''),
                jsonb_build_object('contact', t.contact, 'evidence', t.evidence, 'source', t.source, 'note', t.note)
           FROM touch AS t LEFT JOIN rep AS r ON r.id = t.rep_id WHERE t.handoff_id = %(id)s ORDER BY t.occurred_at DESC LIMIT %(limit)s)
        UNION ALL
        (SELECT coalesce(o.settled_at, o.created_at), 'message', o.kind, coalesce(r.name, o.recipient),
                jsonb_build_object('channel', o.channel, 'state', o.state, 'why', o.why, 'attempt', o.attempt)
           FROM outbox AS o LEFT JOIN rep AS r ON r.id = o.recipient WHERE o.handoff_id = %(id)s ORDER BY o.created_at DESC LIMIT %(limit)s)
        UNION ALL
        (SELECT d.at, 'disposition', d.outcome, coalesce(r.name, d.by),
                jsonb_build_object('reason', d.reason, 'note', d.note, 'back_at', d.back_at, 'meeting_at', d.meeting_at,
                                   'answers', d.answers)
           FROM disposition AS d LEFT JOIN rep AS r ON r.id = d.by WHERE d.handoff_id = %(id)s ORDER BY d.at DESC LIMIT %(limit)s)
        UNION ALL
        (SELECT e.at, 'event', e.name, coalesce(r.name, e.rep_id, ''), e.data
           FROM event AS e LEFT JOIN rep AS r ON r.id = e.rep_id WHERE e.handoff_id = %(id)s AND NOT e.name = ANY(%(repeated)s)
          ORDER BY e.seq DESC LIMIT %(limit)s)
    ) AS t ORDER BY at DESC, sort LIMIT %(limit)s
"""


def timeline(conn: Conn, handoff_id: str, limit: int = 120) -> list[Moment]:
    """What happened around a handoff, latest first: its people's signals, touches, messages, dispositions and events."""
    rows = conn.execute(_TIMELINE, {"id": handoff_id, "limit": limit, "repeated": list(_REPEATED)})
    return [Moment(*row) for row in rows]


def last_touch(conn: Conn, handoff_id: str) -> tuple[str, str, datetime] | None:
    """Id, kind and time of the latest touch on a handoff."""
    row = conn.execute(
        "SELECT id, kind, occurred_at FROM touch WHERE handoff_id = %s ORDER BY occurred_at DESC, recorded_at DESC LIMIT 1", (handoff_id,)
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None


def touch_handoff(conn: Conn, touch_id: str) -> str | None:
    """The handoff a touch belongs to."""
    row = conn.execute("SELECT handoff_id FROM touch WHERE id = %s", (touch_id,)).fetchone()
    return row[0] if row else None


def owners_ever(conn: Conn, handoff_ids: Sequence[str]) -> list[str]:
    """Everybody who owns or owned one of these: whose queue a change may touch."""
    rows = conn.execute(
        "SELECT DISTINCT owner_id FROM assignment WHERE handoff_id = ANY(%s) AND owner_id IS NOT NULL", (list(handoff_ids),)
    )
    return [row[0] for row in rows]
