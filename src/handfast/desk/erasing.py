"""A person who asks to be forgotten, or to see what is held on them.

An erasure is one transaction:

1.  Everything there is, is looked through for what names them; nobody is kept from working meanwhile.
2.  Then nobody decides, merges or compares until it ends: what was in flight is waited for, and asked for again.
3.  Refused while a signal of theirs waits, or while a handoff they opened is open; the latter may be closed with it.
4.  What is theirs is deleted or blanked, by the table in `store.personal`; what names them elsewhere is taken out.
5.  That it was done is recorded, with counts and nothing else.

Everybody folded into one person is one person. What is kept (times, codes, owners) names a row without a name, so that figures stay true.
No mark of them is kept: whoever arrives with the same address later is a stranger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from handfast.desk.acting import acts
from handfast.desk.again import stopped_while_still
from handfast.desk.erased_files import tidy
from handfast.desk.held import held_open, wake
from handfast.desk.refused import Refused
from handfast.facts import stable_id, utc
from handfast.problem import Place, Problem
from handfast.store import erasing as rows
from handfast.store import handover, mentions, outbox, personal, renamed, work
from handfast.store.base import Store
from handfast.store.erasing import Erasure, Group
from handfast.store.mentions import Found, Marks, Tell, silent

#: How a handoff ends that is closed because its person is erased.
RETURNED: Final = "returned"
REASON: Final = "erased"
_LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """What erasing somebody would do. `rows`: noun → how many; `mentions`: table → rows of others that name them.

    `name` is what people call them, `people` how many records they are, `open` the open handoffs they opened. `waiting`: signals not
    decided yet. `accounts`: those called by their name or address. `problem`: what forbids it as things stand.
    """

    person: str
    name: str
    people: int
    keys: tuple[str, ...]
    rows: Mapping[str, int]
    mentions: Mapping[str, int]
    accounts: tuple[str, ...]
    open: tuple[str, ...]
    waiting: int
    problem: Problem | None

    @property
    def names(self) -> tuple[str, ...]:
        """Their keys as they were sent: an address that is a user id too, once."""
        return tuple(dict.fromkeys(key.partition(":")[2] for key in self.keys))

    def by(self, how: personal.How) -> dict[str, int]:
        """noun → rows that are deleted, blanked or kept; those there are none of are left out."""
        return {one.noun: self.rows[one.noun] for one in personal.HELD if one.how == how and self.rows[one.noun]}

    def as_json(self) -> dict[str, Any]:
        told = {"person": self.person, "name": self.name, "people": self.people, "keys": list(self.keys)}
        parts = {how: self.by(how) for how in ("deleted", "blanked", "kept")}
        rest = {"mentions": dict(self.mentions), "accounts": list(self.accounts), "open_handoffs": list(self.open), "waiting": self.waiting}
        return {**told, **parts, **rest, "problem": self.problem.as_json() if self.problem else None}


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done: the row that is kept, the handoffs that were closed with it, and how many files of the data directory were removed."""

    erasure: Erasure
    closed: tuple[str, ...] = ()
    files: int = 0


@dataclass(slots=True)
class _Look:
    """Whom it is about, what to look for, and where it was found."""

    group: Group
    marks: Marks
    found: Found = field(default_factory=Found)


# --- looking ----------------------------------------------------------------------------------------------------


def preview(store: Store, who: str, *, tell: Tell = silent) -> Preview:
    """What would happen; writes nothing. Raises Refused where nobody is known by that or they were erased, and StorageAway.

    `tell` hears of each table that is looked through, which grows with all there is.
    """
    with store.reading() as conn:
        rows.without_limit(conn)
        seen = _look(conn, _group(conn, who), tell)
        group = seen.group
        person = handover.people(conn, [group.root])[group.root]
        waiting, opened = rows.waiting_signals(conn, group), tuple(rows.open_handoffs(conn, group))
        return Preview(
            group.root, person.name or person.email or (group.keys[0] if group.keys else group.root), len(group.people), group.keys,
            rows.counts(conn, group), seen.found.counts, tuple(one.name or one.key for one in seen.marks.accounts), opened, waiting,
            _still_waiting(group, waiting) or _still_open(opened),
        )  # fmt: skip


def export(store: Store, who: str, at: datetime) -> dict[str, Any]:
    """Everything that is held on a person, JSON-ready: what is theirs row by row, and where else they are named, by count.

    What stands in rows of others is not told: it is theirs too. Raises Refused as `preview`, and StorageAway.
    """
    with store.reading() as conn:
        rows.without_limit(conn)
        seen = _look(conn, _group(conn, who))
        return {
            "person": seen.group.root,
            "records": list(seen.group.people),
            "at": utc(at).isoformat(),
            "held": rows.rows_of(conn, seen.group),
            "accounts": [asdict(one) for one in seen.marks.accounts],
            "named_in_rows_of_others": seen.found.counts,
        }


def _group(conn: psycopg.Connection, who: str) -> Group:
    person = rows.find(conn, who)
    if person is None:
        fix = "Give an id, an address, a user id or an anonymous id as it was sent. Whoever was erased is not known any more."
        raise Refused(Problem(Place("person", part=who.strip()[:80]), "nobody is known by this", fix))
    group = rows.group_of(conn, person)
    if group.erased_at is not None:
        what = f"this person was erased on {group.erased_at:%Y-%m-%d %H:%M} UTC, and nothing is kept of them"
        raise Refused(Problem(Place("person", part=group.root), what, "Nothing is left to do."))
    return group


