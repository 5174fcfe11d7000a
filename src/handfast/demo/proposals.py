"""What Northwind wants to change: a version both sides signed for a share of the accounts, and a draft that decides in the shadow.

Both are the text in force with a few lines changed, the way people change it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from handfast.contract.history import SIDES
from handfast.contract.lists import joined, split
from handfast.demo import company
from handfast.desk import drafts, shadow
from handfast.store.base import Store

#: How long before the end of the history the trial begins, and the shadow; a shorter history has neither.
TRIAL: Final = timedelta(days=10)
SHADOW: Final = timedelta(days=5)

#: A little less interest is enough, for one account in five of the United States, until the figures say otherwise.
_TRIAL: Final = (
    ("    at_least: 35\n", "    at_least: 32\n"),
    (
        "\n# --- worked examples",
        """
# --- for a share only -----------------------------------------------------------------------------------------------------------------
# Both sides signed it for this share. It gives way by itself where it leaves handoffs without an owner, or gives somebody too many.

canary:
  share: 20%
  when: "country = 'US'"
  guardrails: {after: 20, unassigned: 30%, skew: 4}

# --- worked examples""",
    ),
)
#: Two who look at prices together, one of whom signs, are a project, although neither is ready alone.
_SHADOW: Final = (
    (
        "  # The third condition, never skipped",
        """  # A buying group is ready as a whole.
  account: {people: 2, roles: {budget: "seniority IN ('vp', 'c_level')"}, intent: 55, within: 30 days}

  # The third condition, never skipped""",
    ),
    ("AND employees >= 2000", "AND employees >= 500"),
)


def changed(text: str, lines: tuple[tuple[str, str], ...]) -> str:
    """The text with these lines changed, its lists as they are. Raises ValueError where one of them is not there just once."""
    written, packed = split(text)
    for old, new in lines:
        if written.count(old) != 1:
            raise ValueError(f"the contract of the demo says {old.strip()!r} {written.count(old)} times")
        written = written.replace(old, new)
    return joined(written, packed)


def trial_text(text: str) -> str:
    """The version that holds for a share."""
    return changed(text, _TRIAL)


def shadow_text(text: str) -> str:
    """The draft that decides in the shadow."""
    return changed(text, _SHADOW)


def sign(store: Store, text: str, at: datetime, note: str) -> None:
    """A version the way every version comes: a draft that Marketing signs and Sales signs. Raises Refused where it has problems."""
    made = drafts.save(store, text, drafts.Who(*company.AUTHOR), at, note={"file": note})
    for side in SIDES:
        drafts.sign(store, made.number, side, drafts.Who(*company.SIGNERS[side]), at)


def begin_shadow(store: Store, text: str, at: datetime) -> None:
    """Writes the draft, and lets it decide beside the contract in force from now on."""
    made = drafts.save(store, shadow_text(text), drafts.Who(*company.AUTHOR), at)
    shadow.start(store, made.source, f"draft {made.number}", company.AUTHOR[0], at)


def follow_shadow(store: Store, at: datetime) -> None:
    """Lets it catch up."""
    while shadow.follow(store, at, behind=timedelta(0)):
        pass
