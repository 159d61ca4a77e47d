"""A Redis without room: what is new is refused, what was accepted still ends."""

import random
import time

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import holding, items_end, serves
from tests.chaos.traffic import Traffic

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
        time.sleep(FULL_S)
        assert traffic.told.refused > refused
        cluster.client.config_set("maxmemory", 0)
        took = serves(cluster, WITHIN_S)
    report(cluster, traffic, took)
    assert [worker.starts for worker in cluster.workers] == [1, 1]
    cluster.never("worker lost")
