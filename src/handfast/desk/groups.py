"""Is the buying group ready: accounts judged as a whole, at each of their moments, and handed over although nobody alone is ready.

The verdicts come from the function that replay uses, on the same kind of record: what was known before this batch, and what it learned at
which of its signals. So it makes no difference how a stream is cut into batches. An account that is in work already is not asked: whoever
else becomes ready there joins by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import polars as pl
import psycopg

from handfast.contract.agreement import Agreement
from handfast.desk.batch import Batch, Moment, Ready
from handfast.desk.overrides import told_of_accounts
from handfast.facts import stable_id
from handfast.store import groups
from handfast.store import handover as rows
from handfast.store.handover import dumps
from handfast.tuning.replay_groups import POINTS, judged_groups, shown_groups
from handfast.tuning.replay_known import ACCOUNTS, EVER, KEYS, PEOPLE, PROPERTY, History, Known


@dataclass(frozen=True, slots=True)
class InWork:
    """Which of some accounts are in work, and when what was ended of each last: live, or as a shadow would have it."""

    open: Callable[[Sequence[str]], Collection[str]]
    ended: Callable[[Sequence[str]], Mapping[str, datetime]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of whom, by the number of the signal, and everything that is recorded of them."""

    moments: Mapping[int, Moment]
    points: pl.DataFrame
    known: Known


def ready_groups(b: Batch, moments: Sequence[Moment], work: InWork | None = None) -> list[Ready]:
    """The accounts whose buying group is ready and that nobody worked on before this batch, each at the first moment it would go over.

    Each comes as a verdict about the person to call. In the order of their moments; empty where the contract has no `ready.account`.
    """
    work = work or _live(b)
    asked = _asked(b, moments, work) if b.agreement.contract.ready.account is not None else None
    if asked is None:
        return []
    judged = judged_groups(asked.known, b.agreement, asked.points).filter(pl.col("outcome") == "ready")
    first: dict[str, dict[str, Any]] = {}
    for row in _not_yet_over(b, judged.to_dicts(), work):
        first.setdefault(row["account_id"], row)
    wanted = pl.Series([row["signal"] for row in first.values()], dtype=pl.Int64)
    points = asked.points.filter(pl.col("signal").is_in(wanted.implode()))
    shown = dict(zip(points["account_id"], shown_groups(asked.known, b.agreement, points), strict=True))
    return [_ready(b, asked, row, shown[account]) for account, row in first.items()]


def group_standings(b: Batch, moments: Sequence[Moment], work: InWork) -> list[tuple[str, datetime, str]]:
    """(account, moment, sentence) of each of these accounts at the last of its moments; of those in work nothing is said."""
    asked = _asked(b, moments, work) if b.agreement.contract.ready.account is not None else None
    if asked is None:
        return []
    last = asked.points.sort("received_at", "signal").unique("account_id", keep="last", maintain_order=True)
    shown = shown_groups(asked.known, b.agreement, last)
    told = zip(last["account_id"], last["at"], (group for _, group in shown), strict=True)
    return [(account, at, group["sentence"]) for account, at, group in told]


def _live(b: Batch) -> InWork:
    motion = b.agreement.contract.motion
    return InWork(lambda asked: rows.open_handoffs(b.conn, asked, motion), lambda asked: rows.last_closings(b.conn, asked, motion))


def group_at(conn: psycopg.Connection, agreement: Agreement, account: str, at: datetime) -> dict[str, Any] | None:
    """The working of an account's buying group (`account_workings`) at a moment (UTC), with everything known now.

    None where the contract has no `ready.account`.
    """
    if agreement.contract.ready.account is None:
        return None
    return shown_groups(*_known_at(conn, agreement, account, at))[0][1]


def group_verdict(conn: psycopg.Connection, agreement: Agreement, account: str, at: datetime) -> dict[str, Any]:
    """The same with its `outcome`. The contract must have `ready.account`."""
    asked = _known_at(conn, agreement, account, at)
    return {"outcome": judged_groups(*asked, every=True)["outcome"][0], **shown_groups(*asked)[0][1]}


def _known_at(conn: psycopg.Connection, agreement: Agreement, account: str, at: datetime) -> tuple[Known, Agreement, pl.DataFrame]:
    point = pl.DataFrame([(account, at, *_LAST, None)], schema=POINTS, orient="row")
    learned = [("account", one.id, None, dumps(one.fields), EVER, -1) for one in rows.accounts(conn, [account], [])]
    return Known(_history(conn, agreement, point, learned, set()), told_of_accounts(conn, [account])), agreement, point


