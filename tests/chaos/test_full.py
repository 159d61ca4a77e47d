"""A Redis without room: what is new is refused, what was accepted still ends."""

import random
import time

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import holding, items_end, serves
from tests.chaos.traffic import Traffic

FULL_S = 10


def test_a_full_redis_refuses_the_new_and_ends_the_old(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        for _ in range(2):
            held = holding(cluster)
            before = traffic.told.refused
            cluster.client.config_set("maxmemory", 1)
            items_end(cluster, held)
            time.sleep(FULL_S)
            assert traffic.told.refused > before
            cluster.client.config_set("maxmemory", 0)
            took = serves(cluster, 60)
    report(cluster, traffic, took)
