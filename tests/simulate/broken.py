"""Products that are broken on purpose, one fault each, to show that the simulation notices.

Each is the product with one function put in place of another while it plays: the mistakes that teams make, and some of those that careful
reviews let pass. A variant that replaces what is not there fails, so none can go out of date in silence.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any
from unittest.mock import patch
from uuid import UUID
from zoneinfo import ZoneInfo

from handfast.desk.intake import Receipt
from handfast.store.base import StorageAway
from tests.simulate.house import House

Swap = tuple[str, Callable[[Callable[..., Any]], Callable[..., Any]]]


@dataclass(frozen=True, slots=True)
class BrokenVariant:
    """One fault. `swaps`: a function's full name and what is made of it. `sql`: done before, and undone after, in the database."""

    name: str
    promise: int
    what: str
    swaps: Callable[[House], Sequence[Swap]]
    sql: tuple[str, str] | None = None


@contextmanager
def broken_by(variant: BrokenVariant, house: House) -> Iterator[None]:
    """The product with this fault, as long as the block lasts. The function is replaced wherever it is known by name."""
    with ExitStack() as stack:
        if variant.sql is not None:
            house.monitor.execute(variant.sql[0])
        for path, made in variant.swaps(house):
            _swap(stack, path, made)
        try:
            yield
        finally:
            if variant.sql is not None:
                house.empty()
                house.monitor.execute(variant.sql[1])


