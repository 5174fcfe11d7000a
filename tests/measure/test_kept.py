"""Every kind of clock by one rule: what counts, what does not yet, what never will; and how much working time was used."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from handfast.contract.calendars import hours_of
from handfast.contract.terms import Calendar
from handfast.desk import clocks, figures, outcomes
from handfast.facts import Outcome
from handfast.measure.cohort import Period
from handfast.measure.facts import MEASURED, PAUSES, PROMISES, Facts, nothing
from handfast.measure.kept import ASKED, clocks_kept
from handfast.store.base import Store
from tests.desk.house import CONTRACT, House, moment

from .trade import day

HOUR = timedelta(hours=1)
#: Monday to Friday, nine to five, where the ledger's days begin at nine.
OFFICE = hours_of(Calendar.model_validate({"timezone": "UTC", "week": {"mon-fri": ["09:00-17:00"]}}))
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "measures.md"


class Clocks:
    """Clocks written down one by one; each is a promise of an hour unless said otherwise."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.stills: list[dict[str, object]] = []
        self.measured: list[dict[str, object]] = []

    def clock(self, kind: str, started: object, stopped: object = None, by: str | None = None, **more: object) -> None:
        number = len(self.rows)
        row = {"clock": f"clk_{number}", "handoff": f"hnd_{number}", "kind": kind, "terms": "c1", "calendar": "team", "started_at": started,
               "due_at": started + HOUR, "stopped_at": stopped, "stopped_by": by, "paused_at": None, "outcome": None}  # type: ignore[operator]  # fmt: skip
        self.rows.append({**row, **more})

    def facts(self) -> Facts:
        def frame(rows, columns):  # type: ignore[no-untyped-def]
            return pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], schema=columns)

        few = nothing()
        return Facts(
            few.leads, few.handoffs, few.clocks, few.opportunities, frame(self.rows, PROMISES), frame(self.stills, PAUSES),
            frame(self.measured, MEASURED),
        )  # fmt: skip

    def told(self, at=day(30), promised=("accept",), minimum=1, period=Period()):  # type: ignore[no-untyped-def]  # noqa: B008
        found = clocks_kept(self.facts(), at, period, {("c1", "team"): OFFICE}, minimum, promised)
        return {one["kind"]: one for one in found}


def counts(one):  # type: ignore[no-untyped-def]
    return {name: one[name] for name in ("kept", "missed", "still_open", "open", "early", "ended") if one[name]}


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"stopped_at": day(0, minutes=30), "stopped_by": "accepted"}, {"kept": 1}),
        ({"stopped_at": day(0, minutes=60), "stopped_by": "touch"}, {"kept": 1}),  # at the very moment it is due
        ({"stopped_at": day(0, minutes=61), "stopped_by": "accepted"}, {"missed": 1}),
        ({}, {"missed": 1, "still_open": 1}),  # nobody ever said anything: missed, not left out
        ({"due_at": day(40)}, {"open": 1}),
        (
            {"stopped_at": day(0, minutes=30), "stopped_by": "accepted", "due_at": day(40)},
            {"early": 1},
        ),  # counted once it would have been due
        ({"stopped_at": day(0, minutes=30), "stopped_by": "passed_on"}, {"ended": 1}),
        ({"stopped_at": day(0, minutes=30), "stopped_by": "closed"}, {"ended": 1}),
        ({"stopped_at": day(0, minutes=90), "stopped_by": "closed"}, {"missed": 1}),  # too late to be saved by an end
        ({"paused_at": day(0, minutes=10)}, {"open": 1}),  # it stands still: its old due time says nothing
        ({"kind": "disposition", "stopped_at": day(0, minutes=30), "stopped_by": "closed", "outcome": "recycle"}, {"kept": 1}),
        ({"kind": "disposition", "stopped_at": day(0, minutes=30), "stopped_by": "closed", "outcome": "returned"}, {"ended": 1}),
        ({"kind": "next_touch", "stopped_at": day(0, minutes=30), "stopped_by": "waiting"}, {"ended": 1}),
        ({"kind": "contact_valid", "stopped_at": day(0, minutes=30), "stopped_by": "complete"}, {"kept": 1}),
    ],
)
def test_how_a_clock_came_out(said, state) -> None:
    book = Clocks()
    book.clock(said.pop("kind", "accept"), day(0), said.pop("stopped_at", None), said.pop("stopped_by", None), **said)
    assert counts(book.told()[book.rows[0]["kind"]]) == state


def test_the_rate_has_its_interval_and_too_few_give_none() -> None:
    book = Clocks()
    for n in range(10):
        book.clock("accept", day(n), day(n, minutes=30 if n < 8 else 90), "accepted")
    rate = book.told()["accept"]["rate"]
    assert (rate["value"], rate["hits"], rate["n"]) == (0.8, 8, 10)
    assert (round(rate["low"], 3), round(rate["high"], 3)) == (0.490, 0.943), "Wilson"
    assert book.told(minimum=30)["accept"]["rate"]["why"] == "not enough data: 10 of 30"


