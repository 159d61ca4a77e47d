"""SIGSTOP for twenty seconds: longer than the reconciler takes to give a worker up."""

import random

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import pause_api, pause_redis, pause_worker
from tests.chaos.traffic import Traffic


def test_a_stopped_worker_is_replaced_and_does_no_harm_when_it_continues(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        # The one that reconciles: the other has to do it in its place, and it wakes in the belief
        # that it still holds the lock.
        number = cluster.reconciling()
        took = pause_worker(cluster, traffic, number)
        cluster.until(lambda: "result ignored" in cluster.workers[number].log, 10)
    report(cluster, traffic, took)
    assert [worker.starts for worker in cluster.workers] == [1, 1]


def test_a_stopped_api_continues_where_it_was(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        took = pause_api(cluster, traffic)
    report(cluster, traffic, took)
    assert cluster.api.starts == 1
    assert traffic.told.cut == 0


def test_a_stopped_redis_is_used_again(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        took = pause_redis(cluster, traffic)
    report(cluster, traffic, took)
    assert [worker.starts for worker in cluster.workers] == [1, 1]
    cluster.never("worker lost")
