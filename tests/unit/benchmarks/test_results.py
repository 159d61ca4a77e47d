import pytest

from benchmarks.harness.generator import Loop
from benchmarks.harness.limit import Limit, Setting
from benchmarks.tables.results import Results, Sample

CASE = ("small", 8)


def sample(per_s: float = 10, errors: int = 0, **memory_mb: float) -> Sample:
    loop = Loop(round(per_s * 10), 10, 1.0, 2.0, 3.0, errors, 0.1)
    return Sample(loop, {"api": 1.0}, memory_mb, 0.0)


def limit(engine_core_ms: float, preprocessing_core_ms: float) -> Limit:
    return Limit(Setting(2, 1), "fp32", 2, engine_core_ms, preprocessing_core_ms, 20.0, 2.0)


def test_one_bad_round_does_not_move_the_median() -> None:
    results = Results()
    results.samples["a", CASE] += [sample(100), sample(3), sample(102)]
    assert results.per_s("a", CASE) == 100


def test_errors_of_all_rounds_are_counted() -> None:
    results = Results()
    results.samples["a", CASE] += [sample(errors=1), sample(errors=0), sample(errors=2)]
    assert results.errors("a", CASE) == 3


def test_peak_memory_is_that_of_the_worst_loop_at_any_number_of_connections() -> None:
    results = Results()
    results.samples["a", ("small", 1)] += [sample(api=50, worker=300), sample(api=60, worker=200)]
    results.samples["a", CASE] += [sample(api=70, worker=100)]
    results.samples["b", CASE] += [sample(api=999)]
    assert results.peak_mb("a") == 350
    assert results.peak_mb("a", "api") == 70


def test_servers_and_cases_come_in_the_order_of_the_measurement() -> None:
    results = Results()
    cases = [("small", 1), ("small", 32), ("phone", 1)]
    for name in ("b", "a"):
        for case in cases:
            results.samples[name, case].append(sample())
    assert results.names() == ["b", "a"]
    assert results.cases() == cases
    assert results.photos() == {"small": cases[:2], "phone": cases[2:]}


def test_a_ratio_is_of_medians_and_nothing_answered_is_infinitely_slower() -> None:
    results = Results()
    results.samples["a", CASE] += [sample(100), sample(90), sample(110)]
    results.samples["b", CASE] += [sample(25), sample(20), sample(30)]
    results.samples["c", CASE] += [sample(0)]
    assert results.ratio("a", "b", CASE) == pytest.approx(4)
    assert results.ratio("a", "c", CASE) == float("inf")


def test_the_limit_is_cores_over_the_cost_of_a_photo() -> None:
    one = limit(30, 10)
    assert one.per_s() == pytest.approx(50)
    assert one.engine_per_s == pytest.approx(2000 / 30)
    assert one.per_s(spent_cores=0.2) == pytest.approx(45)


def test_the_limit_is_the_median_of_the_rounds() -> None:
    results = Results()
    results.limits["auto", "small"] += [limit(30, 10), limit(300, 100), limit(31, 9)]
    assert results.limit_per_s("auto", "small") == pytest.approx(50)
    assert results.limit_ms("auto", "small", lambda one: one.engine_core_ms) == 31
