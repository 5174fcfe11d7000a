"""The working of a buying group's verdict: each part with its bar, who it rests on, and the members, confirmed or only known of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from handfast.contract.frames import DTYPES, as_frame
from handfast.facts import utc
from handfast.numbers import number
from handfast.readiness.explain import workings
from handfast.readiness.group import judge_accounts
from handfast.readiness.overrides import told
from handfast.readiness.plan import MILLIONTHS
from handfast.readiness.words import counted, lacking, listed, points_of

if TYPE_CHECKING:
    from handfast.contract.agreement import Agreement
    from handfast.contract.terms import Group

_STATES: Final = {True: "met", False: "not_met", None: "unknown"}


@dataclass(frozen=True, slots=True)
class _Member:
    """One member at the moment judged: their own verdict with its working, and what the roles say of them."""

    id: str
    active: bool
    excluded: str | None
    roles: Mapping[str, bool | None]
    fit: int
    intent: int
    next_step: str | None
    working: Mapping[str, Any]

    @property
    def standing(self) -> str:
        """`confirmed`: active, and in a role (where the contract names roles). `excluded`: never ready. Else `potential`."""
        if self.excluded is not None:
            return "excluded"
        return "confirmed" if self.active and (not self.roles or any(self.roles.values())) else "potential"


def account_workings(agreement: Agreement, judged: pl.DataFrame) -> list[dict[str, Any]]:
    """The working of each row of `judge_accounts(…, working=True)`, ready to be written as JSON.

    Each has:
        `criteria`: people, one for each role, intent, fit (where the contract asks for it), next step. Each has `part`, `seen`, `bar`,
            `state` (met, not_met, unknown), `sentence` and `members`: the ids it rests on. Roles have `role` and `when`, intent
            `millionths`; a next step that is met has `signal` and `until`.
        `members`: confirmed ones first. Each has `person_id`, `standing` (confirmed, potential, excluded), `active`, `roles`
            (name → state), `fit`, `intent_millionths`, `next_step`, `reason`, `sentence` (of their own verdict) and `inputs`.
        `inputs`: the numbers of the signals it rests on, ascending.
        `missing`: what is missing, each in a few words; `sentence`: the verdict in one.
        `override`: what was decided by hand, where something was.
    """
    terms = agreement.contract.ready.account
    if terms is None:
        raise ValueError("the contract does not say when an account is ready")
    return [_working(agreement, terms, row) for row in judged.iter_slices(1)]


def group_of(agreement: Agreement, people: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]], at: datetime) -> dict[str, Any]:
    """The verdict on one made-up account, with its working: pairs of a person's fields and their signals, as for `verdict.verdict_of`.

    The people are called `0`, `1`, … in the order given. Returns `outcome`, `person_id`, and what `account_workings` says.
    """
    named = [(str(number), person, signals) for number, (person, signals) in enumerate(people)]
    done = [{**signal, "person_id": who} for who, _, signals in named for signal in signals]
    base = {
        "signal": pl.Series(range(len(done)), dtype=pl.Int64),
        "person_id": pl.Series([signal["person_id"] for signal in done], dtype=pl.String),
        "kind": pl.Series([signal["kind"] for signal in done], dtype=pl.String),
        "occurred_at": pl.Series([utc(signal["occurred_at"]) for signal in done], dtype=DTYPES["time"]),
    }
    who = pl.DataFrame({"person_id": [name for name, *_ in named]}, schema={"person_id": pl.String})
    judged = judge_accounts(
        agreement,
        pl.DataFrame({"account_id": ["one"], "at": pl.Series([utc(at)], dtype=DTYPES["time"])}),
        who.with_columns(pl.lit("one").alias("account_id")),
        who.hstack(as_frame([person for _, person, _ in named], agreement.person_fields)),
        pl.DataFrame(base).hstack(as_frame(done, agreement.signal_fields)),
        working=True,
    )
    return {**judged.select("outcome", "person_id").row(0, named=True), **account_workings(agreement, judged)[0]}


def _working(agreement: Agreement, terms: Group, row: pl.DataFrame) -> dict[str, Any]:
    members = sorted(_members(agreement, terms, row), key=lambda one: (_ORDER[one.standing], -one.intent, one.id))
    found = row.select("outcome", "people", "roles", "fit", "intent", "next_step", "person_id").row(0, named=True)
    criteria = [
        _people(terms, members),
        *(_role(name, when, members) for name, when in terms.roles.items()),
        _intent(terms, members, found["intent"]),
        *([_fit(terms, members, found["fit"])] if terms.fit is not None else []),
        _next_step(agreement, members, found["person_id"] if found["next_step"] else None),
    ]
    computed = row["computed"][0] if "computed" in row.columns else found["outcome"]
    working: dict[str, Any] = {
        "criteria": criteria,
        "members": [_shown(one) for one in members],
        "inputs": sorted({signal for one in members if one.excluded is None for signal in one.working["inputs"]}),
        "missing": [] if computed == "ready" else [text for one in criteria if one["state"] != "met" for text in one.pop("lacks")],
        "sentence": _sentence(terms, computed, found),
    }
    for one in criteria:
        one.pop("lacks", None)
    if "override" in row.columns and (override := row["override"][0]) is not None:
        working["override"] = told(found["outcome"], computed, override)
        working["sentence"] = f"{working['override']['sentence']} By the terms: {working['sentence']}"
    return working


_ORDER: Final = {"confirmed": 0, "potential": 1, "excluded": 2}


def _members(agreement: Agreement, terms: Group, row: pl.DataFrame) -> list[_Member]:
    if row["_members"][0] is None:
        return []
    judged = pl.DataFrame(row["_members"].explode()).unnest("_members")
    shown = workings(agreement, judged, change=False)
    names = list(terms.roles)
    return [
        _Member(
            id=one["person_id"],
            active=one["_on"],
            excluded=one["reason"],
            roles={name: one[str(number)] for number, name in enumerate(names)},
            fit=one["fit"],
            intent=one["intent"],
            next_step=one["next_step"],
            working=working,
        )
        for one, working in zip(judged.iter_rows(named=True), shown, strict=True)
    ]


def _shown(one: _Member) -> dict[str, Any]:
    return {
        "person_id": one.id,
        "standing": one.standing,
        "active": one.active,
        "roles": {name: _STATES[said] for name, said in one.roles.items()},
        "fit": one.fit,
        "intent_millionths": one.intent,
        "next_step": one.next_step,
        "reason": one.excluded,
        "sentence": one.working["sentence"],
        "inputs": one.working["inputs"],
    }


# --- criteria -------------------------------------------------------------------------------------------------


def _criterion(part: str, state: bool | None, sentence: str, members: Sequence[str], lacks: Sequence[str], **rest: Any) -> dict[str, Any]:
    return {"part": part, **rest, "state": _STATES[state], "sentence": sentence, "members": list(members), "lacks": list(lacks)}


def _people(terms: Group, members: Sequence[_Member]) -> dict[str, Any]:
    active = [one.id for one in members if one.active]
    sentence = f"{counted(len(active), 'active person', 'active people')} of {terms.people} within {terms.within}."
    short = terms.people - len(active)
    lacks = [f"{counted(short, 'more active person', 'more active people')}"]
    seen = {"active": len(active), "known": len(members)}
    return _criterion("people", short <= 0, sentence, active, lacks, seen=seen, bar=terms.people)


def _role(name: str, when: str, members: Sequence[_Member]) -> dict[str, Any]:
    fill = [one for one in members if one.roles[name] and one.excluded is None]
    active = [one.id for one in fill if one.active]
    unknown = [one for one in members if one.active and one.roles[name] is None]
    state = True if active else None if unknown else False
    if active:
        sentence, lacks = f"Role {name} is covered by {counted(len(active), 'person', 'people')}.", []
    elif fill:
        sentence = f"Role {name}: {counted(len(fill), 'person fits', 'people fit')} it, none of them active within the window."
        lacks = [f"role {name}: {counted(len(fill), 'person who fits is', 'people who fit are')} not active"]
    else:
        known = f"; of {counted(len(unknown), 'active person', 'active people')} it is not known" if unknown else ""
        sentence, lacks = f"Role {name}: nobody{known}.", [f"role {name}: nobody{known}"]
    return _criterion(
        "role", state, sentence, active, lacks, role=name, when=when, seen={"fit_it": len(fill), "active": len(active)}, bar=1
    )


def _intent(terms: Group, members: Sequence[_Member], intent: int) -> dict[str, Any]:
    giving = [one.id for one in members if one.active and one.intent]
    sentence = f"Intent of the active people together: {points_of(intent)} ({terms.intent} needed)."
    short = terms.intent * MILLIONTHS - intent
    lacks = [lacking(short)]
    seen = {"people": len(giving)}
    return _criterion(
        "intent", short <= 0, sentence, giving, lacks, seen=seen, bar=terms.intent, points=intent / MILLIONTHS, millionths=intent
    )


def _fit(terms: Group, members: Sequence[_Member], best: int | None) -> dict[str, Any]:
    at_bar = [one.id for one in members if one.active and terms.fit is not None and one.fit >= terms.fit]
    sentence = "Fit: nobody is active." if best is None else f"Best fit of an active person: {number(best)} ({terms.fit} needed)."
    lacks = [f"an active person with {terms.fit} fit"]
    return _criterion("fit", bool(at_bar), sentence, at_bar, lacks, seen={"fit": best}, bar=terms.fit)


def _next_step(agreement: Agreement, members: Sequence[_Member], lead: str | None) -> dict[str, Any]:
    who = next((one for one in members if one.id == lead), None)
    steps = list(dict.fromkeys(step.step for step in agreement.contract.ready.next_step))
    if who is None:
        lacks = [f"no open next step: {' or '.join(steps)}"]
        return _criterion("next_step", False, "Nobody has an open next step.", [], lacks, seen=None, bar=steps, signal=None, until=None)
    totals = who.working["totals"]
    sentence = f"Next step {who.next_step} is open until {totals['next_step_until'][:16].replace('T', ' ')} UTC."
    rest = {"seen": who.next_step, "bar": steps, "signal": totals["next_step_signal"], "until": totals["next_step_until"]}
    return _criterion("next_step", True, sentence, [who.id], [], **rest)


def _sentence(terms: Group, outcome: str, found: Mapping[str, Any]) -> str:
    head = "The buying group is ready" if outcome == "ready" else "The buying group is not ready yet"
    parts = [f"{found['people']} of {counted(terms.people, 'active person', 'active people')}"]
    if terms.roles:
        parts.append(f"{found['roles']} of {counted(len(terms.roles), 'role')} covered")
    parts.append(f"intent {points_of(found['intent'])} ({terms.intent} needed)")
    parts.append(f"next step {found['next_step']}" if found["next_step"] else "no open next step")
    return f"{head}: {listed(parts)}."
