"""A worker that cannot serve says so and ends."""

import pytest

from tests.integration.worker.conftest import Bench
from tests.support.worker_process import WorkerProcess


@pytest.mark.parametrize(
    "env",
    [
        {"MODEL_WEIGHTS": "/does/not/exist.pth", "MODEL_RECIPE": "IMAGENET1K_V1"},
        {"WORKER_THREADS": "none"},
        {"REDIS_URL": "http://wrong"},
    ],
    ids=["weights", "number", "scheme"],
)
def test_a_worker_that_cannot_serve_says_so_in_one_line(bench: Bench, env: dict[str, str]) -> None:
    log = bench.folder / "worker.log"
    with WorkerProcess({**bench.env(), **env}, log, app="worker.main") as worker:
        assert worker.process.wait(150) == 3
        lines = [line for line in worker.log.splitlines() if line.startswith("worker: ")]
        assert len(lines) == 1
        assert "Traceback" not in worker.log


def test_a_worker_whose_model_breaks_while_loading_ends_instead_of_serving(bench: Bench) -> None:
    broken = bench.folder / "broken.pth"
    broken.write_bytes(b"no weights")
    env = {**bench.env(), "MODEL_WEIGHTS": str(broken), "MODEL_RECIPE": "IMAGENET1K_V1"}
    with WorkerProcess(env, bench.folder / "worker.log", app="worker.main") as worker:
        assert worker.process.wait(150) == 3
        assert "ready." not in worker.log


def test_any_error_while_loading_ends_the_worker(bench: Bench) -> None:
    env = bench.env(SCRIPTED_LOAD_ERROR="1")
    with WorkerProcess(env, bench.folder / "worker.log") as worker:
        assert worker.process.wait(150) == 3
        assert "ready." not in worker.log
        assert "out of luck" in worker.log
