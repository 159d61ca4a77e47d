"""The bound on what all requests together hold."""

import pytest

from api.intake.body import MemoryBudget
from shared.errors import QueueFull


def test_what_would_be_too_much_is_refused_and_costs_the_others_nothing() -> None:
    budget = MemoryBudget(100)
    with budget.lease() as first, budget.lease() as second:
        first.set(60)
        second.set(40)
        with pytest.raises(QueueFull):
            second.set(41)
        first.set(10)
        second.set(90)
        assert budget.reserved_bytes == 100
    assert budget.reserved_bytes == 0


def test_a_request_that_breaks_off_gives_back_what_it_held() -> None:
    budget = MemoryBudget(100)

    def break_off() -> None:
        with budget.lease() as held:
            held.set(100)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        break_off()
    assert budget.reserved_bytes == 0
