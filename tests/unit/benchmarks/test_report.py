import pytest

from benchmarks.harness.batch import Batch
from benchmarks.harness.generator import Loop
from benchmarks.harness.limit import Limit, Setting
from benchmarks.tables import report
from benchmarks.tables.results import Results, Sample

MEMORY = {"api": 80.0, "worker": 300.0}


def loop(per_s: float, p50_ms: float, p95_ms: float = 0, p99_ms: float = 0) -> Loop:
    return Loop(round(per_s * 10), 10, p50_ms, p95_ms, p99_ms, 0, 0.2)


@pytest.fixture
def results() -> Results:
    found = Results()
    setting, api = Setting(2, 1), {"api": 1.0}
    found.limits["auto", "small"] += [Limit(setting, "fp32", 2, 30, 10, 20.0, 2.5)]  # 50 a second
    found.limits["auto", "phone"] += [Limit(setting, "fp32", 2, 30, 50, 20.0, 45.0)]  # 25 a second
    found.samples["ours", ("small", 1)] += [Sample(loop(30, 27.0), api, MEMORY, 0.01)]
    found.samples["ours", ("small", 32)] += [Sample(loop(36, 800, 900, 1000), api, MEMORY, 0.3)]
    found.samples["ours", ("phone", 32)] += [Sample(loop(18, 800, 900, 1600), api, MEMORY, 0.3)]
    return found


def test_the_share_of_the_limit_leaves_out_what_the_generator_takes(results: Results) -> None:
    text = report.main(results)
    # 36 of 45 and 18 of 22.5, as 0.2 of 2 cores are gone
    assert "small, 32 connections: 80% of the limit" in text
    assert "phone, 32 connections: 80% of the limit" in text
    assert "p99 is 1.25 x p50" in text
    assert "p99 is 2.00 x p50" in text


def test_a_lone_request_is_compared_with_what_it_cannot_do_without(results: Results) -> None:
    text = report.main(results)
    assert "small, 1 connection: median 27.0 ms, 4.5 ms above raw preprocessing (2.5 ms)" in text
    assert "phone, 1 connection" not in text, "it was not measured"


def test_the_report_begins_with_the_machine(results: Results) -> None:
    assert report.main(results).startswith("| CPU | cores | bf16 | VNNI | AMX |")


def test_the_report_has_memory_and_other_load(results: Results) -> None:
    text = report.main(results)
    assert "Peak memory: api 80 MB, worker 300 MB." in text
    assert "other programs of this machine 0.30" in text


def test_a_batch_and_what_runs_beside_it(results: Results) -> None:
    text = report.batches(results, Batch(1000, 25, 0.2), loop(5, 60, p95_ms=108))
    assert "40.0 photos/s, 89% of the limit" in text
    assert "p95 108 ms, which is 4.0 x its idle median" in text
