"""What counts as a touch, and how a rep follows up until somebody answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from handfast.contract.terms_base import Condition, Duration, Name, Span, Term

Channel = Literal["call", "email", "message", "social", "meeting", "other"]
StopOn = Literal["contact", "meeting", "opt_out"]


class TouchRule(Term):
    """A signal of kind `on` (that meets `when`) is evidence of a touch. The first rule that holds counts; without any, it is no touch.

    `touch`: what was tried, or `opt_out` (they want to hear no more) or `bounce` (it never arrived). `contact`: a two-way exchange;
    auto-replies, bounces and voicemail are never one, whatever the rule says. `meeting`: a meeting was set.
    """

    on: Name
    when: Condition | None = None
    touch: Channel | Literal["opt_out", "bounce"]
    contact: bool = False
    meeting: bool = False


class FollowStep(Term):
    """One attempt of the sequence: by which channel, and how long after the one before. `say`: a hint for the rep."""

    channel: Channel
    wait: Span = Duration(amount=0, unit="minute")
    say: str = ""


class FollowEnd(Term):
    """After the last step: a disposition is asked for, due `within`; where none comes, it is recycled for the reason `recycle`."""

    within: Span
    recycle: Name | None = None


class FollowUp(Term):
    """The sequence of attempts after a handoff got an owner; the first step is the first touch, which has a clock of its own.

    `calendar`: whose hours the waits are counted in, as in an SLA. `within`: how long after a step falls due it may be made.
    `back_after`: how long an absence is taken to last where the reply does not say.
    """

    steps: tuple[FollowStep, ...] = Field(min_length=1, max_length=30)
    calendar: Name = "team"
    within: Span = Duration(amount=1, unit="day")
    stop_on: tuple[StopOn, ...] = ("contact", "meeting", "opt_out")
    back_after: Span = Duration(amount=3, unit="day")
    end: FollowEnd
