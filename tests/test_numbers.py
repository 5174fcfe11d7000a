"""Numbers are said in one way everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import handfast
from handfast.numbers import number, percent, points, short, signed

PACKAGE = Path(handfast.__file__).parent
#: A share put together by hand: `58 %`, or formatted without the function.
BY_HAND = re.compile(
    r'f\}? %["., ]|format\(100 \* [a-z_.]+\) \}\}%|:[+]\.?\d?[dfg]\}|"%\+|"%g"|:g\}|f\}%|(?:intent|points|millionths)[^{}\n]*:\.\df\}'
)


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
        (number(-999_999_999_999_999_999), "−999999999999999999"),
        (short(12_500.0), "12500"),
        (short(-1.25), "−1.25"),
        (short(0.125), "0.125"),
        (short(3_000_000.5), "3000000.5"),
        (points(21.926_799), "21.92"),
        (points(15.999_999), "15.99"),
        (points(-1.732_100), "−1.74"),
        (points(0.3, sign="+"), "+0.3"),
        (points(-1.732_1, sign="+"), "−1.74"),
        (points(-0.2, 0), "−1"),
        (points(40), "40"),
    ],
)
def test_a_share_has_no_gap_and_a_minus_is_no_hyphen(said: str, text: str) -> None:
    assert said == text


def test_nobody_says_them_by_hand() -> None:
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html")]
    found = [f"{p.name}: {m[0]}" for p in files if p.name != "numbers.py" for m in BY_HAND.finditer(p.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "said", ['f"{points:+d}"', 'f"{value:g}"', "f\"intent {one['intent'] / 1e6:.1f}\"", 'f"({share:.0f}%)"', '"%g"|format(share)']
)
def test_what_is_said_by_hand_is_found(said: str) -> None:
    assert BY_HAND.search(said)
