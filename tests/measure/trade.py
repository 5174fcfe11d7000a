"""A ledger of handoffs kept by hand: what a story about figures needs, in the words of the trade.

Days are counted from Monday 1 June 2026, 09:00 UTC; `day(3, minutes=20)` is 20 minutes past nine on Thursday.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from handfast.measure.facts import CLOCKS, HANDOFFS, LEADS, OPPORTUNITIES, Facts

START = datetime(2026, 6, 1, 9, tzinfo=UTC)


def day(days: float, **more: float) -> datetime:
    return START + timedelta(days=days, **more)


class Ledger:
    """Handoffs, written down one by one."""

    def __init__(self) -> None:
        self.leads: list[dict[str, Any]] = []
        self.handoffs: list[dict[str, Any]] = []
        self.clocks: list[dict[str, Any]] = []
        self.opportunities: list[dict[str, Any]] = []

    def handoff(
        self, opened: datetime, *, party: str = "", due_in: timedelta | None = None, amount: float | None = None, **said: Any
    ) -> str:
        """A handoff with one lead who opened it. `due_in`: the promise, on the wall. `amount`: of the opportunity, if it was qualified."""
        number = len(self.handoffs) + 1
        name = f"hnd_{number}"
        words = {
            "source": "web",
            "team": "west",
            "rep": "Ana",
            "contract": "v1",
            "sla": "fast",
            **{k: v for k, v in said.items() if k in WORDS},
        }
        times = {k: v for k, v in said.items() if k not in WORDS}
        base = {"handoff": name, **words, "closed_at": times.get("closed_at")}
        first = {"assigned_at": times.pop("assigned_at", opened), "owned": times.pop("owned", True)}
        self.handoffs.append({**base, "party": party or f"acc_{number}", "motion": "new", "opened_at": opened, **first, **times})
        self.leads.append(
            {
                **base,
                "person": f"per_{number}",
                "opener": True,
                "raised_at": opened,
                "joined_at": opened,
                **_of(times, "touched_at", "contacted_at", "meeting_at"),
            }
        )
        if due_in is not None:
            stops = {**_of(times, "touched_at"), "assigned_at": first["assigned_at"], "breached_at": said.get("breached_at")}
            self.clocks.append(
                {
                    **base,
                    "clock": f"clk_{number}",
                    "kind": "first_touch",
                    "terms": "c1",
                    "calendar": "always",
                    "started_at": opened,
                    "due_at": opened + due_in,
                    **stops,
                }
            )
        if times.get("qualified_at") is not None:
            won = times.get("won_at")
            self.opportunities.append(
                {
                    **base,
                    "opportunity": f"opp_{number}",
                    "amount": amount,
                    "opened_at": times["qualified_at"],
                    "closed_at": won,
                    "won": True if won else None,
                }
            )
        return name

    def joins(self, handoff: str, raised: datetime, **times: Any) -> None:
        """A second person of the account joins."""
        owner = next(h for h in self.handoffs if h["handoff"] == handoff)
        words = {word: owner[word] for word in WORDS} | {k: v for k, v in times.items() if k in WORDS}
        self.leads.append(
            {
                "handoff": handoff,
                "person": f"per_j{len(self.leads)}",
                "opener": False,
                **words,
                "raised_at": raised,
                "joined_at": raised,
                "closed_at": owner.get("closed_at"),
                **{k: v for k, v in times.items() if k not in WORDS},
            }
        )

    def facts(self) -> Facts:
        return Facts(
            _frame(self.leads, LEADS),
            _frame(self.handoffs, HANDOFFS),
            _frame(self.clocks, CLOCKS),
            _frame(self.opportunities, OPPORTUNITIES),
        )


WORDS = ("source", "team", "rep", "contract", "sla")


def _of(times: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: times.get(name) for name in names}


def _frame(rows: list[dict[str, Any]], columns: Any) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], schema=columns)
