"""One minute of it, for the second tier: a worker, Redis and the api die in turn."""

import random

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import kill_api, kill_redis, kill_workers
from tests.chaos.traffic import Traffic


def test_killing_each_process_in_turn_loses_nothing(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        slowest = kill_workers(cluster, traffic, rng.randrange(2))
        slowest = max(slowest, kill_redis(cluster, traffic, 2.0))
        slowest = max(slowest, kill_api(cluster, traffic))
    report(cluster, traffic, slowest)
