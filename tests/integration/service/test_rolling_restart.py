"""SIGTERM under load, one process after another: no client notices."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event

import httpx

from tests.integration.worker.conftest import Bench, ends, photo
from tests.support.api_process import ApiProcess

CLIENTS, PHOTOS = 4, 160
SLOW = {"SCRIPTED_SERVICE_TIME_S": "0.05", "MAX_BATCH_SIZE": "1"}


def ask(url: str, stop: Event) -> list[httpx.Response]:
    """One waiting client after another until told to stop."""
    answers = []
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        while not stop.is_set():
            answers.append(client.post("/predict", content=photo(0, 7)))
    return answers


def test_a_rolling_restart_of_the_workers_under_load_drops_nothing(
    api: ApiProcess, bench: Bench
) -> None:
    stop = Event()
    old, asking = [], []
    with ThreadPoolExecutor(CLIENTS) as clients:
        try:
            old += [bench.worker(**SLOW), bench.worker(**SLOW)]
            batch = bench.submit([photo(0, green % 256) for green in range(PHOTOS)])
            bench.until(lambda: api.client.get("/health/ready").status_code == 200)
            asking += [clients.submit(ask, api.url, stop) for _ in range(CLIENTS)]
            for at, worker in enumerate(old):
                bench.until(lambda: len(bench.client.keys("ic:held:*")) == 2)
                assert worker.terminate() == 0
                old[at] = bench.worker(**SLOW)
            job = bench.wait(batch)
        finally:
            stop.set()
            answers = [answer for done in as_completed(asking) for answer in done.result()]
            for worker in old:
                worker.__exit__(None, None, None)
    assert {answer.json().get("type", "answered") for answer in answers} == {"answered"}
    assert {answer.json()["predictions"][0]["class_index"] for answer in answers} == {7}
    assert ends(job) == [str(green % 256) for green in range(PHOTOS)]
    # Not brought back by the reconciler: it was never lost.
    assert set(bench.attempts(batch)) == {1}
