"""Releases side by side during a rolling update: each ignores what only the other one knows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from shared import redis_keys
from shared.messages import CHUNK_MAX, ItemRef, ItemResult, WorkerReport
from shared.records.items import Finish, ItemStore, StartedItem
from shared.worker_metrics import field
from tests.support.live_service import LiveService, coloured
from tests.support.played_worker import PlayedWorker, succeed
from worker.healthcheck import verdict


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LiveService]:
    with LiveService(tmp_path, {"SCRIPTED_FAST": "1"}) as live:
        yield live


class NewerStore(ItemStore):
    """Writes results and heartbeats with fields and a state that this release does not know."""

    def finish(self, ref: ItemRef, result: ItemResult) -> Finish:
        newer = json.loads(result.model_dump_json(exclude_none=True))
        newer |= {"embedding": [0.5] * 8, "timing_ms": {**newer["timing_ms"], "upload": 3.5}}
        newer["model"]["family"] = "newer"
        for prediction in newer["predictions"]:
            prediction["synset"] = "n01440764"
        args = [
            ref.job_id,
            self.incarnation,
            ref.index,
            ref.attempt,
            "succeeded",
            json.dumps(newer),
        ]
        return Finish(self._finish(args=args)[0])


class NewerWorker(PlayedWorker):
    """A worker of the next release."""

    def __init__(self, redis_url: str) -> None:
        super().__init__(redis_url, answer=self._answer)
        self.items = NewerStore(self.client, "newer")

    def _answer(self, item: StartedItem) -> ItemResult:
        return succeed(item)

    def report_as(self, status: str) -> None:
        """A heartbeat of another worker of that release."""
        report = {"name": "celery@newer", "status": status, "gpus": 2, "sha256": "0" * 64}
        self.items.beat(self.report, {field("classifier_newer_total", {"kind": "x"}): 5.0})
        self.client.hset(redis_keys.WORKERS, "other", json.dumps(report))
        seconds, _ = self.client.time()
        self.client.zadd(redis_keys.BEATS, {"other": seconds * 1000})


def test_a_newer_workers_results_and_heartbeats_are_read(service: LiveService) -> None:
    service.worker.terminate()
    client = service.api.client
    with NewerWorker(service.api.redis_url) as newer:
        newer.report_as("draining")
        service.until(lambda: len(client.get("/health").json()["workers"]) == 2)
        assert client.get("/health/ready").status_code == 200
        answer = client.post("/predict", content=coloured(7))
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["predictions"]) == 3
        job = client.post("/jobs", files=[("files", coloured(1))] * 5).headers["location"]
        service.until(lambda: client.get(job).json()["finished_at"])
        assert client.get(job).json()["counts"]["succeeded"] == 5
        metrics = client.get("/metrics")
        assert metrics.status_code == 200
        assert "classifier_newer" not in metrics.text


def test_a_newer_workers_heartbeat_fails_no_container_of_this_release(
    service: LiveService,
) -> None:
    with NewerWorker(service.api.redis_url) as newer:
        newer.report_as("draining")
        newer.client.hset(redis_keys.WORKERS, "unreadable", '{"release": 3}')
        reports = newer.client.hgetall(redis_keys.WORKERS)
        beats = dict(newer.client.zrange(redis_keys.BEATS, 0, -1, withscores=True))
        seconds, _ = newer.client.time()
        assert verdict("test", reports, beats, seconds * 1000) is None
        assert service.api.client.post("/predict", content=coloured(7)).status_code == 200


def add_newer_fields(client: Redis, job_id: str) -> None:
    """What an API of the next release might write with a job and its message."""
    client.hset(redis_keys.job(job_id), mapping={"schema": 2, "priority": "high"})
    items = client.lrange(redis_keys.items(job_id), 0, -1)
    for index, item in enumerate(items):
        newer = {**json.loads(item), "crop": "smart"}
        client.lset(redis_keys.items(job_id), index, json.dumps(newer))
    for queue in ("interactive", "batch"):
        messages = client.lrange(queue, 0, -1)
        for at, text in enumerate(messages):
            message = json.loads(text)
            message["headers"]["release"] = 2
            client.lset(queue, at, json.dumps(message))


def test_a_newer_apis_jobs_are_processed(service: LiveService) -> None:
    service.worker.terminate()
    location = service.api.client.post(
        "/jobs", files=[("files", coloured(green)) for green in range(20)]
    ).headers["location"]
    service.until(lambda: _sent(service))
    add_newer_fields(service.redis, location.rpartition("/")[2])
    service.worker = service.new_worker()
    service.until(lambda: service.api.client.get(location).json()["finished_at"])
    job = service.api.client.get(location).json()
    assert job["counts"]["succeeded"] == 20


def test_an_older_workers_heartbeat_is_read(service: LiveService) -> None:
    """The first release reported no more than this."""
    oldest = '{"name": "celery@older", "status": "idle"}'
    assert WorkerReport.model_validate_json(oldest).in_flight == 0
    service.redis.hset(redis_keys.WORKERS, "older", oldest)
    seconds, _ = service.redis.time()
    service.redis.zadd(redis_keys.BEATS, {"older": seconds * 1000})
    service.until(lambda: len(service.api.client.get("/health").json()["workers"]) == 2)
    assert service.api.client.post("/predict", content=coloured(7)).status_code == 200


def workers(service: LiveService) -> list[str]:
    """The names of the workers that the API knows."""
    return [worker["name"] for worker in service.api.client.get("/health").json()["workers"]]


def tasks_of_a_batch(service: LiveService, photos: int) -> list[str]:
    """The task of each message that a batch is sent as, while no worker takes them."""
    service.api.client.post("/jobs", files=[("files", coloured(1))] * photos)
    service.until(lambda: _sent(service))
    return [json.loads(text)["headers"]["task"] for text in service.redis.lrange("batch", 0, -1)]


def _sent(service: LiveService) -> bool:
    return bool(service.redis.llen("batch")) and not service.redis.exists(redis_keys.SENDING)


def test_a_batch_is_sent_in_chunks_once_every_worker_takes_them(service: LiveService) -> None:
    service.worker.terminate()
    nothing: dict[str, Any] = {"queues": ("interactive",)}
    with PlayedWorker(service.api.redis_url, **nothing, chunk=8):
        service.until(lambda: workers(service) == ["played"])
        assert tasks_of_a_batch(service, 20) == ["classify_chunk"] * 3
        service.redis.delete("batch")
        with PlayedWorker(service.api.redis_url, **nothing):  # an older one
            service.until(lambda: workers(service) == ["played"] * 2)
            assert tasks_of_a_batch(service, 20) == ["classify"] * 20


def test_a_newer_workers_longer_chunks_are_not_sent(service: LiveService) -> None:
    service.worker.terminate()
    with PlayedWorker(service.api.redis_url, queues=("interactive",), chunk=1_000):
        service.until(lambda: workers(service) == ["played"])
        assert tasks_of_a_batch(service, 2 * CHUNK_MAX) == ["classify_chunk"] * 2


def test_a_batch_with_refused_files_is_processed_in_chunks(service: LiveService) -> None:
    files = [("files", coloured(green) if green % 3 else b"no photo") for green in range(40)]
    client = service.api.client
    location = client.post("/jobs", files=files).headers["location"]
    service.until(lambda: client.get(location).json()["finished_at"])
    items = client.get(location).json()["items"]
    for green, item in enumerate(items):
        if green % 3:
            assert item["predictions"][0]["class_index"] == green
        else:
            assert item["status"] == "failed"
