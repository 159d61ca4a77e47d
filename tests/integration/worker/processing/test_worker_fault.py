"""A fault of the worker itself ends the worker, and none of its photos."""

from contextlib import ExitStack

import pytest

from shared.messages import WorkerReport, WorkerState
from tests.integration.worker.conftest import Bench, ends, photo
from tests.support.scripted_colors import FAILS, POISONS
from tests.support.worker_process import WorkerProcess
from worker.processing.fault_exit import EXIT_FAULT

COUNT = 400
SLOW = {"SCRIPTED_SERVICE_TIME_S": "0.05"}


def beside(bench: Bench, name: str, **env: str) -> WorkerProcess:
    """One more worker, with a log of its own, started again whenever it ends."""
    return WorkerProcess(bench.env(**env), bench.folder / f"{name}.log", restart=True)


def idle_workers(bench: Bench) -> int:
    reports = map(WorkerReport.model_validate_json, bench.client.hvals("ic:workers"))
    return [report.status for report in reports].count(WorkerState.IDLE)


@pytest.mark.parametrize("fault", ["raises", "memory", "nan", "maps"])
def test_every_photo_succeeds_beside_a_worker_whose_model_breaks(bench: Bench, fault: str) -> None:
    maps = fault == "maps"
    # the sound one cannot fail at maps, with a fault that begins after more calls than there are
    sound = {**SLOW, **({"SCRIPTED_FAULT": "maps", "SCRIPTED_SOUND_CALLS": "9999"} if maps else {})}
    with ExitStack() as stack:
        stack.enter_context(bench.worker(SCRIPTED_EXPLAINS="1", **sound))
        # the faulty one is the faster consumer
        broken = beside(bench, "faulty", SCRIPTED_EXPLAINS="1", SCRIPTED_FAULT=fault)
        faulty = stack.enter_context(broken)
        photos = [photo(0, at % 200) for at in range(COUNT)]
        job = bench.wait(bench.submit(photos, explain=maps), 120)
        assert faulty.starts > 1
    assert ends(job) == [str(at % 200) for at in range(COUNT)]
    assert "this worker is faulty, exiting" in faulty.log
    resent = bench.client.hget("ic:resent", "worker_fault")
    assert resent is not None
    assert int(str(resent)) > 0


def test_a_faulty_worker_exits_and_keeps_nothing(bench: Bench) -> None:
    with bench.worker(SCRIPTED_FAULT="raises") as worker:
        job_id = bench.submit([photo(0, 1)] * 400)
        assert worker.process.wait(60) == EXIT_FAULT
        assert bench.client.keys("ic:held:*") == []
        assert bench.client.hgetall("ic:workers") == {}
    job = bench.read(job_id)
    assert set(ends(job)) <= {"1", "queued"}
    with bench.worker():
        assert ends(bench.wait(job_id)) == ["1"] * 400


def test_a_photo_that_breaks_every_model_fails_after_two_tries_alone(bench: Bench) -> None:
    photos = [photo(0, at) for at in range(30)]
    photos[7], photos[9] = photo(POISONS), photo(FAILS)
    with bench.worker(restart=True) as worker:
        job = bench.wait(bench.submit(photos), 120)
        # two exits with the photo in isolation, and one before if it first failed beside others
        bench.until(lambda: worker.starts >= 3)
        assert worker.starts <= 4
    expected = [str(at) for at in range(30)]
    expected[7] = expected[9] = "inference_failed"
    assert ends(job) == expected


def test_a_photo_that_the_model_refuses_ends_no_worker(bench: Bench) -> None:
    with bench.worker() as worker:
        job = bench.wait(bench.submit([photo(FAILS), photo(0, 3)] * 20))
        assert worker.process.poll() is None
    assert ends(job) == ["inference_failed", "3"] * 20
    assert set(bench.attempts(job.job_id)) == {1}
