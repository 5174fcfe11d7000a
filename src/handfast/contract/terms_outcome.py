"""What travels with a handoff, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from handfast.contract.terms_base import Name, Span, Term


class Theme(Term):
    """A pain theme, and the words in paths, titles and answers that speak of it."""

    theme: str
    words: tuple[str, ...] = Field(min_length=1)
    talk: str = ""


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


class Reason(Term):
    """A reason code. `back`: return date for recycled; `blames`: what the refusal teaches us to look at."""

    label: str = ""
    back: Span | None = None
    blames: Literal["fit", "intent", "routing", "data", "timing"] | None = None
    note: bool = False


class Refusal(Term):
    reasons: Mapping[Name, Reason] = Field(min_length=1)


class Dispositions(Term):
    """Reason codes for recycle and disqualify; connected and meeting set need none."""

    recycle: Refusal
    disqualify: Refusal
