"""Wilson's interval and the difference of two shares, against published values and against what must always hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handfast.measure.interval import difference, wilson

shares = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


# Newcombe (1998), Statistics in Medicine 17, table I, method 3 (score, without continuity correction).
@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
)
def test_the_published_intervals(hits, n, low, high):
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


# Newcombe (1998), Statistics in Medicine 17, table II, method 10, contrasts (a) 56/70 - 48/80 and (e) 5/56 - 0/29.
@pytest.mark.parametrize(("after", "before", "low", "high"), [((56, 70), (48, 80), 0.0524, 0.3339), ((5, 56), (0, 29), -0.0381, 0.1926)])
def test_the_published_differences(after, before, low, high):
    assert difference(before, after) == pytest.approx((low, high), abs=5e-5)


@settings(deadline=None)
@given(shares)
def test_a_share_lies_in_its_interval_and_the_interval_in_0_to_1(share):
    hits, n = share
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    assert low < high, "no number of rows makes us certain"


@settings(deadline=None)
@given(shares)
def test_ten_times_the_rows_say_it_more_surely(share):
    hits, n = share
    few, many = wilson(hits, n), wilson(hits * 10, n * 10)
    assert many[1] - many[0] < few[1] - few[0]


@settings(deadline=None)
@given(shares, shares)
def test_a_difference_turned_round_is_the_same_difference(one, other):
    low, high = difference(one, other)
    assert difference(other, one) == pytest.approx((-high, -low), abs=1e-12)
    assert low <= other[0] / other[1] - one[0] / one[1] <= high


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (2, 1), (-1, 5)])
def test_nothing_seen_is_not_a_share(hits, n):
    with pytest.raises(ValueError, match="is not a share"):
        wilson(hits, n)
