"""What does not count: people whose address says so, and signals that no person sent.

Addresses and user agents repeat, so each different one is asked about once a batch, in Python; the answers go back as whole columns.
Unknown excludes nobody: without an address, and without a user agent, the answer is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from handfast.contract.frames import FEW
from handfast.identity.normalise import is_disposable, is_free_mail
from handfast.identity.robots import is_robot, is_role

if TYPE_CHECKING:
    from handfast.contract.terms import Exclude, Scanners

#: The kind of signal that scanners send.
CLICKED: Final = "email_clicked"
_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Barrier:
    """One exclusion of people: its reason, what becomes of them (`never`, `not_yet`), and the question it asks of a normalised address."""

    reason: str
    verdict: str
    asks: Callable[[str, str], bool]


def barriers(exclude: Exclude) -> tuple[Barrier, ...]:
    """The exclusions of people a contract asks for: those that say never first, in a fixed order."""
    found = sorted(_barriers(exclude), key=lambda barrier: barrier.verdict != "never")
    return tuple(found)


def _barriers(exclude: Exclude) -> Iterator[Barrier]:
    if exclude.employees:
        yield Barrier("employee", "never", lambda _local, domain: _under(domain, exclude.employees))
    if exclude.competitors:
        yield Barrier("competitor", "never", lambda _local, domain: _under(domain, exclude.competitors))
    if exclude.disposable:
        yield Barrier("disposable_address", exclude.disposable, lambda _local, domain: is_disposable(domain))
    if exclude.role_addresses:
        yield Barrier("role_address", exclude.role_addresses, lambda local, _domain: is_role(local))
    if exclude.free_mail:
        yield Barrier("free_mail", exclude.free_mail, lambda _local, domain: is_free_mail(domain))


def _under(domain: str, listed: tuple[str, ...]) -> bool:
    return any(domain == one or domain.endswith(f".{one}") for one in listed)


def flags(asked: tuple[Barrier, ...], emails: pl.Series) -> pl.Series:
    """A bit for each barrier that holds (the first is 1), or null where the address is not known. `emails`: as they came."""
    each = emails.unique()
    answers = [flags_of(asked, email) for email in each]
    if len(each) == 1:
        return pl.Series("_flags", answers, dtype=pl.UInt8).new_from_index(0, len(emails))
    looked_up = pl.DataFrame([each.alias("email"), pl.Series("_flags", answers, dtype=pl.UInt8)])
    return pl.DataFrame([emails.alias("email")]).join(looked_up, on="email", how="left", maintain_order="left")["_flags"]


def flags_of(asked: tuple[Barrier, ...], email: str | None) -> int | None:
    """The same of one address."""
    local, at, domain = (email or "").strip().lower().rpartition("@")
    if not at or not local or "." not in domain:
        return None
    return sum(1 << number for number, barrier in enumerate(asked) if barrier.asks(local, domain))


# --- signals --------------------------------------------------------------------------------------------------


def human(exclude: Exclude, evidence: pl.DataFrame) -> pl.DataFrame:
    """The evidence without signals of robots and without bursts of clicks. It must reach back the seconds of a burst before the lookback.

    Columns read: `signal`, `person_id`, `kind`, `occurred_at`, and those of `user_agent`, `campaign`, `link` the exclusion is about.
    """
    if exclude.asks_agents and evidence.height:
        evidence = _of_people(exclude, evidence)
    if exclude.scanners is not None and evidence.height:
        evidence = _without_bursts(exclude.scanners, evidence)
    return evidence


def _of_people(exclude: Exclude, evidence: pl.DataFrame) -> pl.DataFrame:
    agents = [agent for agent in evidence["user_agent"].unique() if agent is not None]
    robots = [agent for agent in agents if (exclude.bots and is_robot(agent)) or any(part in agent for part in exclude.user_agents)]
    if not robots:
        return evidence
    return evidence.filter(~pl.col("user_agent").is_in(pl.Series(robots).implode()).fill_null(False))


def _without_bursts(scanners: Scanners, evidence: pl.DataFrame) -> pl.DataFrame:
    if evidence.height <= FEW and not _clicked_often(scanners, evidence):
        return evidence
    clicks = evidence.lazy().filter(pl.col("kind") == CLICKED, pl.col("link").is_not_null())
    # Only who clicked so often at all can have done it in seconds.
    many = (
        clicks.filter(pl.len().over("person_id") >= scanners.links)
        .select("signal", "person_id", "campaign", "occurred_at", "link")
        .collect()
    )
    if many.is_empty():
        return evidence
    machine = _bursts(scanners, many)
    return evidence.filter(~pl.col("signal").is_in(machine.implode())) if len(machine) else evidence


def _clicked_often(scanners: Scanners, evidence: pl.DataFrame) -> bool:
    """Whether anybody clicked on as many links as a burst has: of few seldom, and counting takes no query."""
    sent = zip(*(evidence[name].to_list() for name in ("person_id", "kind", "link")), strict=True)
    clicks = Counter(who for who, kind, link in sent if kind == CLICKED and link is not None)
    return max(clicks.values(), default=0) >= scanners.links


def _bursts(scanners: Scanners, clicks: pl.DataFrame) -> pl.Series:
    """The numbers of the clicks that lie in any window of so many seconds (both ends included) with so many different links of one mail.

    A mail nobody named counts as one of its own. Every such window may be moved until it begins with a click, so only those are looked at.
    """
    mail, span = ["person_id", "campaign"], f"{scanners.seconds * _SECOND}i"
    times = clicks.with_columns(pl.col("occurred_at").to_physical().alias("_t"), pl.col("campaign").fill_null("")).sort(*mail, "_t")
    # Two clicks at one instant are one row of windows: what is in a window does not depend on which of the two it began with.
    windows = times.rolling("_t", period=span, offset="0i", closed="both", group_by=mail).agg(
        (pl.col("link").n_unique() >= scanners.links).alias("_burst")
    )
    begun = windows.filter("_burst").select(*mail, pl.col("_t").alias("_start")).unique()
    if begun.is_empty():
        return pl.Series("signal", [], dtype=pl.Int64)
    latest = times.join_asof(begun.sort("_start"), left_on="_t", right_on="_start", by=mail, check_sortedness=False)
    return latest.filter(pl.col("_t") - pl.col("_start") <= scanners.seconds * _SECOND)["signal"].cast(pl.Int64)