def _swap(stack: ExitStack, path: str, made: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    where, _, name = path.rpartition(".")
    try:
        home: Any = import_module(where)
    except ModuleNotFoundError:
        module, _, cls = where.rpartition(".")
        home = getattr(import_module(module), cls)
    old = getattr(home, name)
    new = made(old)
    stack.enter_context(patch.object(home, name, new))
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("handfast.") and module is not home and getattr(module, name, None) is old:
            stack.enter_context(patch.object(module, name, new))


VARIANTS: dict[str, BrokenVariant] = {}


def variant(promise: int, what: str, sql: tuple[str, str] | None = None) -> Callable[[Callable[[House], Sequence[Swap]]], None]:
    def add(made: Callable[[House], Sequence[Swap]]) -> None:
        name = made.__name__
        VARIANTS[name] = BrokenVariant(name, promise, what, made, sql)

    return add


STORE = "handfast.store"


# --- 1 ----------------------------------------------------------------------------------------------------------


@variant(1, "a request is acknowledged before it is committed")
def acknowledged_too_early(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def record(store: Any, source: str, signals: Sequence[Any], refused: Sequence[Any], received_at: datetime) -> Receipt:
            try:
                done: Receipt = old(store, source, signals, refused, received_at)
            except StorageAway:
                return Receipt(source, len(signals), 0, len(refused))
            return done

        return record

    return [("handfast.desk.intake.record", made)]


@variant(1, "a signal sent again counts again")
def duplicate_not_recognised(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def add_signals(conn: Any, rows: Sequence[Any]) -> Any:
            known = {
                row[0] for row in conn.execute("SELECT id FROM signal WHERE id = ANY(%s)", ([row.signal.id for row in rows],)).fetchall()
            }
            again = [
                row._replace(signal=row.signal._replace(id=UUID(int=row.signal.id.int ^ 1))) if row.signal.id in known else row
                for row in rows
            ]
            return old(conn, again)

        return add_signals

    return [(f"{STORE}.intake.add_signals", made)]


@variant(1, "two signals of one person in the same second count as one")
def recognised_by_time(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def add_signals(conn: Any, rows: Sequence[Any]) -> Any:
            return old(conn, list({(row.who, int(row.signal.occurred_at.timestamp())): row for row in rows}.values()))

        return add_signals

    return [(f"{STORE}.intake.add_signals", made)]


@variant(1, "signals left for later are taken off their lane with the decided ones")
def postponed_are_lost(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def settle_pending(conn: Any, done: Any) -> None:
            done = list(done)
            old(conn, done)
            conn.execute("DELETE FROM pending WHERE lane = ANY(%s)", ([one.lane for one in done],))

        return settle_pending

    return [(f"{STORE}.lanes.settle_pending", made)]


# --- 2 ----------------------------------------------------------------------------------------------------------


@variant(
    2,
    "nobody asks whether a handoff is open already, and the database does not mind",
    (
        "DROP INDEX handoff_open",
        "CREATE UNIQUE INDEX handoff_open ON handoff (party, motion) WHERE closed_at IS NULL",
    ),
)
def second_open_handoff(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.handover.open_handoffs", lambda old: lambda conn, parties, motion: {})]


@variant(2, "what nobody can take gets no exception clock")
def exception_clock_missing(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.clocks.add", lambda old: lambda conn, clocks: old(conn, [c for c in clocks if c.kind != "exception"]))]


@variant(2, "a handoff given to the bench loses its owner on the way")
def owner_lost(house: House) -> Sequence[Swap]:
    return [
        (f"{STORE}.work.assign", lambda old: lambda conn, handoff, owner, at: old(conn, handoff, None if owner == "cleo" else owner, at))
    ]


# --- 3 ----------------------------------------------------------------------------------------------------------


@variant(3, "the last step of each ladder is not written")
def timer_dropped(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.clocks.add", lambda old: lambda conn, clocks: old(conn, [replace(c, timers=c.timers[:-1]) for c in clocks]))]


@variant(3, "handing a handoff to somebody starts its clock anew")
def clock_reset_on_reassignment(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def assign(conn: Any, handoff: str, owner: str | None, at: datetime) -> None:
            old(conn, handoff, owner, at)
            conn.execute(
                "UPDATE clock SET due_at = due_at + (%s - started_at), started_at = %s WHERE handoff_id = %s AND kind = 'first_touch'",
                (at, at, handoff),
            )

        return assign

    return [(f"{STORE}.work.assign", made)]


@variant(3, "a breach is told and not noted")
def breach_not_recorded(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.clocks.note_breaches", lambda old: lambda conn, clocks, at: None)]


@variant(3, "a touch after the due time meets the clock")
def touch_after_due_meets_the_clock(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def stop(conn: Any, handoffs: Sequence[str], *rest: Any) -> None:
            old(conn, handoffs, *rest)
            conn.execute(
                "UPDATE timer SET state = 2, settled_at = due_at WHERE handoff_id = ANY(%s) AND state = 0 AND action = 'breach'",
                (list(handoffs),),
            )

        return stop

    return [(f"{STORE}.clocks.stop", made)]


@variant(3, "working time over a night on which clocks are moved is an hour off")
def an_hour_off_over_dst(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def due(self: Any, start: datetime, minutes: int) -> datetime:
            found: datetime = old(self, start, minutes)
            zone = ZoneInfo(self.zone)
            before, after = start.astimezone(zone).utcoffset(), found.astimezone(zone).utcoffset()
            assert before is not None
            assert after is not None
            return found + (after - before)

        return due

    return [("handfast.worktime.Hours.due", made)]


@variant(3, "the first step of a turn is done and stays waiting")
def step_fires_twice(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.clocks.settle", lambda old: lambda conn, fired, not_owed, at: old(conn, fired[1:], not_owed, at))]


@variant(3, "steps that fell due together fire in the wrong order")
def ladder_upside_down(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.clocks.read_due", lambda old: lambda conn, found: list(reversed(old(conn, found))))]


@variant(3, "what is due is done a minute later")
def a_minute_of_grace(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.clocks.due", lambda old: lambda conn, at, limit: old(conn, at - timedelta(minutes=1), limit))]


@variant(3, "taking a touch back leaves the clock stopped")
def undo_forgets_the_clock(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.work.restart_clock", lambda old: lambda conn, handoff: None)]


@variant(3, "closing a handoff leaves its clock running")
def end_leaves_the_clock_running(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def stop_clocks(conn: Any, handoffs: Any, at: Any, by: str, recorded_at: datetime) -> None:
            if by == "touch":
                old(conn, handoffs, at, by, recorded_at)

        return stop_clocks

    return [(f"{STORE}.work.stop_clocks", made)]


@variant(3, "a touch is acknowledged and not written")
def touch_not_written(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.work.add_touches", lambda old: lambda conn, rows: {row[0] for row in rows})]


@variant(3, "what happened is written in a transaction of its own, before the change it tells of")
def event_apart_from_its_change(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def add_events(conn: Any, rows: Any) -> None:
            with house.store.writing() as other:
                old(other, rows)

        return add_events

    return [(f"{STORE}.handover.add_events", made)]


# --- 4 ----------------------------------------------------------------------------------------------------------


@variant(4, "a message of a new handoff is sent before the handoff is committed")
def sent_before_commit(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def add_new_messages(conn: Any, rows: Sequence[Any]) -> None:
            old(conn, rows)
            for key, _handoff, kind, channel, *_ in rows:
                house.world.take(key, channel, kind, None)

        return add_new_messages

    return [(f"{STORE}.handover.add_new_messages", made)]


@variant(4, "a message is marked as sent when it is claimed")
def marked_as_sent_first(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def claim(conn: Any, now: datetime, *rest: Any) -> Any:
            found = old(conn, now, *rest)
            conn.execute("UPDATE outbox SET state = 'sent', settled_at = %s WHERE id = ANY(%s)", (now, [one.id for one in found]))
            return found

        return claim

    return [(f"{STORE}.outbox.claim", made)]


@variant(4, "after three attempts a message is given up and nobody hears of it")
def given_up_in_silence(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def retry(conn: Any, message: Any, next_at: datetime, why: str) -> Any:
            if message.attempt < 3:
                return old(conn, message, next_at, why)
            return conn.execute(
                "UPDATE outbox SET state = 'dropped', settled_at = %s, why = 'gave up' WHERE id = %s", (next_at, message.id)
            ).rowcount

        return retry

    return [(f"{STORE}.outbox.retry", made)]


@variant(4, "a message dies and no event says so")
def dies_without_an_event(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def bury(conn: Any, message: Any, now: datetime, why: str) -> Any:
            return (
                conn.execute("UPDATE outbox SET state = 'dead', settled_at = %s, why = %s WHERE id = %s", (now, why, message.id)).rowcount
                == 1
            )

        return bury

    return [(f"{STORE}.outbox.bury", made)]


@variant(4, "nobody asks at the door whether a message is still true")
def truth_not_asked(house: House) -> Sequence[Swap]:
    return [("handfast.sla.notice.still_owed", lambda old: lambda *given: None)]


@variant(4, "a message gets a new key with each attempt")
def a_key_for_each_attempt(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def retry(conn: Any, message: Any, next_at: datetime, why: str) -> Any:
            done = old(conn, message, next_at, why)
            conn.execute("UPDATE outbox SET id = id || 'x' WHERE id = %s", (message.id,))
            return done

        return retry

    return [(f"{STORE}.outbox.retry", made)]


@variant(4, "a handoff is handed to somebody without a word")
def reassigned_without_a_word(house: House) -> Sequence[Swap]:
    return [("handfast.desk.actions.pass_on", lambda old: lambda *given, **more: (old(*given, **more)[0], []))]


# --- 5 ----------------------------------------------------------------------------------------------------------


@variant(5, "a verdict is given under the newest contract, not the one in force when the signal came")
def verdict_under_another_contract(house: House) -> Sequence[Swap]:
    return [
        (
            "handfast.desk.handover._under_one_version",
            lambda old: lambda book, waiting: (waiting, book.id_at(datetime.max.replace(tzinfo=ZoneInfo("UTC")))),
        )
    ]


@variant(5, "a verdict does not name one of the signals it stands on")
def inputs_incomplete(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def add_verdicts(conn: Any, rows: Sequence[Any]) -> None:
            old(conn, [(*row[:11], "{" + ",".join(row[11].strip("{}").split(",")[1:]) + "}", *row[12:]) for row in rows])

        return add_verdicts

    return [(f"{STORE}.handover.add_verdicts", made)]


@variant(5, "a new contract takes hold of handoffs that are open already")
def new_terms_for_old_handoffs(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def insert_version(conn: Any, contract_id: str, *rest: Any, **more: Any) -> Any:
            done = old(conn, contract_id, *rest, **more)
            conn.execute("UPDATE handoff SET contract_id = %s WHERE closed_at IS NULL", (contract_id,))
            return done

        return insert_version

    return [(f"{STORE}.contracts.insert_version", made)]


# --- 6 ----------------------------------------------------------------------------------------------------------


@variant(6, "the latest signal of a lane is decided first")
def lane_upside_down(house: House) -> Sequence[Swap]:
    return [
        (
            f"{STORE}.lanes.take_pending",
            lambda old: lambda conn, lanes, limit, until, **how: list(reversed(old(conn, lanes, 10_000, until, **how)))[:limit],
        )
    ]


@variant(6, "no lane is locked: each worker takes the signals that nobody else is at just now")
def lane_lock_ignored(house: House) -> Sequence[Swap]:
    def taking(old: Callable[..., Any]) -> Callable[..., Any]:
        def take_pending(conn: Any, lanes: Any, limit: int, until: datetime, **how: Any) -> Any:
            found = old(conn, lanes, 10_000, until, **how)
            query = "SELECT seq FROM pending WHERE seq = ANY(%s) ORDER BY received_at, seq LIMIT %s FOR UPDATE SKIP LOCKED"
            free = {row[0] for row in conn.execute(query, ([one.seq for one in found], limit)).fetchall()}
            return [one for one in found if one.seq in free]

        return take_pending

    return [
        (f"{STORE}.lanes.hold_lanes", lambda old: lambda conn, lanes, most=64: list(lanes)[:most]),
        (f"{STORE}.lanes.take_pending", taking),
    ]


# --- 7 ----------------------------------------------------------------------------------------------------------


@variant(7, "a wrong event takes a good one of its request with it")
def quarantine_loses_good_rows(house: House) -> Sequence[Swap]:
    def made(old: Callable[..., Any]) -> Callable[..., Any]:
        def read_all(self: Any, events: list[Any]) -> Any:
            signals, refused = old(self, events)
            return (signals[1:] if refused else signals), refused

        return read_all

    return [("handfast.connectors.segment.events._Reader.all", made)]


@variant(7, "what is refused is thrown away")
def refusals_thrown_away(house: House) -> Sequence[Swap]:
    return [(f"{STORE}.intake.add_refused", lambda old: lambda conn, rows, received_at: None)]


__all__ = ["STORE", "VARIANTS", "BrokenVariant", "Swap", "broken_by", "variant"]
