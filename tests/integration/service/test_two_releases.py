"""Releases side by side during a rolling update: each ignores what only the other one knows."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from shared import redis_keys
from shared.messages import ItemRef, ItemResult, WorkerReport
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
        args = [*self._key(ref), self.incarnation, "succeeded", json.dumps(newer)]
        return Finish(self._finish(args=args))


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
    service.until(lambda: service.redis.llen("batch") == 20)
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
