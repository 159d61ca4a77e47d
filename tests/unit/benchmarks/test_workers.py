import pytest

from benchmarks.workers import Found, Seen, listed, throughput


@pytest.mark.parametrize(
    ("cores", "text"), [({0}, "0"), ({0, 1}, "0-1"), ({5, 0, 2, 1}, "0-2,5"), ({1, 3}, "1,3")]
)
def test_cores_are_listed_as_the_kernel_does(cores: set[int], text: str) -> None:
    assert listed(cores) == text


def test_a_row_adds_up_the_workers_of_a_round_and_takes_the_median_of_the_rounds() -> None:
    found: Found = {
        (True, 2): [
            [Seen(10, 90, "0"), Seen(12, 110, "0")],
            [Seen(90, 1, "0"), Seen(90, 3, "0")],
            [Seen(11, 100, "0"), Seen(13, 120, "0")],
        ],
        (False, 1): [[Seen(20, 50, "0-1")]],
    }
    assert throughput(found).splitlines()[2:] == [
        "| pinned | 2 | 24.0 | 100.0 | 0 and 0 |",
        "| not pinned | 1 | 20.0 | 50.0 | 0-1 |",
    ]
