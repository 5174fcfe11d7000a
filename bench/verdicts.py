"""Verdicts a second: one person, a thousand, a million, five signals each, beside a bare Polars scan of the same columns in the same run.

The contract has four fit rules, one never-rule, five intent rules (three with a cap) and two next steps; about three quarters of the signals
are heard by a rule. Signals lie in the order they happened, so a person's are spread over the whole frame: the hard case for a join.

Three yardsticks, taken in turns with the verdicts: `scan` reads every column once into one sum each; `grouped` is the least any verdict could
do, the same sums a person; `ids` are verdicts on people who are numbered instead of named. Run it with `python -m bench.verdicts [people]`.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median, quantiles

import polars as pl

from handfast.contract.agreement import Agreement, agree
from handfast.contract.terms import Contract
from handfast.facts import stable_id
from handfast.problem import Place
from handfast.readiness.explain import workings
from handfast.readiness.verdict import judge

SIGNALS_EACH = 5
AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = 86_400_000_000
SPREAD_DAYS = 100  # the lookback is 90 days: a tenth of the signals is too old
MOMENT = pl.Datetime("us", "UTC")
Frames = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]

TERMS = {
    "contract": "Northwind",
    "calendar": {"timezone": "America/New_York", "week": {"mon-fri": ["09:00-17:00"]}},
    "fields": {"employees": "int", "industry": "text", "seniority": "text", "country": "text"},
    "ready": {
        "fit": {
            "at_least": 50,
            "points": [
                {"when": "employees BETWEEN 200 AND 5000", "points": 25, "because": "ICP size"},
                {"when": "industry IN ('software', 'finance')", "points": 25, "because": "ICP industry"},
                {"when": "seniority IN ('director', 'vp')", "points": 15, "because": "Decides"},
                {"when": "employees < 10", "points": -20, "because": "Too small"},
            ],
            "never": [{"when": "country IN ('KP')", "reason": "embargo"}],
        },
        "intent": {
            "at_least": 20,
            "points": [
                {"on": "page_viewed", "when": "path LIKE '/pricing%'", "points": 10, "at_most": "3 per day", "because": "Pricing page"},
                {"on": "page_viewed", "points": 1, "at_most": "10 per week", "because": "Any page"},
                {"on": "form_submitted", "points": 20, "because": "Wrote to us"},
                {"on": "email_clicked", "points": 3, "at_most": "1 per day", "because": "Clicked"},
                {"on": "webinar_attended", "when": "minutes >= 20", "points": 15, "because": "Stayed in the webinar"},
            ],
        },
        "next_step": [
            {"step": "demo", "on": "form_submitted", "when": "form = 'demo'", "within": "7 days"},
            {"step": "quote", "on": "page_viewed", "when": "path = '/pricing/quote'", "within": "2 days"},
        ],
    },
    "routing": {},
    "sla": [{"name": "any", "first_touch": "1 hour"}],
    "dispositions": {"recycle": {"reasons": {"not_now": {}}}, "disqualify": {"reasons": {"bad_fit": {}}}},
}


def signed() -> Agreement:
    agreement, problems = agree(Contract.model_validate(TERMS), Place("bench"))
    assert agreement is not None, problems
    return agreement


def drawn(many: int, choices: Sequence[object], seed: int) -> pl.Series:
    """`many` draws with equal chances, the same in every run."""
    return pl.Series(choices).gather(pl.int_range(many, eager=True).hash(seed) % len(choices))


def made(people: int) -> Frames:
    """Points, people and evidence. Each frame is written and read back, so that its texts lie as they do when they come from a store."""
    many = people * SIGNALS_EACH
    ids = pl.Series("person_id", [stable_id("per", str(number)) for number in range(people)])
    ages = (pl.int_range(many, eager=True).hash(1) % (SPREAD_DAYS * DAY)).cast(pl.Int64).sort(descending=True)
    evidence = pl.DataFrame(
        {
            "signal": pl.int_range(many, eager=True),
            "person_id": ids.gather(pl.int_range(many, eager=True).hash(2) % people),
            "kind": drawn(
                many, ["page_viewed"] * 10 + ["email_clicked"] * 4 + ["form_submitted", "webinar_attended"] + ["email_sent"] * 4, 3
            ),
            "occurred_at": (int(AT.timestamp() * 1_000_000) - ages).cast(MOMENT),
            "path": drawn(many, ["/pricing/teams", "/pricing/quote", "/blog/one", "/docs", "/", "/careers"], 4),
            "form": drawn(many, ["demo", "newsletter", None], 5),
            "minutes": drawn(many, [5, 15, 25, 45], 6),
        }
    )
    who = pl.DataFrame(
        {
            "person_id": ids,
            "employees": drawn(people, [4, 80, 300, 900, 4000, 20_000, None], 7),
            "industry": drawn(people, ["software", "finance", "retail", None], 8),
            "seniority": drawn(people, ["vp", "director", "analyst", None], 9),
            "country": drawn(people, ["US", "DE", "FR", "KP"], 10),
        }
    )
    points = pl.DataFrame({"person_id": ids}).with_columns(pl.lit(AT, dtype=MOMENT).alias("at"))
    return laid_out(points), laid_out(who), laid_out(evidence)


def laid_out(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(written(frame))).rechunk()


def written(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def numbered(frames: Frames) -> Frames:
    """The same frames with people numbered instead of named."""
    numbers = frames[0].select("person_id").with_row_index("number")
    points, people, evidence = (frame.join(numbers, on="person_id", maintain_order="left") for frame in frames)
    return tuple(frame.drop("person_id").rename({"number": "person_id"}) for frame in (points, people, evidence))  # type: ignore[return-value]


def sums(frame: pl.DataFrame) -> list[pl.Expr]:
    """Every column but the key read once."""
    texts = [pl.col(name).str.len_bytes().sum() for name, kind in frame.schema.items() if kind == pl.String and name != "person_id"]
    return texts + [pl.col(name).max() for name, kind in frame.schema.items() if kind != pl.String and name != "person_id"]


def scan(frames: Frames) -> None:
    for frame in frames:
        frame.select(*sums(frame), pl.col("person_id").str.len_bytes().sum().alias("ids"))


def grouped(frames: Frames) -> None:
    for frame in frames:
        frame.group_by("person_id").agg(sums(frame))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(agreement: Agreement, people: int, rounds: int) -> dict[str, object]:
    """Seconds of each, the median of rounds in which they take turns, and verdicts a second."""
    frames = made(people)
    by_number = numbered(frames)
    assert judge(agreement, *by_number).drop("person_id").equals(judge(agreement, *frames).drop("person_id"))
    work: dict[str, Callable[[], object]] = {
        "verdicts": lambda: judge(agreement, *frames),
        "ids": lambda: judge(agreement, *by_number),
        "scan": lambda: scan(frames),
        "grouped": lambda: grouped(frames),
    }
    took: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            took[name].append(timed(run))
    seconds = {name: median(times) for name, times in took.items()}
    return {
        "people": people,
        "signals": frames[2].height,
        **{f"{name}_seconds": round(value, 5) for name, value in seconds.items()},
        "verdicts_per_second": round(people / seconds["verdicts"]),
        "ids_per_second": round(people / seconds["ids"]),
        "times_the_scan": round(seconds["verdicts"] / seconds["scan"], 1),
        "times_the_grouped": round(seconds["verdicts"] / seconds["grouped"], 2),
    }


def latency(agreement: Agreement, rounds: int) -> dict[str, object]:
    """One person's verdict with its working, as the live path asks for it: milliseconds."""
    points, people, evidence = made(200)
    cases = []
    for number in range(200):
        who = points["person_id"][number]
        cases.append((points[number : number + 1], people[number : number + 1], evidence.filter(pl.col("person_id") == who)))
    took = [timed(lambda case=case: workings(agreement, judge(agreement, *case, working=True))) for case in cases * rounds]  # type: ignore[misc]
    judged = judge(agreement, points, people, evidence, working=True)
    told = median(timed(lambda: workings(agreement, judged)) for _ in range(rounds * 5)) / judged.height
    cuts = quantiles(took[200:] or took, n=100)
    return {
        "single_p50_ms": round(cuts[49] * 1000, 2),
        "single_p99_ms": round(cuts[98] * 1000, 2),
        "working_us_per_row": round(told * 1_000_000, 1),
    }


def replayed(agreement: Agreement, people: int, each: int) -> dict[str, object]:
    """A verdict at every signal of every person, as a replay asks: many moments and many signals of the same people."""
    _, who, evidence = made(people * each // SIGNALS_EACH)
    few = who[:people]
    numbers = pl.int_range(evidence.height, eager=True).hash(11) % people
    evidence = laid_out(evidence.with_columns(few["person_id"].gather(numbers)))
    points = evidence.select("person_id", pl.col("occurred_at").alias("at"))
    seconds = timed(lambda: judge(agreement, points, few, evidence))
    return {"moments": points.height, "signals_a_person": each, "seconds": round(seconds, 2), "per_second": round(points.height / seconds)}


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    agreement = signed()
    print(json.dumps(latency(agreement, 4)))
    for people, rounds in ((1, 50), (1_000, 20), (most, 3)):
        print(json.dumps(compare(agreement, people, rounds)), flush=True)
    print(json.dumps(replayed(agreement, most // 50, 50)))


if __name__ == "__main__":
    main()
