"""When a client that was refused may come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.retry_after import retry_after_s


@pytest.mark.parametrize(
    ("depth", "per_s", "seconds"),
    [(0, 0, 1), (1, 0, 120), (0, 50, 1), (100, 50, 2), (101, 50, 3), (10**9, 1, 120)],
)
def test_retry_after_is_depth_by_rate_within_bounds(depth: int, per_s: float, seconds: int) -> None:
    assert retry_after_s(depth, per_s) == seconds


@given(st.integers(0, 10**9), st.floats(0, 1e9))
def test_retry_after_is_always_from_one_to_120(depth: int, per_s: float) -> None:
    assert 1 <= retry_after_s(depth, per_s) <= 120