#: After everything that is recorded: when it was received, and its number.
_LAST: Final = (datetime(9999, 1, 1, tzinfo=UTC), 2**62)


def _asked(b: Batch, moments: Sequence[Moment], work: InWork) -> _Asked | None:
    accounts = list({m.account for m in moments if m.account is not None})
    in_work = work.open(accounts) if accounts else ()
    free = {m.waiting.seq: m for m in moments if m.account is not None and m.account not in in_work}
    if not free:
        return None
    told = [(m.account, m.at, m.waiting.signal.received_at, seq, m.person) for seq, m in free.items()]
    points = pl.DataFrame(told, schema=POINTS, orient="row")
    concerned = points["account_id"].unique().to_list()
    history = _history(b.conn, b.agreement, points, b.learned.whole(), set(b.directory.people))
    return _Asked(free, points, Known(history, told_of_accounts(b.conn, concerned)))


def _history(
    conn: psycopg.Connection, agreement: Agreement, points: pl.DataFrame, learned: Sequence[tuple[Any, ...]], told: set[str]
) -> History:
    """What is recorded of these accounts: as stored, but of the people in `told` and of accounts as `learned`."""
    stored = [one for one in groups.members(conn, points["account_id"].unique().to_list()) if one.id not in told]
    people = [
        *((one.id, one.account, dumps({**one.fields, "email": one.email}), EVER, -1) for one in stored),
        *((key, belongs, fields, at, seq) for noun, key, belongs, fields, at, seq in learned if noun == "person"),
    ]
    keys = [
        *((who, person, EVER, -1) for who, person in groups.keys(conn, [one.id for one in stored]).items()),
        *((key, belongs, at, seq) for noun, key, belongs, _, at, seq in learned if noun == "key"),
    ]
    accounts = [(key, fields, at, seq) for noun, key, _, fields, at, seq in learned if noun == "account"]
    asked = set(points["account_id"])
    mine = {key for key, account, *_ in people if account in asked}
    return History(
        _signals(conn, agreement, points, list({who for who, person, *_ in keys if person in mine})),
        pl.DataFrame(keys, schema=KEYS, orient="row"),
        pl.DataFrame(people, schema=PEOPLE, orient="row"),
        pl.DataFrame(accounts, schema=ACCOUNTS, orient="row"),
    )


def _signals(conn: psycopg.Connection, agreement: Agreement, points: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    at, names = points["at"].to_list(), list(agreement.signal_fields)
    found = rows.evidence(conn, {who: who for who in keys}, list(agreement.kinds), min(at) - agreement.reach, max(at), names)
    named = {"person_id": "who", **{name: f"{PROPERTY}{name}" for name in names}}
    return found.rename(named).with_columns(source=pl.lit(""))


def _ready(b: Batch, asked: _Asked, row: Mapping[str, Any], shown: tuple[dict[str, Any], dict[str, Any]]) -> Ready:
    """As a verdict about the person to call: their own working, with the group's beside it."""
    account, moment, who = row["account_id"], asked.moments[row["signal"]], row["person_id"]
    if who not in b.directory.people:
        b.directory.people |= rows.people(b.conn, [who])
    said = {**{name: row[name] for name in ("outcome", "fit", "intent", "next_step")}, "reason": None}
    mine = Moment(moment.waiting, who, who, moment.at, account)
    verdict = stable_id("ver", str(moment.waiting.signal.id), "group", account)
    own, group = shown
    working = {**own, "sentence": group["sentence"], "inputs": group["inputs"], "group": group}
    return Ready(mine, said, orjson.loads(row["fields"] or "{}"), working, verdict, account)


def _not_yet_over(b: Batch, ready: list[dict[str, Any]], work: InWork) -> list[dict[str, Any]]:
    """Without those of accounts that Sales has closed since anybody there asked for anything, and of people who were disqualified."""
    if not ready:
        return []
    closed = work.ended([row["account_id"] for row in ready])
    suppressed = rows.suppressed(b.conn, [row["person_id"] for row in ready])

    def goes_over(row: Mapping[str, Any]) -> bool:
        if row["by_hand"] is None and row["person_id"] in suppressed:
            return False
        wished, ended = row["by_hand"] or row["asked_at"], closed.get(row["account_id"])
        return ended is None or (wished is not None and wished > ended)

    return [row for row in ready if goes_over(row)]
