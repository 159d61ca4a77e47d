"""The rate at which items are finished."""

from api.admission.cluster_state import EndRate


def rate_of(*samples: tuple[float, int], waiting: int = 1) -> float:
    rate = EndRate()
    for at_s, ended in samples:
        rate.add(at_s, ended, waiting)
    return rate.per_s


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    assert rate_of() == 0
    assert rate_of((0, 5)) == 0
    assert rate_of((0, 0), (1, 50)) == 50
    assert rate_of((0, 0), (100, 1000), (105, 1010), (109, 1090)) == 10
    assert rate_of((0, 0), (5, 50), (20, 50), (25, 50)) == 0


def test_time_in_which_nothing_waited_does_not_count() -> None:
    assert rate_of((0, 0), (1, 50), waiting=0) == 0
    rate = EndRate()
    for at_s, ended, waiting in [(0, 10, 0), (8, 10, 0), (8.5, 30, 20), (9, 50, 10)]:
        rate.add(at_s, ended, waiting)
    assert rate.per_s == 40


def test_a_redis_that_lost_its_data_restarts_the_count() -> None:
    assert rate_of((0, 1000), (1, 1100), (2, 0), (3, 20)) == 20
