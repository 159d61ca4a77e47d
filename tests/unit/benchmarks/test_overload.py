"""Which promises an overload is found to have broken."""

import pytest

from benchmarks.harness.load import Seen
from benchmarks.overload import Overload


def told(goodput_per_s: float, **took_s: list[float]) -> list[str]:
    """What is missed by a run whose answers took so long, by status."""
    ends = {int(status[1:]): [(0.0, took) for took in all_] for status, all_ in took_s.items()}
    return Overload(1.0, 10, 40, goodput_per_s, Seen(ends), {}, {}).missed()


def test_a_run_that_keeps_every_promise_misses_none() -> None:
    assert told(9, s200=[2.0] * 100, s503=[0.05, 0.05, 9.0]) == []
    assert told(9, s200=[1.0]) == [], "no request had to be refused"


@pytest.mark.parametrize(
    ("goodput_per_s", "took_s", "missed"),
    [
        (8.9, {"s200": [1.0]}, "goodput"),
        (9, {"s200": [2.1] * 100}, "accepted"),
        (9, {"s200": [1.0], "s503": [0.06]}, "refusals"),
        (9, {"s200": [1.0], "s500": [0.1]}, "other"),
        (9, {"s503": [0.01]}, "accepted"),
    ],
)
def test_each_broken_promise_is_named(
    goodput_per_s: float, took_s: dict[str, list[float]], missed: str
) -> None:
    [promise] = told(goodput_per_s, **took_s)
    assert missed in promise