def test_working_time_is_used_and_what_stood_still_is_not() -> None:
    book = Clocks()
    book.clock("accept", day(0, hours=7), day(1, hours=1), "accepted")  # an hour on Monday, one on Tuesday
    book.stills.append({"handoff": "hnd_0", "since": day(0, hours=7.5), "until": day(1, hours=0.5)})
    assert book.told()["accept"]["used"]["p50"]["value"] == 3600, "two hours, less the one it stood still"
    book.clock("context_complete", day(4, hours=7), day(7, hours=1), "complete")
    book.stills.append({"handoff": "hnd_1", "since": day(4, hours=7), "until": None})
    assert book.told()["context_complete"]["used"]["p50"]["value"] == 7200, "marketing's clocks do not stand still, and no weekend counts"


def test_those_never_met_count_as_waiting_in_the_times() -> None:
    book = Clocks()
    for n in range(4):
        book.clock("accept", day(n), day(n, minutes=20) if n < 2 else None, "accepted" if n < 2 else None)
    used = book.told(at=day(10))["accept"]["used"]
    assert (used["n"], used["happened"]) == (4, 2)
    assert used["p50"]["value"] == 1200
    assert used["p90"]["value"] is None, "nobody has seen nine tenths of them met"


def test_months_are_those_of_the_due_time_and_a_period_takes_its_own_rows() -> None:
    book = Clocks()
    book.clock("accept", day(29, hours=7.5), day(30, minutes=10), "accepted", due_at=day(30, minutes=30))  # 30 June to 1 July
    book.clock("accept", day(2), day(2, minutes=5), "accepted")
    one = book.told(at=day(60))["accept"]
    assert [(month["month"], counts(month)) for month in one["months"]] == [("2026-06", {"kept": 1}), ("2026-07", {"kept": 1})]
    assert counts(book.told(at=day(60), period=Period(None, day(20)))["accept"]) == {"kept": 1}


def test_weeks_in_their_band_are_told_with_the_answers_for_those_outside() -> None:
    book = Clocks()
    for n, kept in enumerate((True, False, None)):
        book.measured.append({"kind": "volume", "period": f"2026-W2{n}", "at": day(7 * (n + 1)), "kept": kept, "why": f"week {n}"})
    book.clock("volume", day(14), day(14, minutes=40), "answered", handoff=None)
    one = book.told(promised=("volume",))["volume"]
    assert (one["kept"], one["missed"], one["ended"], one["rate"]["value"]) == (1, 1, 1, 0.5)
    assert counts(one["answers"]) == {"kept": 1}
    assert one["latest"] == "week 2"


def test_a_kind_without_rows_says_why() -> None:
    found = Clocks().told(promised=("accept",))
    assert [one.kind for one in ASKED] == list(found), "always all of them, in one order"
    assert found["accept"]["why"] == "nothing fell due in this period"
    assert found["next_touch"]["why"] == "the contract makes no such promise"


# --- from the store -------------------------------------------------------------------------------------------------

MORE = CONTRACT.replace(
    "    first_touch: 60 minutes\n",
    "    first_touch: 60 minutes\n    accept: {within: 30 minutes}\n    disposition: {within: 1 day}\n",
).replace("dispositions:", "pauses: {waits_for_us: {at_most: 2 hours, waits_for: system}}\ndispositions:")


def test_what_happened_at_the_desk_is_told_as_it_was_known_then(store: Store) -> None:
    house = House(store, MORE)
    house.arrives("lea@acme.example", "Mon 10:00")
    clocks.pause(store, house.handoff(), "waits_for_us", "anna", moment("Mon 10:10"))
    clocks.resume(store, house.handoff(), "anna", moment("Mon 11:10"))
    outcomes.accept(store, house.handoff(), str(house.owner()), moment("Mon 11:20"))
    house.calls(house.handoff(), str(house.owner()), "Mon 12:30")
    house.ends(house.handoff(), str(house.owner()), Outcome.MEETING_SET, "Mon 14:00")
    report = figures.report(store, moment("Tue 13:00"), minimum=1)
    found = {one["kind"]: one for one in report["clocks"]}
    assert {kind: counts(one) for kind, one in found.items() if one["why"] is None} == {
        "accept": {"kept": 1}, "first_touch": {"missed": 1}, "disposition": {"kept": 1},
    }  # fmt: skip
    assert found["accept"]["used"]["p50"]["value"] == 20 * 60, "ten minutes before the pause, ten after"
    assert found["context_complete"]["promised"] is False
    before = {one["kind"]: one for one in figures.report(store, moment("Mon 11:15"), minimum=1)["clocks"]}
    assert (counts(before["accept"]), counts(before["first_touch"])) == ({"open": 1}, {"open": 1})


def test_the_reference_says_what_counts_word_for_word() -> None:
    """To be written anew by hand after a change."""
    rows = "\n".join(f"| `{one.kind}` | {one.owed_by} | {one.counted} | {one.kept} | {one.left_out} |" for one in ASKED)
    assert rows in PAGE.read_text(encoding="utf-8")
