"""Numbers are said in one way everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import handfast
from handfast.numbers import number, percent, signed

PACKAGE = Path(handfast.__file__).parent
#: A share put together by hand: `58 %`, or formatted without the function.
BY_HAND = re.compile(r'f\}? %["., ]|format\(100 \* [a-z_.]+\) \}\}%|:[+]\.?\d?[df]\}|"%\+')


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (percent(0.578), "58%"),
        (percent(1, 1), "100.0%"),
        (percent(None), "–"),
        (percent(-0.02), "−2%"),
        (signed(5), "+5"),
        (signed(-15), "−15"),
        (signed(-0.04, 1), "0.0"),
        (signed(0), "0"),
        (number(-2.5, 1), "−2.5"),
    ],
)
def test_a_share_has_no_gap_and_a_minus_is_no_hyphen(said: str, text: str) -> None:
    assert said == text


def test_nobody_says_them_by_hand() -> None:
    """Readiness stores its sentences with what was decided, and says points in ASCII; pages say them as they are read."""
    files = [p for p in (*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html")) if "readiness" not in p.parts]
    found = [f"{p.name}: {m[0]}" for p in files for m in BY_HAND.finditer(p.read_text())]
    assert found == []
