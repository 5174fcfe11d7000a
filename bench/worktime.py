"""Due times a second: Handfast against pandas' CustomBusinessHour and businesstimedelta.

One calendar (New York, 09:00-12:30 and 13:15-17:30, the US holidays), the same starts and waits for all three, in one run, each taking turns.
Waits are whole hours, because pandas knows no others. The answers are compared before anything is timed; pandas calculates on the wall clock,
which makes no difference to office hours. Run it with `python -m bench.worktime`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from statistics import median
from zoneinfo import ZoneInfo

import businesstimedelta
import holidays
import pandas as pd
import pytz

from handfast.contract.calendars import hours_of
from handfast.contract.terms import Calendar
from handfast.worktime import Hours

ZONE = "America/New_York"
WALL = ZoneInfo(ZONE)
CALENDAR = Calendar(timezone=ZONE, week={"mon-fri": ("09:00-12:30", "13:15-17:30")}, holidays="US")
YEARS = (2024, 2025, 2026)
ROUNDS = 5

Case = tuple[datetime, int]
Due = Callable[[Case], datetime]


def cases(many: int) -> list[Case]:
    """Starts at any minute of 2024 and 2025, waits of 1 to 16 hours."""
    random, first = Random(1), datetime(2024, 1, 2, tzinfo=UTC)
    return [(first + timedelta(minutes=random.randrange(2 * 525_600)), random.randrange(1, 17)) for _ in range(many)]


def us_holidays() -> list[date]:
    return sorted(holidays.country_holidays("US", years=YEARS))


def by_pandas() -> Due:
    days = us_holidays()
    waits = {n: pd.offsets.CustomBusinessHour(n=n, start=["09:00", "13:15"], end=["12:30", "17:30"], holidays=days) for n in range(1, 17)}

    def due(case: Case) -> datetime:
        start, hours = case
        wall = pd.Timestamp(start.astimezone(WALL).replace(tzinfo=None))
        return (wall + waits[hours]).to_pydatetime().replace(tzinfo=WALL).astimezone(UTC)

    return due


def by_businesstimedelta() -> Due:
    zone = pytz.timezone(ZONE)
    at = {text: datetime.strptime(text, "%H:%M").time() for text in ("09:00", "12:30", "13:15", "17:30")}  # noqa: DTZ007
    day = businesstimedelta.WorkDayRule(start_time=at["09:00"], end_time=at["17:30"], working_days=[0, 1, 2, 3, 4], tz=zone)
    lunch = businesstimedelta.LunchTimeRule(start_time=at["12:30"], end_time=at["13:15"], working_days=[0, 1, 2, 3, 4], tz=zone)
    free = businesstimedelta.HolidayRule(holidays.country_holidays("US", years=YEARS), tz=zone)
    rules = businesstimedelta.Rules([day, lunch, free])

    def due(case: Case) -> datetime:
        start, hours = case
        return (start + businesstimedelta.BusinessTimeDelta(rules, hours=hours)).astimezone(UTC)

    return due


def by_handfast(hours: Hours) -> Due:
    return lambda case: hours.due(case[0], case[1] * 60)


def by_handfast_in_a_row(hours: Hours, given: list[Case]) -> Callable[[], object]:
    waits = [(start, wait * 60) for start, wait in given]
    return lambda: [hours.due(start, minutes) for start, minutes in waits]


def by_handfast_seconds(hours: Hours, given: list[Case]) -> Callable[[], object]:
    """The bulk form: whole seconds since the epoch in and out."""
    seconds = [(int(start.timestamp()), wait * 60) for start, wait in given]
    return lambda: [hours.due_s(start, minutes) for start, minutes in seconds]


def agreement(name: str, due: Due, ours: Due, given: list[Case]) -> None:
    differing = [case for case in given if due(case) != ours(case)]
    print(f"{name:<34} agrees on {len(given) - len(differing):,} of {len(given):,} due times")
    for case in differing[:3]:
        print(f"    {case[0].astimezone(WALL):%a %Y-%m-%d %H:%M} + {case[1]} h: {due(case).astimezone(WALL):%a %m-%d %H:%M}"
              f", ours {ours(case).astimezone(WALL):%a %m-%d %H:%M}")  # fmt: skip


def rate(work: Callable[[], object], many: int) -> float:
    begun = time.perf_counter()
    work()
    return many / (time.perf_counter() - begun)


def preparing() -> None:
    """What it costs to lay out a year, apart from the rates below, which are those of a prepared calendar."""
    known = hours_of(CALENDAR)
    holidays_known = known.holidays  # looked up once, so that this measures our own part; the library's is printed beside it
    costs = []
    for year in range(2030, 2050):
        holidays_known(year), holidays_known(year - 1), holidays_known(year + 1)
        fresh = Hours(known.zone, known.week, holidays_known)
        begun = time.perf_counter()
        fresh.is_open(datetime(year, 6, 1, tzinfo=UTC))
        costs.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    for year in range(2050, 2070):
        holidays_known(year)
    print(
        f"preparing one year: {median(costs) * 1e3:.2f} ms, once, plus {(time.perf_counter() - begun) / 20 * 1e3:.2f} ms for its holidays"
    )


def main() -> None:
    hours = hours_of(CALENDAR)
    ours, pandas, other = by_handfast(hours), by_pandas(), by_businesstimedelta()
    few, many = cases(400), cases(20_000)
    agreement("pandas CustomBusinessHour", pandas, ours, few)
    agreement("businesstimedelta", other, ours, few)
    preparing()
    contestants: dict[str, tuple[Callable[[], object], int]] = {
        "handfast, datetimes": (by_handfast_in_a_row(hours, many), len(many)),
        "handfast, seconds (bulk)": (by_handfast_seconds(hours, many), len(many)),
        "pandas CustomBusinessHour": (lambda: [pandas(case) for case in few], len(few)),
        "businesstimedelta": (lambda: [other(case) for case in few], len(few)),
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, (work, size) in contestants.items():
            rates[name].append(rate(work, size))
    medians = {name: median(found) for name, found in rates.items()}
    print(f"\nmedian of {ROUNDS} rounds in turn:")
    for name, found in medians.items():
        print(f"  {name:<28} {found:>11,.0f} due times/s   {1e6 / found:>8.2f} us each")
    for baseline in ("pandas CustomBusinessHour", "businesstimedelta"):
        ratios = [medians[name] / medians[baseline] for name in ("handfast, datetimes", "handfast, seconds (bulk)")]
        print(f"against {baseline}: {ratios[0]:,.0f} times as fast with datetimes, {ratios[1]:,.0f} times with seconds")


if __name__ == "__main__":
    main()
