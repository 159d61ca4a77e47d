"""What /health says, seen on real processes; the workers' times run five times as fast."""

import time
from collections.abc import Callable

from tests.integration.worker.conftest import Bench, ends, photo
from tests.support.api_process import ApiProcess
from tests.support.scripted_colors import HANGS
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess

# Longer than a worker without progress takes to be called stalled, here two seconds.
LONG_S = 4


def words(api: ApiProcess) -> tuple[str, list[str]]:
    """Of the service, and of its workers."""
    body = api.client.get("/health").json()
    return body["status"], sorted(worker["status"] for worker in body["workers"])


def watch(api: ApiProcess, for_s: float, done: Callable[[], bool]) -> set[tuple[str, ...]]:
    """Everything that it says meanwhile."""
    seen = set()
    end = time.monotonic() + for_s
    while time.monotonic() < end and not done():
        status, workers = words(api)
        seen.add((status, *workers))
        time.sleep(0.1)
    return seen


def until_it_says(api: ApiProcess, status: str, *workers: str) -> None:
    eventually(lambda: words(api) == (status, list(workers)), 15, lambda: str(words(api)))


def test_a_worker_whose_model_hangs_is_stalled(api: ApiProcess, bench: Bench) -> None:
    with bench.worker():
        until_it_says(api, "ok", "idle")
        bench.submit([photo(HANGS)])
        until_it_says(api, "unavailable", "stalled")
        assert api.client.get("/health/ready").status_code == 503
        with bench.worker():
            until_it_says(api, "degraded", "idle", "stalled")
            assert api.client.get("/health/ready").status_code == 200


def test_a_worker_whose_consumer_hangs_is_stalled_and_ends_itself(
    api: ApiProcess, bench: Bench
) -> None:
    deaf = bench.folder / "deaf"
    with bench.worker(restart=True, SCRIPTED_DEAF_ONCE=str(deaf)) as worker:
        bench.wait(bench.submit([photo(0, 1)]))
        deaf.touch()
        jobs = [bench.submit([photo(0, green)]) for green in (2, 3, 4)]
        until_it_says(api, "unavailable", "stalled")
        deaf.unlink()
        until_it_says(api, "ok", "idle")
        assert worker.starts == 2
        assert [ends(bench.wait(job)) for job in jobs] == [["2"], ["3"], ["4"]]


def test_a_slow_worker_with_a_batch_is_busy(api: ApiProcess, bench: Bench) -> None:
    with bench.worker(SCRIPTED_SERVICE_TIME_S="1", MAX_BATCH_SIZE="1"):
        until_it_says(api, "ok", "idle")
        job = bench.submit([photo(0, 1)] * 6)  # of which the last waits for five seconds
        until_it_says(api, "ok", "busy")
        seen = watch(api, 10, lambda: bench.ended(job))
        until_it_says(api, "ok", "idle")
    assert seen <= {("ok", "busy"), ("ok", "idle")}


def test_a_worker_that_loads_its_model_is_starting(api: ApiProcess, bench: Bench) -> None:
    job = bench.submit([photo(0, 1)] * 3)
    loaded = bench.folder / "loaded"
    env = bench.env(SCRIPTED_LOAD_UNTIL=str(loaded))
    with WorkerProcess(env, bench.folder / "loads.log") as loading:
        until_it_says(api, "unavailable", "starting")
        assert watch(api, LONG_S, lambda: False) == {("unavailable", "starting")}
        with bench.worker():
            until_it_says(api, "ok", "idle", "starting")
            assert ends(bench.wait(job)) == ["1"] * 3
        loaded.touch()
        bench.until(lambda: "model ready" in loading.log)
        assert ends(bench.wait(bench.submit([photo(0, 2)]))) == ["2"]


def test_workers_with_different_weights_degrade_it(api: ApiProcess, bench: Bench) -> None:
    with bench.worker():
        until_it_says(api, "ok", "idle")
        with bench.worker(SCRIPTED_SHA256="1" * 64):
            until_it_says(api, "degraded", "idle", "idle")
        until_it_says(api, "ok", "idle")
