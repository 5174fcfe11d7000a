"""What replay knows of a moment is what was known then: against an oracle that looks at one moment at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.contract.agreement import Agreement
from handfast.contract.frames import as_frame
from handfast.contract.reading import read_contract
from handfast.readiness.verdict import judge
from handfast.tuning.replay import judged
from handfast.tuning.replay_known import ACCOUNTS, KEYS, PEOPLE, SIGNALS, History, Lens
from tests.desk.house import CONTRACT

T0 = datetime(2026, 3, 2, tzinfo=UTC)
FIELDS = ("form", "path")


def signed(text: str = CONTRACT) -> Agreement:
    agreement, problems = read_contract(text, "contract.yaml")
    assert agreement is not None, problems
    return agreement


LIVE = signed()
#: Colleagues and free mail are kept out: a draft that reads addresses too.
DRAFT = signed(
    CONTRACT.replace("\n  fit:", "\n  exclude: {employees: [b.example]}\n  fit:", 1)
    .replace("at_least: 20\n    points: [", "at_least: 0\n    points: [")
    .replace("within: 7 days", "within: 1 day")
)

#: Keys and whose they are; a visitor may turn out to be somebody.
OWNERS = {
    "email:ada@b.example": "a",
    "user:a": "a",
    "visitor:a": None,
    "email:bob@one.example": "b",
    "visitor:b": None,
    "email:cyd@b.example": "c",
}
KINDS = ("page_viewed", "form_submitted", "email_sent")


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Any]:
    """Two to three people of two accounts, signals that come late or at one moment, fields learned on the way, keys that change hands."""
    n = draw(st.integers(1, 14))
    signals, keys, people, accounts = [], {}, [], []
    log_keys = []
    received = T0
    for seq in range(1, n + 1):
        received += timedelta(hours=draw(st.integers(0, 12)))
        occurred = received - timedelta(hours=draw(st.sampled_from([0, 0, 0, 1, 12, 30])))
        who = draw(st.sampled_from(list(OWNERS)))
        kind = draw(st.sampled_from(KINDS))
        said = (
            {"form": draw(st.sampled_from(["demo", "x", 5]))}
            if kind == "form_submitted"
            else {"path": draw(st.sampled_from(["/pricing", "/"]))}
        )
        signals.append({"signal": seq, "who": who, "kind": kind, "occurred_at": occurred, "received_at": received, "said": said})
        person = keys.get(who)
        wanted = OWNERS[who] or draw(st.sampled_from(["a", "b", None]))
        if person is None and wanted is not None:
            keys[who] = wanted
            log_keys.append({"who": who, "person_id": wanted, "received_at": received, "signal": seq})
        elif person is not None and not who.startswith("email:") and draw(st.integers(0, 9)) == 0:
            keys[who] = "b"
            log_keys.append({"who": who, "person_id": "b", "received_at": received, "signal": seq})
        person = keys.get(who)
        if person is None:
            continue
        if all(p["person_id"] != person for p in people) or draw(st.integers(0, 3)) == 0:
            account = "one" if person in "ab" else None
            fields = draw(st.sampled_from([{}, {"employees": 60}, {"country": "KP"}, {"country": "FR"}]))
            address = {"email": draw(st.sampled_from(["x@b.example", "x@one.example", None]))}
            people.append(
                {"person_id": person, "account_id": account, "fields": {**fields, **address}, "received_at": received, "signal": seq}
            )
        if person in "ab" and draw(st.integers(0, 3)) == 0:
            fields = draw(st.sampled_from([{"employees": 10}, {"employees": 200}]))
            accounts.append({"account_id": "one", "fields": fields, "received_at": received, "signal": seq})
    return {"signals": signals, "keys": log_keys, "people": people, "accounts": accounts}


def as_history(made: dict[str, Any]) -> History:
    signals = pl.DataFrame([{**s, "source": "web"} for s in made["signals"]], schema=SIGNALS)
    told = {f"p.{name}": [json.dumps(s["said"][name]) if name in s["said"] else None for s in made["signals"]] for name in FIELDS}
    signals = signals.with_columns(pl.Series(name, values, dtype=pl.String) for name, values in told.items())
    text = [[{**row, "fields": json.dumps(row["fields"])} for row in made[name]] for name in ("people", "accounts")]
    return History(
        signals, pl.DataFrame(made["keys"], schema=KEYS), pl.DataFrame(text[0], schema=PEOPLE), pl.DataFrame(text[1], schema=ACCOUNTS)
    )


def oracle(made: dict[str, Any], agreement: Agreement) -> dict[int, tuple[Any, ...]]:
    """Each moment by itself: whose it was, what was known of them, what had been received of what they had done."""
    found = {}
    taught = {row["signal"] for name in ("keys", "people", "accounts") for row in made[name]}
    for one in made["signals"]:
        now = one["signal"]
        holder = {row["who"]: row["person_id"] for row in made["keys"] if row["signal"] <= now}
        person = holder.get(one["who"])
        if person is None or (one["kind"] not in agreement.kinds and now not in taught):
            continue
        rows = [row for row in made["people"] if row["person_id"] == person and row["signal"] <= now]
        account = rows[-1]["account_id"] if rows else None
        told = [row for row in made["accounts"] if row["account_id"] == account and row["signal"] <= now]
        fields = {**(told[-1]["fields"] if told else {}), **(rows[-1]["fields"] if rows else {})}
        done = [s for s in made["signals"] if s["signal"] <= now and holder.get(s["who"]) == person]
        points = pl.DataFrame(
            {"person_id": ["p"], "at": [one["occurred_at"]]}, schema={"person_id": pl.String, "at": pl.Datetime("us", "UTC")}
        )
        evidence = pl.DataFrame(
            {"signal": [s["signal"] for s in done], "person_id": ["p"] * len(done), "kind": [s["kind"] for s in done],
             "occurred_at": [s["occurred_at"] for s in done]}
        ).hstack(as_frame([s["said"] for s in done], agreement.signal_fields))  # fmt: skip
        people = pl.DataFrame({"person_id": ["p"]}).hstack(as_frame([fields], agreement.person_fields))
        row = judge(agreement, points, people, evidence).row(0, named=True)
        found[now] = (person, account, *(row[name] for name in ("outcome", "fit", "intent", "next_step", "reason")))
    return found


def replayed(frame: pl.DataFrame) -> dict[int, tuple[Any, ...]]:
    assert frame["signal"].is_unique().all()
    names = ("person_id", "account_id", "outcome", "fit", "intent", "next_step", "reason")
    return {row["signal"]: tuple(row[name] for name in names) for row in frame.iter_rows(named=True)}


def lenses(*agreements: Agreement) -> list[Lens]:
    return [Lens(agreement, T0 - timedelta(days=9), T0 + timedelta(days=99)) for agreement in agreements]


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_moment_is_judged_by_what_was_known_then(made: dict[str, Any]) -> None:
    found = judged(as_history(made), lenses(LIVE, DRAFT), every=True)
    for frame, agreement in zip(found, (LIVE, DRAFT), strict=True):
        assert replayed(frame) == oracle(made, agreement)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_no_moment_at_which_somebody_could_be_ready_is_left_out(made: dict[str, Any]) -> None:
    for frame, agreement in zip(judged(as_history(made), lenses(LIVE, DRAFT)), (LIVE, DRAFT), strict=True):
        expected, got = oracle(made, agreement), replayed(frame)
        assert got.items() <= expected.items()
        left_out = {signal: row for signal, row in expected.items() if signal not in got}
        assert all(row[5] is None for row in left_out.values()), "a next step was open and the moment was not judged"
        asked = {row["signal"]: row["asked_at"] for row in frame.iter_rows(named=True)}
        assert all((asked[signal] is None) == (row[5] is None) for signal, row in got.items())
