"""A worker's totals reach the fleet's sums once, whatever becomes of a heartbeat."""

import threading
from collections.abc import Iterator

import pytest
from redis import Redis

from shared.messages import WorkerReport, WorkerState
from shared.records.items import ItemStore
from shared.redis_client import connect
from shared.worker_metrics import field
from tests.support.redis_server import RedisServer
from tests.support.served import eventually
from worker.monitoring.heartbeat import Heartbeat
from worker.monitoring.in_flight import InFlightItems
from worker.monitoring.metrics import WorkerMetrics

REPORT = WorkerReport(name="w", status=WorkerState.IDLE)
DECODED = field("classifier_decode_seconds_count", {})


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Redis]:
    with connect(redis_server.url, 2) as made:
        yield made


def total(client: Redis, name: str) -> float:
    value = client.hget("ic:metrics", name)
    assert value is not None, "a series that begins at its first event hides it"
    return float(str(value))


def test_a_heartbeat_that_comes_twice_counts_once(client: Redis) -> None:
    store, metrics = ItemStore(client, "one"), WorkerMetrics()
    store.beat(REPORT, metrics.totals())
    assert total(client, DECODED) == 0
    metrics.decoded(0.01)
    for _ in range(3):
        store.beat(REPORT, metrics.totals())
    assert total(client, DECODED) == 1
    metrics.decoded(0.01)
    store.beat(REPORT, metrics.totals())
    assert total(client, DECODED) == 2


def test_workers_add_up_and_a_new_one_takes_nothing_away(client: Redis) -> None:
    for incarnation in ("first", "second", "third"):
        metrics = WorkerMetrics()
        metrics.decoded(0.5)
        store = ItemStore(client, incarnation)
        store.beat(REPORT, metrics.totals())
        store.retire()
    assert total(client, DECODED) == 3
    assert client.keys("ic:metrics:seen:*") == []


def test_a_worker_that_was_taken_for_dead_is_not_counted_again(client: Redis) -> None:
    store, metrics = ItemStore(client, "one"), WorkerMetrics()
    metrics.decoded(0.5)
    store.beat(REPORT, metrics.totals())
    client.zrem("ic:beats", "one")
    client.hdel("ic:workers", "one")
    store.beat(REPORT, metrics.totals())
    assert total(client, DECODED) == 1
    assert 0 < client.ttl("ic:metrics:seen:one") <= 86_400


def test_what_ended_after_the_last_heartbeat_is_counted_at_the_end(client: Redis) -> None:
    metrics = WorkerMetrics()
    heartbeat = Heartbeat(
        ItemStore(client, "one"), InFlightItems(), "w", 1, threading.Event(), metrics.totals
    )
    heartbeat.start()
    eventually(lambda: bool(client.exists("ic:workers")), 15)
    metrics.decoded(0.5)
    heartbeat.stop()
    assert total(client, DECODED) == 1
