"""Is the buying group ready: accounts of a batch judged as a whole, once their people have been, and handed over although nobody alone is.

An account is judged at the last of its moments in the batch, with what had been received by then. One that is in work already is not:
whoever else becomes ready there joins by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from handfast.contract.agreement import BY_HAND
from handfast.contract.frames import as_frame
from handfast.desk.batch import Batch, Moment, Ready
from handfast.desk.overrides import for_accounts
from handfast.desk.verdicts import typed
from handfast.facts import Person, stable_id
from handfast.readiness.explain import workings
from handfast.readiness.group import judge_accounts
from handfast.readiness.group_working import account_workings
from handfast.readiness.verdict import judge
from handfast.store import groups
from handfast.store import handover as rows

_MOMENT = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class _Case:
    """The accounts asked about, each with its moment, and the frames they are judged on."""

    moments: Mapping[str, Moment]
    people: Mapping[str, Person]
    fields: Mapping[str, Mapping[str, Any]]
    frame: pl.DataFrame
    evidence: pl.DataFrame


def ready_groups(b: Batch, moments: Sequence[Moment]) -> list[Ready]:
    """The accounts whose buying group is ready and that nobody works on; each as a verdict about the person to call."""
    if b.agreement.contract.ready.account is None:
        return []
    case = _case(b, moments)
    if case is None:
        return []
    asked = [(account, moment.at) for account, moment in case.moments.items()]
    points = pl.DataFrame(asked, schema={"account_id": pl.String, "at": _MOMENT}, orient="row")
    belong = [(one.account, one.id) for one in case.people.values()]
    members = pl.DataFrame(belong, schema={"account_id": pl.String, "person_id": pl.String}, orient="row")
    overrides = for_accounts(b.conn, list(case.moments))
    judged = judge_accounts(b.agreement, points, members, case.frame, case.evidence, overrides=overrides, working=True)
    judged = judged.filter(pl.col("outcome") == "ready")
    shown = account_workings(b.agreement, judged)
    found = [_ready(b, case, row, working) for row, working in zip(judged.to_dicts(), shown, strict=True)]
    return _not_yet_over(b, case, found)


def _case(b: Batch, moments: Sequence[Moment]) -> _Case | None:
    last = {m.account: m for m in moments if m.account is not None}
    in_work = rows.open_handoffs(b.conn, list(last), b.agreement.contract.motion)
    last = {account: moment for account, moment in last.items() if account not in in_work}
    people = {one.id: one for one in groups.members(b.conn, list(last))}
    if not people:
        return None
    accounts = {account.id: account.fields for account in rows.accounts(b.conn, list(last), [])}
    fields = {one.id: {**accounts.get(one.account or "", {}), **one.fields, "email": one.email} for one in people.values()}
    frame = pl.DataFrame({"person_id": list(people)}, schema={"person_id": pl.String})
    if b.agreement.person_fields:
        frame = frame.hstack(as_frame(list(fields.values()), b.agreement.person_fields))
    return _Case(last, people, fields, frame, _evidence(b, last, people))


def _evidence(b: Batch, last: Mapping[str, Moment], people: Mapping[str, Person]) -> pl.DataFrame:
    """What the members did, as far as it had been received by the moment of their account."""
    agreement, at = b.agreement, [moment.at for moment in last.values()]
    keys = groups.keys(b.conn, list(people))
    got = rows.evidence(b.conn, keys, list(agreement.kinds), min(at) - agreement.reach, max(at), list(agreement.signal_fields))
    places = [(one.id, *_place(last[one.account or ""])) for one in people.values()]
    known = pl.DataFrame(places, schema={"person_id": pl.String, "_by": _MOMENT, "_seq": pl.Int64}, orient="row")
    got = got.join(known, on="person_id").filter(
        (pl.col("received_at") < pl.col("_by")) | ((pl.col("received_at") == pl.col("_by")) & (pl.col("signal") <= pl.col("_seq")))
    )
    return typed(got.drop("received_at", "_by", "_seq"), agreement)


def _place(moment: Moment) -> tuple[datetime, int]:
    return moment.waiting.signal.received_at, moment.waiting.seq


def _ready(b: Batch, case: _Case, row: Mapping[str, Any], group: Mapping[str, Any]) -> Ready:
    """As a verdict about the person to call: their own working, with the group's beside it."""
    account = row["account_id"]
    moment = case.moments[account]
    who = row["person_id"] or moment.person
    point = pl.DataFrame([(who, moment.at)], schema={"person_id": pl.String, "at": _MOMENT}, orient="row")
    own = workings(b.agreement, judge(b.agreement, point, case.frame, case.evidence, working=True), change=False)[0]
    working = {**own, "sentence": group["sentence"], "inputs": group["inputs"], "group": group}
    verdict = stable_id("ver", str(moment.waiting.signal.id), "group", account)
    said = {"outcome": "ready", "fit": row["fit"] or 0, "intent": row["intent"], "next_step": row["next_step"] or BY_HAND, "reason": None}
    b.directory.people.setdefault(who, case.people[who])
    mine = Moment(moment.waiting, who, who, moment.at, account)
    return Ready(
        mine, {**said, "override": row.get("override"), "asked": _asked_at(case, group)}, case.fields[who], working, verdict, account
    )


def _asked_at(case: _Case, group: Mapping[str, Any]) -> datetime | None:
    """When the next step that is open was asked for."""
    signal = next(one["signal"] for one in group["criteria"] if one["part"] == "next_step")
    if signal is None:
        return None
    asked: list[datetime] = case.evidence.filter(pl.col("signal") == signal)["occurred_at"].to_list()
    return asked[0] if asked else None


def _not_yet_over(b: Batch, case: _Case, ready: list[Ready]) -> list[Ready]:
    """Without the accounts that Sales has closed since anybody there asked for anything, and without people who were disqualified."""
    if not ready:
        return []
    closed = rows.last_closings(b.conn, [r.party for r in ready], b.agreement.contract.motion)
    suppressed = rows.suppressed(b.conn, [r.moment.person for r in ready])

    def goes_over(r: Ready) -> bool:
        since = r.row["override"]["since"] if r.row["override"] else None
        if since is not None:
            return r.party not in closed or since > closed[r.party]
        asked = r.row["asked"]
        return r.moment.person not in suppressed and (r.party not in closed or (asked is not None and asked > closed[r.party]))

    return [r for r in ready if goes_over(r)]
