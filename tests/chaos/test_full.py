"""A Redis without room: what is new is refused, what was accepted still ends."""

import random
import time

import httpx

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import WORKER_WITHIN_S, holding, items_end, serves, strike
from tests.chaos.traffic import Traffic, photo

FULL_S, WITHIN_S = 6, 20


def test_a_full_redis_refuses_the_new_and_ends_the_old(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        held: set[str] = set()
        while not held:
            cluster.client.config_set("maxmemory", 0)
            before = holding(cluster, traffic)
            cluster.client.config_set("maxmemory", 1)
            held = before & cluster.held()
        refused = traffic.told.refused
        items_end(cluster, held)
        # who does not wait is refused for no other reason
        files, at_once = {"file": ("full-7.png", photo(0, 7))}, {"prefer": "respond-async"}
        with httpx.Client(base_url=cluster.url, trust_env=False) as client:
            cluster.until(
                lambda: client.post("/predict", files=files, headers=at_once).status_code == 503,
                FULL_S,
            )
        time.sleep(FULL_S)
        assert traffic.told.refused > refused
        cluster.client.config_set("maxmemory", 0)
        took = serves(cluster, WITHIN_S)
    report(cluster, traffic, took)
    assert [worker.starts for worker in cluster.workers] == [1, 1]
    cluster.never("worker lost")


def test_a_worker_killed_while_redis_is_full_loses_nothing(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    """Its items are tried again at once: Redis refuses only what is new."""
    victim = cluster.workers[0]

    def fill_and_kill() -> None:
        cluster.client.config_set("maxmemory", 1)
        victim.kill()

    def make_room() -> None:
        cluster.client.config_set("maxmemory", 0)

    with Traffic(cluster, rng) as traffic:
        held = strike(cluster, traffic, [0], fill_and_kill, make_room)
        began = time.monotonic()
        items_end(cluster, held, WORKER_WITHIN_S)
        took = time.monotonic() - began
        assert any("worker lost" in worker.log for worker in cluster.workers)
        make_room()
    report(cluster, traffic, took)
