"""What /health says of workers, judged from what they wrote to a real Redis."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from redis import Redis

from shared.messages import ModelCard, WorkerState
from shared.redis_keys import DISCARDED
from tests.integration.api.conftest import wait_for_status
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import MODEL, PlayedWorker
from tests.support.redis_server import RedisServer
from tests.support.served import eventually


@pytest.fixture
def workers(api: ApiProcess) -> Iterator[Any]:
    """Starts workers that report what the test says; all are gone afterwards."""
    with ExitStack() as stack:

        def start(**report: object) -> PlayedWorker:
            return stack.enter_context(PlayedWorker(api.redis_url, **report))

        yield start
    eventually(lambda: not api.client.get("/health").json()["workers"], 15)


def health(client: httpx.Client, count: int) -> tuple[int, dict[str, Any]]:
    """Status and body once that many workers are seen."""
    eventually(lambda: len(client.get("/health").json()["workers"]) == count, 15)
    answer = client.get("/health")
    return answer.status_code, answer.json()


def test_without_workers_it_is_unavailable_but_alive(client: httpx.Client) -> None:
    status, body = health(client, 0)
    assert (status, body["status"]) == (503, "unavailable")
    assert body["broker"]["status"] == "up"
    assert body["broker"]["latency_ms"] > 0
    assert client.get("/health/live").status_code == 200
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (503, {"status": "unavailable"})


def test_without_workers_it_is_ready_for_jobs(client: httpx.Client) -> None:
    health(client, 0)
    ready = client.get("/health/ready?for=jobs")
    assert (ready.status_code, ready.json()) == (200, {"status": "degraded"})
    assert client.post("/jobs", files={"files": jpeg()}).status_code == 202


def test_without_redis_it_is_not_even_ready_for_jobs(
    client: httpx.Client, shared_redis: RedisServer
) -> None:
    shared_redis.pause()
    try:
        eventually(lambda: client.get("/health/ready?for=jobs").status_code == 503, 15)
    finally:
        shared_redis.resume()
    eventually(lambda: client.get("/health/ready?for=jobs").status_code == 200, 15)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["idle"], "ok"),
        (["busy", "idle"], "ok"),
        (["idle", "starting"], "ok"),
        (["starting"], "unavailable"),
        (["stalled"], "unavailable"),
        (["idle", "stalled"], "degraded"),
    ],
)
def test_the_status_follows_from_the_workers(
    client: httpx.Client, workers: Any, states: list[str], expected: str
) -> None:
    for at, state in enumerate(states):
        workers(name=f"worker {at}", status=WorkerState(state))
    status, body = health(client, len(states))
    assert body["status"] == expected
    assert status == (503 if expected == "unavailable" else 200)
    assert [worker["status"] for worker in body["workers"]] == states
    assert client.get("/health/ready").json() == {"status": expected}


def test_workers_with_different_weights_degrade_it(client: httpx.Client, workers: Any) -> None:
    workers()
    workers(sha256="1" * 64)
    _, body = health(client, 2)
    assert body["status"] == "degraded"


def test_it_tells_everything_of_a_worker_and_the_notice_of_its_model(
    client: httpx.Client, workers: Any
) -> None:
    workers(name="one", device="cpu", model="m", precision="bf16", notice="fallback", in_flight=3)
    _, body = health(client, 1)
    [worker] = body["workers"]
    assert worker.pop("heartbeat_age_s") >= 0
    assert worker == {
        "name": "one", "status": "idle", "device": "cpu", "model": "m", "precision": "bf16",
        "sha256": MODEL.sha256, "notice": "fallback", "explains": False,
        "in_flight": 3, "rate_per_s": None,
    }  # fmt: skip
    assert body["notice"] == "fallback"


def test_a_silent_worker_is_stalled_and_in_the_end_forgotten(api: ApiProcess, workers: Any) -> None:
    workers(name="alive")
    now_ms = time.time() * 1000
    with Redis.from_url(api.redis_url, decode_responses=True) as redis:
        report = '{"name": "silent", "status": "idle"}'
        redis.hset("ic:workers", mapping={"a": report, "b": report, "c": "not json"})
        redis.zadd("ic:beats", {"a": now_ms - 15_000, "b": now_ms - 61_000, "c": now_ms})
        redis.zadd("ic:beats", {"without a report": now_ms})
        # of before Redis's clock was set back
        redis.zadd("ic:beats", {"d": now_ms + 3_600_000, "e": now_ms + 25_000})
        redis.hset("ic:workers", mapping={"d": report, "e": report})
        _, body = health(api.client, 3)
        assert body["status"] == "degraded"
        assert [(w["name"], w["status"]) for w in body["workers"]] == [
            ("alive", "idle"),
            ("silent", "stalled"),
            ("silent", "stalled"),
        ]
        redis.zrem("ic:beats", "a", "b", "c", "d", "e", "without a report")
        redis.hdel("ic:workers", "a", "b", "c", "d", "e")


def test_the_model_is_what_the_workers_wrote(api: ApiProcess, workers: Any) -> None:
    card = ModelCard(
        **MODEL.model_dump(),
        runtime="torch",
        input_size=[224, 224, 3],
        transform="resize 232",
        classes=["tench", "goldfish"],
    )
    workers().items.publish_model(card, first=True)
    assert ModelCard.model_validate(api.client.get("/model").json()) == card


def test_metrics_tell_of_requests_queues_and_workers(api: ApiProcess, workers: Any) -> None:
    workers()
    wait_for_status(api.client, 200)
    api.client.get("/jobs/nothing")
    api.client.request("PROPFIND", "/coffee")
    with Redis.from_url(api.redis_url) as redis:
        redis.set(DISCARDED, 3)
        eventually(lambda: "messages_discarded_total 3.0" in api.client.get("/metrics").text, 15)
        redis.delete(DISCARDED)
    text = api.client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/jobs/{job_id}",status="404"}' in text
    assert 'http_requests_total{method="other",route="unmatched",status="404"}' in text
    assert 'classifier_queue_items{queue="interactive"} 0.0' in text
    assert 'classifier_workers{status="idle"} 1.0' in text
    assert "classifier_broker_up 1.0" in text
    assert "nothing" not in text