def _look(conn: psycopg.Connection, group: Group, tell: Tell = silent) -> _Look:
    of = rows.names_of(conn, group)
    marks = mentions.marks_of(conn, group, of, rows.shared(conn, group, of))
    return _Look(group, marks, mentions.look(conn, marks, tell=tell))


def _still_waiting(group: Group, waiting: int) -> Problem | None:
    if not waiting:
        return None
    what = f"{'a signal' if waiting == 1 else f'{waiting:,} signals'} of theirs {'waits' if waiting == 1 else 'wait'} to be decided"
    return Problem(Place("person", part=group.root), what, "Ask again in a moment; `handfast doctor` says why, if it lasts.")


def _still_open(opened: tuple[str, ...]) -> Problem | None:
    if not opened:
        return None
    what = f"they are in work: {', '.join(opened[:3])}{' and more' if len(opened) > 3 else ''} {'is' if len(opened) == 1 else 'are'} open"
    return Problem(
        Place("person", part=opened[0]),
        what,
        "Close it first, or let it be closed with the erasure: by `--close`, or the tick on the page.",
    )


# --- erasing ----------------------------------------------------------------------------------------------------


@acts("by")
def erase(
    store: Store, who: str, by: str, at: datetime, *, reason: str = "", close: bool = False, data_dir: Path | None = None,
    tell: Tell = silent,
) -> Erased:  # fmt: skip
    """Erases a person; see above. `close`: ends the open handoffs they opened, as returned to marketing. `tell`: as of a preview.

    `data_dir`: where this process keeps files; mails written there that name them, and histories read for replays, are removed.

    Raises:
        Refused: nobody is known by that, they were erased, a signal waits, a handoff is open, or the reason names them.
        StorageAway: nothing was erased.
    """
    at = utc(at)
    with store.writing() as conn:
        rows.without_limit(conn)
        seen = _look(conn, _group(conn, who), tell)
        rows.shut_out(conn)
        if (now := _group(conn, seen.group.root)) != seen.group:  # somebody learned more of them while we looked
            seen = _look(conn, now)
        rows.hold(conn, seen.group)
        if (problem := _still_waiting(seen.group, rows.waiting_signals(conn, seen.group))) is not None:
            raise Refused(problem)
        _says_nobody(reason, seen.marks)
        closed = _closed(conn, seen.group, by, at, close=close)
        mails = outbox.of_handoffs(conn, seen.group.handoffs)
        done = _forget(conn, seen, by, at)
        erasure = rows.add_erasure(conn, at, by, reason.strip()[:_LONGEST_REASON], done)
        told = handover.dumps({"erasure": erasure.id, "by": by})
        handover.add_events(conn, [("person_erased", at, None, seen.group.root, None, None, told)])
        wake(conn, None)
    files = tidy(store, data_dir, mails, seen.marks.far) if data_dir is not None else 0
    return Erased(erasure, closed, files)


def _forget(conn: psycopg.Connection, seen: _Look, by: str, at: datetime) -> dict[str, int]:
    """Everything of step 4; noun or table → rows."""
    said = mentions.compared(conn, seen.group)
    done = rows.erase(conn, seen.group, at, by)
    for one in seen.marks.accounts:
        renamed.rename(conn, one, seen.marks.far)
    left = mentions.look(conn, seen.marks, rest=True)
    mentions.take_out(conn, seen.marks, left, at)
    named = mentions.take_out(conn, seen.marks, seen.found, at)
    mentions.stop_replays(conn)
    more = {"accounts called by them": len(seen.marks.accounts), "what matching learned": mentions.forget_rarity(conn, seen.marks, said)}
    return {**done, **more, **{f"{table} of others": n for table, n in named.items()}}


def _says_nobody(reason: str, marks: Marks) -> None:
    if marks.near.text(reason) != reason:
        fix = "Say why, not who: a number of your own for the request serves well."
        raise Refused(Problem(Place("person", part="reason"), "the reason names the person, and it is kept", fix))


def _closed(conn: psycopg.Connection, group: Group, by: str, at: datetime, *, close: bool) -> tuple[str, ...]:
    """Ends the open handoffs they opened, as returned; nobody is told to follow up. Those they joined go on with the others."""
    opened = tuple(rows.open_handoffs(conn, group))
    if opened and not close and (problem := _still_open(opened)) is not None:
        raise Refused(problem)
    for handoff in opened:
        case = held_open(conn, handoff)
        row_id = stable_id("dsp", case.id, RETURNED, REASON, at.isoformat())
        work.add_disposition(conn, (row_id, case.id, RETURNED, REASON, "", None, None, by, at, at))
        work.close(conn, case.id, RETURNED, REASON, at)
        ends = max(at, case.opened_at)
        stopped_while_still(conn, {case.id: ends})
        work.stop_clocks(conn, [case.id], [ends], "closed", at)
        said = handover.dumps({"disposition": row_id, "reason": REASON})
        handover.add_events(conn, [(RETURNED, at, case.id, case.person, case.account, case.owner, said)])
        wake(conn, case.id)
    return opened


__all__ = ["Erased", "Preview", "erase", "export", "preview"]
