"""Who acts: every act of a person at the desk says by whom, and nobody acts under the name that Handfast itself goes by."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Final, ParamSpec, TypeVar

from handfast.desk.refused import Refused
from handfast.problem import Place, Problem

#: What Handfast does by itself is recorded under this name.
OURSELVES: Final = "handfast"
P = ParamSpec("P")
R = TypeVar("R")


def reserved(name: str) -> bool:
    """Whether this is the name Handfast itself goes by, however it is written."""
    return name.strip().casefold() == OURSELVES


def acts(who: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """An act of a person, who is named by the argument `who`: an id of a rep, an address, a name, or an account, which has an address.

    The act is refused, before anything is read or written, where that is nobody or Handfast itself.
    """

    def asked(act: Callable[P, R]) -> Callable[P, R]:
        place = list(signature(act).parameters).index(who)

        @wraps(act)
        def checked(*args: P.args, **more: P.kwargs) -> R:
            named = more[who] if who in more else args[place] if place < len(args) else None
            if named is not None:
                somebody(str(getattr(named, "email", named)))
            return act(*args, **more)

        checked.acts = who  # type: ignore[attr-defined]
        return checked

    return asked


def somebody(name: str) -> str:
    """The name of a person who acts. Raises Refused where it is nobody's, or Handfast's own."""
    if reserved(name):
        what = f"'{OURSELVES}' is the name under which Handfast records what it does by itself"
        raise Refused(Problem(Place("who", part=name.strip()), what, "Act under a name, an address or a rep's id of your own."))
    if not name.strip():
        raise Refused(Problem(Place("who"), "it is not said who does this", "Give a name, an address or a rep's id."))
    return name


__all__ = ["OURSELVES", "acts", "reserved", "somebody"]
