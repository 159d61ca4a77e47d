"""Faults of every kind, one after another, as the seed draws them."""

import random
from collections.abc import Callable

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import (
    cut_connections,
    kill_api,
    kill_redis,
    kill_workers,
    pause_api,
    pause_redis,
    pause_worker,
    serves,
)
from tests.chaos.intruders import push_malformed
from tests.chaos.traffic import Traffic

DRAWN = 6


def test_a_random_mix_of_faults_loses_nothing(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    traffic, uniform = Traffic(cluster, rng), rng.uniform

    def malformed() -> float:
        push_malformed(cluster, traffic, rng, 4)
        return serves(cluster, 10)

    faults: dict[str, Callable[[], float]] = {
        "kill a worker": lambda: kill_workers(cluster, traffic, rng.randrange(2)),
        "kill both workers": lambda: kill_workers(cluster, traffic, 0, 1),
        "pause a worker": lambda: pause_worker(cluster, traffic, rng.randrange(2), uniform(1, 18)),
        "kill the api": lambda: kill_api(cluster, traffic),
        "pause the api": lambda: pause_api(cluster, traffic, uniform(1, 5)),
        "kill Redis": lambda: kill_redis(cluster, traffic, uniform(0.1, 5)),
        # no worker notices what is shorter than its own patience of two seconds
        "pause Redis": lambda: pause_redis(cluster, traffic, uniform(3, 10)),
        "cut every connection": lambda: cut_connections(cluster, traffic),
        "malformed messages": malformed,
    }
    drawn = rng.sample(sorted(faults), DRAWN)
    print("drawn:", ", ".join(drawn))  # noqa: T201 - a failed seed shows what it did
    with traffic:
        slowest = max(faults[name]() for name in drawn)
    report(cluster, traffic, slowest)
