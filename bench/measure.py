"""The report on a million leads, against a bare group-by over the same frame.

The baseline is what a dashboard would do: one Polars group_by with the mean wait of those touched and the share contacted, no censoring, no
interval, no cohort. The ratio is the price of honest figures. Run it with `python -m bench.measure [LEADS]`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np
import polars as pl

from handfast.measure.facts import CLOCKS, HANDOFFS, LEADS, OPPORTUNITIES, TIME, Facts
from handfast.measure.report import report
from handfast.measure.scoreboard import scoreboard
from handfast.worktime import Hours, Week

END = datetime(2026, 7, 1, tzinfo=UTC)
OFFICE = Hours("America/New_York", Week.of(dict.fromkeys(range(5), ((540, 750), (795, 1050)))))
ROUNDS = 3


def made_up(leads: int) -> Facts:
    """Two years of handoffs, one lead each and every fifth with a colleague; waits are log-normal, a tenth is never touched."""
    random, n = np.random.default_rng(1), leads * 5 // 6
    start = int((END - timedelta(days=730)).timestamp() * 1e6)
    opened = start + np.sort(random.integers(0, 730 * 86_400_000_000, n))
    frame = pl.DataFrame({"handoff": [f"hnd_{i}" for i in range(n)], "opened_at": opened})

    def later(base: str, minutes: float, spread: float, share: float) -> pl.Expr:
        wait = (random.lognormal(np.log(minutes), spread, n) * 60e6).astype("int64")
        happened = pl.Series(random.random(n) < share)
        return pl.when(happened).then(pl.col(base) + pl.Series(wait))

    pick = {"source": 12, "team": 6, "rep": 40, "contract": 4, "sla": 3}
    frame = frame.with_columns(*(pl.Series(name, [f"{name}{i}" for i in random.integers(0, many, n)]) for name, many in pick.items()))
    frame = frame.with_columns(later("opened_at", 90, 1.8, 0.9).alias("touched_at")).with_columns(
        later("touched_at", 1440, 1.2, 0.6).alias("contacted_at")
    )
    frame = frame.with_columns(
        later("contacted_at", 1440, 1, 0.5).alias("meeting_at"), later("contacted_at", 9000, 1, 0.3).alias("qualified_at")
    )
    frame = frame.with_columns(
        later("qualified_at", 60_000, 0.5, 0.3).alias("won_at"), later("opened_at", 20_000, 1, 0.8).alias("closed_at")
    )
    times = [name for name in frame.columns if name.endswith("_at")]
    known = int(END.timestamp() * 1e6)
    frame = frame.with_columns(pl.when(pl.col(name) <= known).then(pl.col(name)).cast(TIME) for name in times)
    frame = frame.with_columns(
        pl.Series("party", [f"acc_{i}" for i in random.integers(0, n // 2, n)]), pl.lit("new").alias("motion"), pl.col("opened_at").alias("assigned_at"),
        pl.lit(True).alias("owned"), pl.Series("outcome", random.choice(["meeting_set", "recycle", "disqualify"], n)), pl.lit(None, pl.String).alias("reason"),
        pl.col("opened_at").alias("brief_at"),
    )  # fmt: skip
    handoffs = frame.select(list(HANDOFFS))
    first = frame.with_columns(
        pl.col("handoff").alias("person"),
        pl.lit(True).alias("opener"),
        pl.col("opened_at").alias("raised_at"),
        pl.col("opened_at").alias("joined_at"),
    )
    second = first.gather_every(5).with_columns(pl.lit(False).alias("opener"), pl.lit(None, TIME).alias("touched_at"))
    clocks = frame.select(
        pl.col("handoff").alias("clock"), "handoff", pl.lit("first_touch").alias("kind"), "source", "team", "rep", "contract", "sla", pl.lit("c1").alias("terms"),
        pl.lit("office").alias("calendar"), pl.col("opened_at").alias("started_at"), (pl.col("opened_at") + timedelta(hours=4)).alias("due_at"),
        (pl.col("opened_at") + timedelta(hours=4, seconds=1)).alias("breached_at"), "touched_at", "assigned_at", "closed_at",
    ).select(list(CLOCKS))  # fmt: skip
    deals = frame.filter(pl.col("qualified_at").is_not_null()).with_columns(
        pl.col("handoff").alias("opportunity"), pl.lit(1000.0).alias("amount"), pl.col("qualified_at").alias("opened_at"), pl.col("won_at").alias("closed_at"), pl.col("won_at").is_not_null().alias("won"),
    )  # fmt: skip
    return Facts(pl.concat([first.select(list(LEADS)), second.select(list(LEADS))]), handoffs, clocks, deals.select(list(OPPORTUNITIES)))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    leads = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    facts = made_up(leads)
    calendars = {("c1", "office"): OFFICE}
    wait = (pl.col("touched_at") - pl.col("raised_at")).dt.total_seconds()

    def bare() -> object:
        return facts.leads.group_by("source").agg(
            pl.len(), wait.mean().alias("wait"), pl.col("contacted_at").is_not_null().mean().alias("contacted")
        )

    work: dict[str, Callable[[], object]] = {
        "bare group_by": bare,
        "report": lambda: report(facts, END, calendars=calendars),
        "report by source": lambda: report(facts, END, by=("source",), calendars=calendars),
        "report by source, month": lambda: report(facts, END, by=("source", "month"), calendars=calendars),
        "scoreboard, 12 weeks": lambda: scoreboard(facts, END, 12),
    }
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, one in work.items():
            taken[name].append(timed(one))
    base = median(taken["bare group_by"])
    print(f"{len(facts.leads):,} leads, {len(facts.handoffs):,} handoffs; medians of {ROUNDS} rounds")
    for name, times in taken.items():
        print(f"  {name:<26} {median(times):8.3f} s   {median(times) / base:6.1f} times the bare group_by")


if __name__ == "__main__":
    main()
