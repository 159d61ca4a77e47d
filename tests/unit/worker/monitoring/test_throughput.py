"""The worker's own measure of its capacity."""

import time
from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.monitoring.throughput import Rate, first_guess


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


def test_short_intervals_are_added_up() -> None:
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


def test_a_first_guess_stands_until_something_has_ended() -> None:
    rate = Rate(30.0)
    rate.add(0, 0.0)
    assert rate.per_s == 30
    rate.add(120, 2.0)
    assert rate.per_s == 40


class Slow:
    """Takes 50 ms a call."""

    name, device, precision, concurrency = "slow", "cpu", "fp32", 1

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert batch.shape == (4, 8, 8, 3)
        time.sleep(0.05)
        return np.ones((4, 1), np.float32)

    def warm_up(self, sizes: Iterable[int]) -> None:
        pass


def test_the_first_guess_is_what_one_full_call_does() -> None:
    assert 8 <= first_guess(Slow(), 4, 8) <= 80
