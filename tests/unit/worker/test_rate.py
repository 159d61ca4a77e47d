"""The worker's own measure of its capacity."""

import pytest

from worker.rate import Rate


def test_nothing_is_known_before_something_ended() -> None:
    rate = Rate()
    rate.add(0, 0.0)
    rate.add(0, 5.0)
    assert rate.per_s is None


def test_idle_time_does_not_count() -> None:
    rate = Rate()
    for look in range(1, 20):
        rate.add(look * 20, look * 0.5)
    assert rate.per_s == pytest.approx(40)


def test_moments_too_short_are_added_up() -> None:
    rate = Rate()
    for look in range(1, 101):
        rate.add(look, look * 0.02)
    assert rate.per_s == pytest.approx(50)


def test_a_worker_that_slows_down_is_believed() -> None:
    rate = Rate()
    rate.add(200, 2.0)
    for look in range(1, 8):
        rate.add(200 + 20 * look, 2.0 + 2 * look)
    assert rate.per_s == pytest.approx(10, rel=0.6)
