"""Whether anybody hears a signal, and who does: two ways to the same answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handfast.readiness.hearing import heard, listening

ASKED = ("a", "b", "c")


@given(
    st.dictionaries(st.sampled_from(["page", "form", None]), st.lists(st.sampled_from([*ASKED, None]), max_size=4), max_size=3),
    st.lists(st.tuples(st.sampled_from(["page", "form", "call", None]), *[st.sampled_from([True, False, None])] * 3), max_size=12),
)
def test_a_signal_is_heard_where_somebody_listens(hear: dict[str | None, list[str | None]], signals: list[tuple[Any, ...]]) -> None:
    plan: Any = SimpleNamespace(hear={kind: tuple(enumerate(asks)) for kind, asks in hear.items()})
    kinds = [signal[0] for signal in signals]
    answers = {name: [signal[place] for signal in signals] for place, name in enumerate(ASKED, 1)}
    assert heard(plan, kinds, answers) == [bool(said) for said in listening(plan, kinds, answers)]
