"""SIGSTOP for twenty seconds: longer than the reconciler takes to give a worker up."""

import random

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import PAUSE_S, pause_api, pause_redis, pause_worker
from tests.chaos.traffic import Traffic


def test_a_stopped_worker_is_replaced_and_wakes_harmlessly(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        sleeper = cluster.workers[1 - cluster.reconciling()]
        took = pause_worker(cluster, cluster.workers.index(sleeper))
        cluster.until(lambda: "result ignored" in sleeper.log, 10)
        # Now the one that reconciles, until the other does it in its place; it wakes and believes
        # that it still holds the lock.
        took = max(took, pause_worker(cluster, cluster.reconciling(), PAUSE_S + 5))
    report(cluster, traffic, took)


def test_a_stopped_api_goes_on_where_it_was(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        cluster.until(lambda: traffic.open > 1, 10)
        took = pause_api(cluster)
    report(cluster, traffic, took)


def test_a_stopped_redis_is_used_again(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        took = pause_redis(cluster)
    report(cluster, traffic, took)
