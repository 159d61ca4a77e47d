import pytest

from benchmarks.memory import Step, drift, report


def steps(*worker_mb: float) -> list[Step]:
    memory = [{"api": 80.0, "worker": mb, "Redis": 8.0} for mb in worker_mb]
    return [(100 * number, used) for number, used in enumerate(memory, start=1)]


def test_memory_is_flat_from_the_first_tenth_on() -> None:
    assert drift(steps(100, 300, 303, *[300] * 17), "worker") == pytest.approx(0.01)


def test_a_leak_is_drift() -> None:
    assert drift(steps(*range(300, 400, 5)), "worker") == pytest.approx(395 / 305 - 1)


def test_a_fall_is_drift_too() -> None:
    assert drift(steps(*[300] * 10, *[200] * 10), "worker") == pytest.approx(1 / 3)


def test_the_report_ends_with_the_largest_change() -> None:
    text = report(steps(*[300] * 19, 330))
    assert "| 100 | 80.0 | 300.0 | 8.0 |" in text
    assert text.endswith("Largest change after the first 10%: api 0.0%, worker 10.0%, Redis 0.0%.")
