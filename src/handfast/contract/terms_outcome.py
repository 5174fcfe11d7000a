"""What travels with a handoff, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from handfast.contract.terms_base import Duration, FieldType, Name, Span, Term

#: Where a reason code leads: to marketing's nurture; out, and not to be written to again; to another owner; to somebody who says which
#: of two records stays; to somebody who mends the data.
LeadsTo = Literal["nurture", "suppress", "reroute", "merge", "fix_data"]
REASONS_LEAD_TO: Final[Mapping[str, tuple[LeadsTo, ...]]] = {
    "recycle": ("nurture", "fix_data", "reroute"),
    "disqualify": ("suppress", "reroute", "merge", "fix_data"),
}


class Theme(Term):
    """A pain theme, and what speaks of it: words in paths, titles and answers, pages by how their path begins, forms by name."""

    theme: str
    words: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    talk: str = ""

    @property
    def signs(self) -> tuple[str, ...]:
        """Everything that speaks of it, in the contract's order."""
        return (*self.words, *self.pages, *self.forms)


class Play(Term):
    """What to do and how to open for a next step. `{first_name}`, `{company}`, `{theme}` and `{asked}` are filled in."""

    step: Name
    action: str
    opener: str = ""
    ask: tuple[str, ...] = ()


class Brief(Term):
    themes: tuple[Theme, ...] = ()
    plays: tuple[Play, ...] = ()
    required: tuple[Name, ...] = ()


#: The answer that a reason which leads to a merge takes, required or not: whom we have already, by address or id.
DUPLICATE_OF: Final = "duplicate_of"


class Reason(Term):
    """A reason code. `back`: return date for recycled; `blames`: what the refusal teaches us to look at.

    A code that was ever given is never dropped: `active: false` takes it out of the choice and keeps what it means. `requires` names
    answers the rep must give with it; `after` and `attempts` say what must have been tried before it may be given.
    """

    label: str = ""
    active: bool = True
    back: Span | None = None
    blames: Literal["fit", "intent", "routing", "data", "timing"] | None = None
    note: bool = False
    requires: Mapping[Name, FieldType] = {}
    after: Literal["touch", "contact"] | None = None
    attempts: int = Field(default=0, ge=0, le=50)
    leads_to: LeadsTo | None = None
    needs: Literal["new_intent"] | None = None

    @property
    def asks(self) -> dict[str, FieldType]:
        """What a form asks for with it beside a note. Whom we have already may be named with a reason that leads to a merge."""
        named: dict[str, FieldType] = {DUPLICATE_OF: "text"} if self.leads_to == "merge" else {}
        return {**named, **self.requires}


class Refusal(Term):
    reasons: Mapping[Name, Reason] = Field(min_length=1)


class MeetingSet(Term):
    """`time: required`: the moment of the meeting must be said with it."""

    time: Literal["required", "optional"] = "optional"


class Dispositions(Term):
    """Reason codes for recycle and disqualify; connected and meeting set need none. `undo`: how long one may be taken back."""

    recycle: Refusal
    disqualify: Refusal
    meeting_set: MeetingSet = MeetingSet()
    undo: Span = Duration(amount=15, unit="minute")
