"""Nobody acts under the name that Handfast itself goes by, whatever the act and whoever asks for it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest

from handfast import desk
from handfast.desk.acting import acts, somebody
from handfast.desk.drafts import Who
from handfast.desk.refused import Refused
from handfast.store.base import Store

#: Acts of a rep name themselves by `rep_id`, what is done to contracts by `who`; everything else by `by`.
OF_REPS = {"accept", "dispose", "take", "touch", "undo_touch"}


def public_acts() -> list[tuple[str, Callable[..., Any], str]]:
    """(name, function, argument that says who) of every function of the desk that takes the store and says by whom."""
    found: list[tuple[str, Callable[..., Any], str]] = []
    for module in pkgutil.iter_modules(desk.__path__):
        home = importlib.import_module(f"handfast.desk.{module.name}")
        for name, function in inspect.getmembers(home, inspect.isfunction):
            asked = inspect.signature(function).parameters
            if function.__module__ != home.__name__ or name.startswith("_") or next(iter(asked), "") != "store":
                continue
            who = "by" if "by" in asked and asked["by"].annotation == "str" else "rep_id" if "rep_id" in asked and name in OF_REPS else ""
            if asked.get("who") is not None and asked["who"].annotation == "Who":
                who = "who"
            if who:
                found.append((f"{module.name}.{name}", function, who))
    return found


ACTS = public_acts()


def test_every_act_of_a_person_is_among_them() -> None:
    assert len(ACTS) > 25
    assert {name.split(".")[1] for name, *_ in ACTS} >= OF_REPS | {"sign", "withdraw_version"}


@pytest.mark.parametrize(("name", "act", "who"), ACTS, ids=[name for name, *_ in ACTS])
def test_no_act_is_recorded_under_our_own_name(name: str, act: Callable[..., Any], who: str) -> None:
    """Refused before anything is read: there is no store here."""
    asked = inspect.signature(act).parameters
    given: dict[str, Any] = {p: None for p, said in asked.items() if said.default is inspect.Parameter.empty}
    for wrong in ("handfast", " Handfast "):
        with pytest.raises(Refused, match="is the name under which Handfast records"):
            act(**{**given, who: called(who, wrong)})
    with pytest.raises(Refused, match="not said who does this"):
        act(**{**given, who: called(who, "  ")})


def called(who: str, name: str) -> str | Who:
    """A name as the act takes it: contracts are signed by accounts."""
    return Who(name, name, "revops") if who == "who" else name


def test_who_acts_is_found_by_place_and_by_name() -> None:
    @acts("by")
    def act(_store: Store | None, by: str = "operator") -> str:
        return by

    assert (act(None), act(None, "mia"), act(None, by="mia")) == ("operator", "mia", "mia")
    with pytest.raises(Refused):
        act(None, "HANDFAST")
    assert somebody("handfast-bot") == "handfast-bot", "only the very name is ours"
