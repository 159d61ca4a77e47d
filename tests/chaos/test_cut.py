"""Connections that break: closed all at once, or cut silently between machines."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.chaos.cluster import Cluster, ask
from tests.chaos.conftest import Report
from tests.chaos.faults import (
    BROKER_WITHIN_S,
    TRIES,
    WORKER_WITHIN_S,
    cut_connections,
    items_end,
    serves,
    strike,
)
from tests.chaos.network import Network, forgetful, still_telling
from tests.chaos.traffic import Traffic, photo
from tests.support.answers import slug

CUT_S = 20.0
# the promise is a second; a busy machine adds to it
REFUSES_WITHIN_S = 3.0
# TCP itself is in no hurry after so long a cut.
BACK_WITHIN_S = 20


def test_closed_connections_are_opened_again(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        took = max(cut_connections(cluster, traffic) for _ in range(5))
    report(cluster, traffic, took)
    assert [worker.starts for worker in cluster.workers] == [1, 1]
    cluster.never("worker lost")


@pytest.fixture
def network() -> Iterator[Network]:
    # a second cable to the api, for clients, is never cut
    with forgetful(), Network("ic-worker", "ic-api") as network:
        yield network


@pytest.fixture
def spread(network: Network, tmp_path: Path) -> Iterator[Cluster]:
    """One worker and the api in namespaces of their own, away from Redis."""
    options = ("--bind", "127.0.0.1", network.host, "--protected-mode", "no")
    with Cluster(tmp_path, redis_options=options) as cluster:
        away = cluster.redis.url.replace("127.0.0.1", network.host)
        cluster.start_redis()
        cluster.url = f"http://{network.direct('ic-api')}:{cluster.port}"
        cluster.start_api(away, "ic-api")
        cluster.start_worker()
        cluster.start_worker(away, "ic-worker")
        cluster.wait_ready()
        yield cluster


def test_silently_dropped_connections_lose_nothing(
    spread: Cluster, network: Network, rng: random.Random, report: Report
) -> None:
    with Traffic(spread, rng) as traffic:
        took = _cut_worker(spread, network, traffic)
        took = max(took, _cut_api(spread, network, traffic))
    report(spread, traffic, took)


def _cut_worker(cluster: Cluster, network: Network, traffic: Traffic) -> float:
    cable = "ic-worker"
    held = strike(cluster, traffic, [1], lambda: network.cut(cable), lambda: network.mend(cable))
    began = time.monotonic()
    _forget_connections(cluster)
    time.sleep(max(0.0, began + CUT_S - time.monotonic()))
    assert network.believes(cable, cluster.redis.port)
    network.mend(cable)
    mended = time.monotonic()
    items_end(cluster, held, WORKER_WITHIN_S - (mended - began))
    took = time.monotonic() - began
    # it works again, by itself
    cluster.until(lambda: cluster.held(1), mended + BACK_WITHIN_S - time.monotonic())
    assert [worker.starts for worker in cluster.workers] == [1, 1]
    return took


def _cut_api(cluster: Cluster, network: Network, traffic: Traffic) -> float:
    cable = "ic-api"
    for _ in range(TRIES):
        cluster.until(lambda: traffic.open > 1, 20)
        network.cut(cable)
        if traffic.open > 1:
            break
        network.mend(cable)
    assert traffic.open > 1, "no cut found a request in flight"
    began = time.monotonic()
    # named, as it may be recorded all the same: the api cannot know; and ready to wait, or it could
    # be refused because others wait
    files, patient = {"file": ("probe-7.png", photo(0, 7))}, {"prefer": "wait=30"}
    refused = httpx.post(f"{cluster.url}/predict", files=files, headers=patient, trust_env=False)
    assert slug(refused) == "broker_unavailable"
    assert time.monotonic() - began < REFUSES_WITHIN_S
    cluster.until(lambda: ask(f"{cluster.url}/health").status_code == 503, 10)
    # later it has dropped them all by itself, as each of its calls takes another connection
    assert network.believes(cable, cluster.redis.port)
    _forget_connections(cluster)
    time.sleep(CUT_S / 2)
    network.mend(cable)
    return serves(cluster, BROKER_WITHIN_S)


def _forget_connections(cluster: Cluster) -> None:
    """Redis's host knows none of them any more; those past the cut stay half open."""
    cluster.close_connections()
    cluster.until(lambda: not still_telling(cluster.redis.port), CUT_S)
