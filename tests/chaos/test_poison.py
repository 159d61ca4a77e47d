"""What comes in from outside to kill a worker: photos, and messages that are none."""

import random
import time

import httpx

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import serves
from tests.chaos.intruders import push_malformed
from tests.chaos.traffic import Traffic, named

POISONS = 3


def test_only_photos_that_kill_the_worker_fail(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        files = traffic.files(rng, 200)
        for at in rng.sample(range(len(files)), POISONS):
            files[at] = named(10**9 + at, 0, kills=True)
        began = time.monotonic()
        with httpx.Client(base_url=cluster.url, timeout=60, trust_env=False) as client:
            traffic.send(client, "/jobs", files)
        cluster.until(lambda: _lost(cluster) == POISONS, 200)
        took = time.monotonic() - began
        # each kills once among others and twice in isolation; two may die in one crowd
        assert sum(worker.starts - 1 for worker in cluster.workers) > 2 * POISONS
        serves(cluster, 60)
    report(cluster, traffic, took)


def _lost(cluster: Cluster) -> int:
    """How many photos ended as worker_lost; the final count says which."""
    return sum(
        "worker_lost" in result
        for key in cluster.client.scan_iter("ic:job:*:results", count=1000)
        for result in cluster.client.hvals(key)
    )


def test_malformed_messages_in_both_queues_stop_no_worker(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        push_malformed(cluster, traffic, rng, 25)
        took = serves(cluster, 10)
    report(cluster, traffic, took)
    assert [worker.starts for worker in cluster.workers] == [1, 1]
    assert "malformed message discarded" in cluster.workers[0].log
