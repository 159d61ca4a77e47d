"""Redis dies or freezes under a real api: 503 within a second, and recovery by itself."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.api.conftest import wait_for_status
from tests.support.answers import slug, waiting_job
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker
from tests.support.redis_server import RedisServer
from tests.support.served import eventually
from tests.support.stopwatch import Stopwatch

PHOTO = jpeg()
WITHIN_S = 1.0
Break = Callable[[RedisServer], None]

REQUESTS: dict[str, Callable[[httpx.Client], httpx.Response]] = {
    "predict": lambda client: client.post("/predict", content=PHOTO),
    "jobs": lambda client: client.post("/jobs", files={"files": PHOTO}),
    "job": lambda client: client.get(f"/jobs/{'0' * 32}"),
    "results": lambda client: client.get(f"/jobs/{'0' * 32}/results"),
    "events": lambda client: client.get(f"/jobs/{'0' * 32}/events"),
    "cancel": lambda client: client.delete(f"/jobs/{'0' * 32}"),
    "model": lambda client: client.get("/model"),
}


@pytest.fixture
def redis_server(shared_redis: RedisServer, running_api: ApiProcess) -> Iterator[RedisServer]:
    """The file's Redis, which the test may break and must mend; the api has recovered after it."""
    yield shared_redis
    wait_for_status(running_api.client, 200)


def refuses_within_a_second(api: ApiProcess) -> None:
    for name, ask in REQUESTS.items():
        watch = Stopwatch(api.process.pid)
        answer = ask(api.client)
        took = watch.seconds
        assert (answer.status_code, slug(answer)) == (503, "broker_unavailable"), name
        assert took < WITHIN_S, f"{name} took {took:.2f} s"
    watch = Stopwatch(api.process.pid)
    api.client.get("/health")
    assert watch.seconds < WITHIN_S


def kill(server: RedisServer) -> None:
    server.kill()


def pause(server: RedisServer) -> None:
    server.pause()


def mend(server: RedisServer, broken: Break) -> None:
    if broken is pause:
        server.resume()
    else:
        server.start()


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("broken", [kill, pause])
def test_every_request_is_refused_within_a_second_and_all_recover(
    api: ApiProcess, redis_server: RedisServer, broken: Break
) -> None:
    assert api.client.post("/predict", content=PHOTO).status_code == 200
    broken(redis_server)
    refuses_within_a_second(api)  # before the api has noticed
    eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "down", 15)
    refuses_within_a_second(api)  # and after
    assert api.client.get("/health").json()["status"] == "unavailable"
    assert api.client.get("/health/live").status_code == 200
    mend(redis_server, broken)
    wait_for_status(api.client, 200)
    assert api.client.post("/predict", content=PHOTO).status_code == 200
    where = api.client.post("/jobs", files={"files": PHOTO}).headers["location"]
    eventually(lambda: api.client.get(where).json()["status"] == "completed", 15)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("broken", [kill, pause])
def test_many_at_once_are_refused_within_a_second_too(
    api: ApiProcess, redis_server: RedisServer, broken: Break
) -> None:
    times: list[float] = []

    def ask() -> None:
        watch = Stopwatch(api.process.pid)
        answer = api.client.post("/predict", content=PHOTO)
        times.append(watch.seconds)
        assert answer.status_code == 503

    broken(redis_server)
    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == len(threads)
    assert max(times) < WITHIN_S
    mend(redis_server, broken)


@pytest.mark.parametrize("broken", [kill, pause])
def test_a_waiting_request_outlives_an_outage(
    api: ApiProcess, worker: PlayedWorker, redis_server: RedisServer, broken: Break
) -> None:
    worker.listen_to("no such queue")
    answers: list[httpx.Response] = []
    ask = threading.Thread(
        target=lambda: answers.append(
            httpx.post(
                f"{api.url}/predict", content=PHOTO, timeout=40, trust_env=False, verify=False
            )
        )
    )
    ask.start()
    waiting_job(worker.client)
    broken(redis_server)
    eventually(lambda: api.client.get("/health").json()["broker"]["status"] == "down", 15)
    mend(redis_server, broken)
    worker.listen_to("interactive")
    ask.join(20)
    assert answers[0].status_code == 200


def test_a_result_published_while_nobody_listened_is_found(
    api: ApiProcess, worker: PlayedWorker
) -> None:
    worker.listen_to("no such queue")
    answers: list[httpx.Response] = []
    ask = threading.Thread(
        target=lambda: answers.append(
            httpx.post(
                f"{api.url}/predict", content=PHOTO, timeout=40, trust_env=False, verify=False
            )
        )
    )
    ask.start()
    waiting_job(worker.client)
    for _ in range(3):
        worker.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        worker.listen_to("interactive")
    ask.join(20)
    assert answers[0].status_code == 200


def test_a_wait_that_runs_out_during_an_outage_says_where_the_job_is(
    api: ApiProcess, worker: PlayedWorker, redis_server: RedisServer
) -> None:
    worker.listen_to("no such queue")
    answers: list[httpx.Response] = []
    headers = {"prefer": "wait=2"}
    ask = threading.Thread(
        target=lambda: answers.append(
            httpx.post(
                f"{api.url}/predict", content=PHOTO, headers=headers, trust_env=False, verify=False
            )
        )
    )
    ask.start()
    job_id = waiting_job(worker.client)
    redis_server.pause()
    ask.join(10)
    redis_server.resume()
    assert answers[0].status_code == 202
    assert answers[0].headers["location"] == f"jobs/{job_id}"
    wait_for_status(api.client, 200)
    assert api.client.get(f"/jobs/{job_id}").json()["counts"]["queued"] == 1


def test_it_starts_without_redis_and_finds_it_later(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    with ApiProcess(server.url, tmp_path) as api:
        refuses_within_a_second(api)
        server.start()
        try:
            with PlayedWorker(server.url):
                wait_for_status(api.client, 200)
                assert api.client.post("/predict", content=PHOTO).status_code == 200
        finally:
            server.kill()
