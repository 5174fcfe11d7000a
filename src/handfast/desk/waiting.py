"""What nobody could take is given out, the oldest first, as soon as somebody can: an absence is over, a switch is on, hours begin, there is
room again. Nothing that comes later is given to anybody before it.

Two hands do it. Whoever opens new handoffs first gives out the oldest that are held, under the same lock and against the same roster; and
the worker walks through all of them, a bounded number a transaction, when it is woken and every few seconds while anything is held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg

from handfast.contract.agreement import SLA_FIELDS, Agreement
from handfast.contract.frames import as_frame
from handfast.desk.actions import pass_on
from handfast.desk.batch import Batch
from handfast.desk.claims import Party, cases
from handfast.desk.contracts import Book
from handfast.desk.opening import keep_roster, read_roster
from handfast.facts import Rep, stable_id, utc
from handfast.problem import Place, Problem
from handfast.routing.assign import Assignment, Case, Roster, assign, covered
from handfast.store import covers, handover, work
from handfast.store import waiting as rows
from handfast.store.base import Store
from handfast.store.waiting import Cursor, Subject

#: How many held handoffs are looked at before new ones are given out; where more wait, what is new waits behind them.
LOOKED_AT: Final = 50
#: How many one transaction of the worker looks at.
BATCH: Final = 500


@dataclass(slots=True)
class Given:
    """What one turn did. `left`: how many a person has to decide since; `after`: where to go on, None where everything was looked at."""

    handoffs: list[str] = field(default_factory=list)
    left: int = 0
    looked_at: int = 0
    after: Cursor | None = None


def give_out(b: Batch, roster: Roster, at: datetime) -> int:
    """Gives out the oldest of what is held, within the transaction that opens new handoffs. How many still wait unlooked at."""
    if not rows.any_held(b.conn):
        return 0
    done = _give(b.conn, b.agreement_of, roster, at, b.channels, LOOKED_AT, None)
    b.given_out += done.handoffs
    if done.after is None:
        return 0
    handover.notify(b.conn, "held")
    return max(0, rows.count_held(b.conn, at) - (done.looked_at - len(done.handoffs) - done.left))


def drain(
    store: Store, book: Book, at: datetime, *, channels: Sequence[str] = ("email",), limit: int = BATCH, after: Cursor | None = None
) -> Given:
    """Gives out what is held and can be taken at `at` (UTC), at most `limit` looked at, from `after` on. Raises StorageAway."""
    at = utc(at)
    with store.writing() as conn:
        if not rows.any_held(conn):
            return Given()
        book.refresh(conn)
        handover.lock_assignment(conn)
        roster = read_roster(conn, at)
        done = _give(conn, book.by_id, roster, at, tuple(channels), limit, after)
        if done.handoffs:
            keep_roster(conn, roster)
            handover.notify(conn, "board")
        return done


def drain_all(store: Store, book: Book, at: datetime, *, channels: Sequence[str] = ("email",), limit: int = BATCH) -> list[str]:
    """As `drain`, through everything held. Which handoffs were given out, in order."""
    given: list[str] = []
    after: Cursor | None = None
    while True:
        done = drain(store, book, at, channels=channels, limit=limit, after=after)
        given += done.handoffs
        if (after := done.after) is None:
            return given


def unowned(conn: psycopg.Connection) -> list[Problem]:
    """Every open handoff has an owner who takes handoffs, or stands in the exception queue with a running clock: else a Problem."""
    fix = "Assign it by hand on the page Exceptions; and report it: Handfast promises that this does not happen."
    return [Problem(Place(f"handoff {handoff}"), what, fix) for handoff, what in rows.unowned(conn)]


def _give(
    conn: psycopg.Connection,
    agreement_of: Callable[[str], Agreement],
    roster: Roster,
    at: datetime,
    channels: Sequence[str],
    limit: int,
    after: Cursor | None,
) -> Given:
    found = rows.held(conn, limit, at, after)
    done = Given(looked_at=len(found), after=found[-1] if len(found) == limit else None)
    if not found:
        return done
    ids = [handoff for _, handoff in found]
    holding = work.hold(conn, ids)
    subjects = rows.subjects(conn, ids)
    asked = routing_cases(conn, agreement_of, [holding[one] for one in ids], subjects, at)
    hopeless: set[object] = set()
    events, messages = [], []
    for_people: list[tuple[work.Case, Assignment]] = []
    for handoff in ids:
        case, subject, agreement = holding[handoff], subjects[handoff], agreement_of(holding[handoff].contract)
        # Whoever could not take one just now cannot take another just like it: nobody gets room while this runs.
        like = _like(agreement, asked[handoff], subject)
        if like in hopeless:
            continue
        chosen = assign(agreement, asked[handoff], roster, at, exclude=subject.excluded)
        if chosen.for_person:
            for_people.append((case, chosen))
            continue
        if chosen.owner is None:
            hopeless.add(like)
            continue
        event, told = hand_to(conn, case, chosen, roster, at, channels)
        events.append(event)
        messages += told
        done.handoffs.append(handoff)
    done.left = len(for_people)
    events += _left_to_people(conn, for_people, at)
    handover.add_events(conn, events)
    handover.add_messages(conn, messages)
    return done


def _left_to_people(conn: psycopg.Connection, found: Sequence[tuple[work.Case, Assignment]], at: datetime) -> list[tuple[Any, ...]]:
    """What has come to be barred, or claimed by two, since it began to wait: nobody gets it by itself any more. Returns the events.

    Its clock runs on, and whoever minds the queue has heard of it already.
    """
    if not found:
        return []
    legs = [
        (
            stable_id("asg", case.id, str(case.legs)),
            case.id,
            case.legs,
            None,
            chosen.rule,
            None,
            False,
            handover.dumps(list(chosen.working)),
            at,
        )
        for case, chosen in found
    ]
    handover.add_assignments(conn, legs)
    rows.leave_to_person(conn, [case.id for case, _ in found])
    handover.notify(conn, "board")
    return [
        ("left_to_person", at, case.id, case.person, case.account, None, handover.dumps({"leg": case.legs, "why": chosen.because}))
        for case, chosen in found
    ]


def _like(agreement: Agreement, case: Case, subject: Subject) -> object:
    needs = frozenset(case.needs.items())
    return (
        agreement.id,
        case.account_owner,
        case.territory,
        case.unknown_territories,
        case.never,
        case.known,
        needs,
        case.last,
        subject.excluded,
    )


def hand_to(
    conn: psycopg.Connection, case: work.Case, chosen: Assignment, roster: Roster, at: datetime, channels: Sequence[str]
) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
    """Writes the leg of what stood in the exception queue and has an owner now. Returns its event and messages, to be written in order."""
    owner = chosen.owner
    if owner is None:
        raise ValueError("nobody was chosen")
    waited = int((at - case.opened_at).total_seconds())
    working = [*chosen.working[:-1], {**chosen.working[-1], "waited_seconds": max(0, waited)}]
    told = pass_on(
        conn, case, owner, chosen.rule, chosen.pool, chosen.counts, working, at, _reps(roster, owner, case), channels, given_out=True
    )
    if (cover := covered(chosen)) is not None:
        covers.put(conn, (case.id, cover[0], owner, cover[1], at))
    return told


def _reps(roster: Roster, owner: str, case: work.Case) -> dict[str, Rep]:
    return {rep.id: rep for one in (owner, case.owner) if one is not None and (rep := roster.rep(one)) is not None}


def routing_cases(
    conn: psycopg.Connection,
    agreement_of: Callable[[str], Agreement],
    holding: Sequence[work.Case],
    subjects: dict[str, Subject],
    at: datetime,
) -> dict[str, Case]:
    """What the ladder asks of each handoff, as known now, under the contract each was opened under."""
    found: dict[str, Case] = {}
    for contract in dict.fromkeys(one.contract for one in holding):
        agreement = agreement_of(contract)
        mine = [subjects[one.id] for one in holding if one.contract == contract]
        fields = dict(agreement.contract.fields)
        frame = as_frame([_row(one, fields) for one in mine], {**fields, **SLA_FIELDS})
        parties = [Party(one.handoff, one.person, one.account, at) for one in mine]
        for case in cases(conn, agreement, parties, frame):
            found[case.handoff_id] = case
    return found


def _row(one: Subject, fields: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in one.fields.items() if name in fields}
    return {**known, "next_step": one.next_step, "fit": one.fit, "intent": one.intent / 1e6, "source": one.source}


__all__ = ["BATCH", "LOOKED_AT", "Given", "drain", "drain_all", "give_out", "hand_to", "routing_cases", "unowned"]
