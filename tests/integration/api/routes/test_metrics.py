"""What Prometheus is told of the whole service: real api, real workers, real Redis."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from shared.messages import WorkerState
from shared.redis_client import connect
from shared.redis_keys import DISCARDED
from shared.worker_metrics import BY_WORKERS, Family
from tests.integration.worker.conftest import photo
from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.played_worker import PlayedWorker
from tests.support.redis_server import RedisServer
from tests.support.scripted_colors import FAILS, KILLS
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess

ROOT = Path(__file__).resolve().parents[4]
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(api: ApiProcess) -> Figures:
    answer = api.client.get("/metrics")
    assert answer.status_code == 200
    families = list(text_string_to_metric_families(answer.text))
    samples = [sample for family in families for sample in family.samples]
    figures = {(s.name, frozenset(s.labels.items())): s.value for s in samples}
    assert len(figures) == len(samples), "a series must not be told twice"
    return figures


def figure(api: ApiProcess, name: str, **labels: str) -> float:
    return scrape(api).get((name, frozenset(labels.items())), 0.0)


@pytest.fixture
def api(redis_server: RedisServer, tmp_path: Path) -> Iterator[ApiProcess]:
    with ApiProcess(redis_server.url, tmp_path, MAX_QUEUED_ITEMS="60") as process:
        yield process


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Redis]:
    with connect(redis_server.url, 2) as made:
        yield made


def start_worker(api: ApiProcess, client: Redis, *, restart: bool = False) -> WorkerProcess:
    env = {"REDIS_URL": api.redis_url, "UPLOADS_URL": f"file://{api.uploads}", "SCRIPTED_FAST": "1"}
    worker = WorkerProcess(env, api.log.with_name("worker.log"), restart=restart)
    worker.wait_ready(client)
    return worker


def submit(api: ApiProcess, *photos: bytes) -> str:
    files = [("files", (f"{at}.png", data)) for at, data in enumerate(photos)]
    return str(api.client.post("/jobs", files=files).headers["location"])


def finish(api: ApiProcess, where: str) -> None:
    eventually(lambda: api.client.get(where).json()["finished_at"] is not None, 60)


def test_counters_begin_at_zero_for_every_label(api: ApiProcess, client: Redis) -> None:
    """Or an alert on their rate would miss the first photo that fails."""
    figures = scrape(api)
    reasons = ("succeeded", "cancelled", "worker_lost", "item_timeout", "upload_lost",
               "inference_failed", "invalid_image", "unsupported_media_type")  # fmt: skip
    for queue in ("interactive", "batch"):
        for end in reasons:
            labels = frozenset({("queue", queue), ("end", end)})
            assert figures["classifier_items_ended_total", labels] == 0
    for reason in ("worker_lost", "message_lost", "worker_fault", "worker_stopped"):
        assert figures["classifier_items_resent_total", frozenset({("reason", reason)})] == 0
    with start_worker(api, client):
        figures = scrape(api)
        for reason in ("model", "memory", "uploads"):
            assert figures["classifier_worker_faults_total", frozenset({("reason", reason)})] == 0
        assert figures["classifier_upload_delete_failures_total", frozenset()] == 0


def test_a_photo_is_seen_in_every_step(api: ApiProcess, client: Redis) -> None:
    with start_worker(api, client):
        eventually(lambda: api.client.get("/health").status_code == 200, 15)
        assert api.client.post("/predict", content=photo(0)).status_code == 200
        finish(api, submit(api, photo(0), photo(FAILS), b"no photo", photo(0)[:60]))
        decoded = "classifier_decode_seconds_count"
        eventually(lambda: figure(api, decoded) == 3, 15)
        assert figure(api, "classifier_item_wait_seconds_count", queue="interactive") == 1
        assert figure(api, "classifier_item_wait_seconds_count", queue="batch") == 3
        assert 0 < figure(api, "classifier_decode_seconds_sum") < 10
        # a call that fails is not counted, nor is a photo that cannot be decoded
        assert figure(api, "classifier_batch_size_photos_sum") == 2
        ends = "classifier_items_ended_total"
        assert figure(api, ends, queue="interactive", end="succeeded") == 1
        assert figure(api, ends, queue="batch", end="succeeded") == 1
        assert figure(api, ends, queue="batch", end="inference_failed") == 1
        assert figure(api, ends, queue="batch", end="invalid_image") == 1
        assert figure(api, ends, queue="batch", end="unsupported_media_type") == 1
        # the heartbeat that told the rest may have been of the moment before
        eventually(lambda: figure(api, "classifier_workers", status="idle") == 1, 15)
        assert figure(api, "http_request_duration_seconds_count", route="/predict") == 1
        asked = {"route": "/predict", "method": "POST", "status": "200"}
        assert figure(api, "http_requests_total", **asked) == 1
        calls = figure(api, "classifier_batch_size_photos_count")
        assert figure(api, "classifier_inference_seconds_count") == calls >= 2
        assert 0 < figure(api, "classifier_inference_seconds_sum") < 10
        for family in BY_WORKERS:
            if family.kind == "histogram":
                check_buckets(scrape(api), family)


def check_buckets(figures: Figures, family: Family) -> None:
    """Every bucket is there, none holds less than a smaller one, and the last holds all."""
    counts = {
        labels: value for (name, labels), value in figures.items() if name == f"{family.name}_count"
    }
    assert counts
    for labels, count in counts.items():
        buckets = {
            float(dict(told)["le"]): value
            for (name, told), value in figures.items()
            if name == f"{family.name}_bucket" and labels <= told
        }
        assert sorted(buckets) == [*family.buckets, float("inf")]
        told = [buckets[bound] for bound in sorted(buckets)]
        assert told == sorted(told)
        assert told[-1] == count


def test_workers_are_counted_by_state_with_what_they_hold(api: ApiProcess) -> None:
    stalled = {"status": WorkerState.STALLED, "in_flight": 3}
    with PlayedWorker(api.redis_url, **stalled), PlayedWorker(api.redis_url, in_flight=1):
        expected = {"starting": 0, "idle": 1, "busy": 0, "stalled": 1}
        eventually(lambda: by_status(scrape(api)) == expected, 10)
        eventually(lambda: figure(api, "classifier_in_flight_items") == 4, 15)


def by_status(figures: Figures) -> dict[str, float]:
    return {
        dict(labels)["status"]: value
        for (name, labels), value in figures.items()
        if name == "classifier_workers"
    }


def test_totals_never_fall_when_workers_or_the_api_restart(
    api: ApiProcess, client: Redis, tmp_path: Path
) -> None:
    count = "classifier_decode_seconds_count"
    for rounds in (1, 2):
        with start_worker(api, client) as worker:
            finish(api, submit(api, *[photo(0)] * 10))
            assert worker.terminate() == 0
        assert figure(api, count) == 10 * rounds, "a worker that is told to stop tells all"
    second = tmp_path / "second"
    second.mkdir()
    with ApiProcess(api.redis_url, second) as other:
        shared = [family.name for family in BY_WORKERS] + ["classifier_items_ended"]
        told = [
            {key: value for key, value in scrape(one).items() if key[0].startswith(tuple(shared))}
            for one in (api, other)
        ]
        assert told[0] == told[1], "each api tells the whole"
        assert len(told[0]) > 50


def test_what_is_sent_again_is_counted_by_its_reason(api: ApiProcess, client: Redis) -> None:
    with start_worker(api, client, restart=True) as worker:
        finish(api, submit(api, photo(KILLS)))
        assert worker.starts > 1
        again = "classifier_items_resent_total"
        assert figure(api, again, reason="worker_lost") == 2, "with its company, then in isolation"
        assert (again, frozenset({("reason", "message_lost")})) in scrape(api)
        ends = "classifier_items_ended_total"
        assert figure(api, ends, queue="batch", end="worker_lost") == 1


def test_what_waits_grows_old_and_what_is_cancelled_ends(api: ApiProcess, client: Redis) -> None:
    depth, age = "classifier_queue_items", "classifier_queue_oldest_age_seconds"
    assert figure(api, age, queue="batch") == 0
    where = submit(api, *[photo(0)] * 5)
    eventually(lambda: figure(api, depth, queue="batch") == 5, 15)
    eventually(lambda: 1 < figure(api, age, queue="batch") < 10, 15)
    assert figure(api, age, queue="interactive") == 0
    client.hincrby(f"ic:job:{where.removeprefix('jobs/')}", "created_ms", -3_600_000)
    assert 3600 < figure(api, age, queue="batch") < 3610
    api.client.delete(where)
    assert figure(api, age, queue="batch") == 0
    assert figure(api, "classifier_items_ended_total", queue="batch", end="cancelled") == 5


def test_refusals_are_counted_by_their_reason(api: ApiProcess) -> None:
    def refusals(reason: str) -> float:
        return figure(api, "classifier_refusals_total", reason=reason)

    assert ("classifier_refusals_total", frozenset({("reason", "queue_full")})) in scrape(api)
    api.client.post("/predict?top_k=0", content=photo(0))
    api.client.post("/predict", content=photo(0))
    submit(api, *[photo(0)] * 60)
    eventually(lambda: slug(api.client.post("/jobs", files={"files": photo(0)})) == "queue_full", 9)
    api.client.get("/jobs/unknown")
    assert [refusals(r) for r in ("invalid_parameter", "no_workers", "job_not_found")] == [1, 1, 1]
    assert refusals("queue_full") >= 1


def test_without_redis_the_remaining_metrics_are_served(
    api: ApiProcess, client: Redis, redis_server: RedisServer
) -> None:
    """A zero in place of a total would look like a reset, and then like as many new events."""
    client.set(DISCARDED, 7)
    discarded = "classifier_messages_discarded_total"
    eventually(lambda: figure(api, discarded) == 7, 15)
    redis_server.kill()
    eventually(lambda: figure(api, "classifier_broker_up") == 0, 15)
    told = {name for name, _ in scrape(api) if name.startswith("classifier_")}
    assert told == {"classifier_broker_up", "classifier_refusals_total"}
    redis_server.start()


def test_each_metric_is_in_the_documentation(api: ApiProcess, client: Redis) -> None:
    texts = []
    with start_worker(api, client):
        # on a busy machine Redis may answer one scrape too late
        eventually(lambda: texts.append(api.client.get("/metrics").text) or "_age_" in texts[-1], 9)
    text = texts[-1]
    told = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    metrics = (ROOT / "docs" / "monitoring.md").read_text().partition("## Alerts")[0]
    rows = [line.partition(":")[0] for line in metrics.splitlines() if line.startswith("- `")]
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {name for name in told if not name.startswith("process_")} <= documented <= told
