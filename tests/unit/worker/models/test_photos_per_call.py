"""How many photos share a call of the model: by two times, which each processor measures once."""

from pathlib import Path

import pytest

from worker.models.photos_per_call import photos_per_call


class Measure:
    """Counts the measurements, each of which returns the same times: by itself, shared."""

    def __init__(self, alone: float, shared: float) -> None:
        self.times = alone, shared
        self.count = 0

    def __call__(self) -> tuple[float, float]:
        self.count += 1
        return self.times


@pytest.mark.parametrize(
    ("cores", "times", "taken", "measured"),
    [
        (2, (60, 55), 4, 1),
        (2, (60, 59), 1, 1),  # hardly faster
        (2, (120, 230), 1, 1),  # slower
        (2, (120, 100), 1, 1),  # a call of 200 ms
        (1, (60, 55), 1, 1),  # a call of 220 ms
        (1, (12, 10), 4, 1),
        (3, (60, 30), 1, 0),
    ],
)
def test_photos_share_a_call_only_where_that_is_clearly_faster_and_the_call_is_short(
    cores: int, times: tuple[float, float], taken: int, measured: int, tmp_path: Path
) -> None:
    measure = Measure(*times)
    for _ in range(2):
        assert photos_per_call(tmp_path / "calls", cores, measure) == taken
    assert measure.count == measured, "once for both starts"


def test_the_start_says_what_it_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos_per_call(tmp_path / "calls", 2, Measure(61.23, 55.32))
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "in a call" in line)
    assert all(part in line for part in ("on this processor: 4", "61.2", "55.3"))


def test_times_that_cannot_be_used_are_measured_again(tmp_path: Path) -> None:
    assert photos_per_call(tmp_path / "calls", 2, Measure(60, 55)) == 4
    (kept,) = (path for path in tmp_path.rglob("*") if path.is_file())
    kept.write_text("{")
    again, later = Measure(60, 80), Measure(60, 55)
    assert [photos_per_call(tmp_path / "calls", 2, each) for each in (again, later)] == [1, 1]
    assert (again.count, later.count) == (1, 0)
