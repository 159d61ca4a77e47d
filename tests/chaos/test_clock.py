"""A wall clock that jumps in one worker."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.clock import Clock
from tests.chaos.cluster import Cluster, ask
from tests.chaos.conftest import Report
from tests.chaos.faults import holding, items_end
from tests.chaos.traffic import Traffic

# More than kombu's visibility timeout.
JUMP_S = 3 * 3600
# Longer than it takes to give a worker up.
WATCH_S = 20
# Two heartbeats.
HEARD_S = 5


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def askew(clock: Clock, tmp_path: Path) -> Iterator[Cluster]:
    """The first worker, which reconciles, lives by the clock that jumps."""
    with Cluster(tmp_path) as cluster:
        cluster.start_redis()
        cluster.start_api()
        cluster.start_worker(**clock.env)
        assert cluster.reconciling() == 0
        cluster.start_worker()
        cluster.wait_ready()
        yield cluster


def test_a_clock_that_jumps_in_one_worker_loses_nothing(
    askew: Cluster, clock: Clock, rng: random.Random, report: Report
) -> None:
    with Traffic(askew, rng) as traffic:
        slowest = _jump(askew, traffic, clock, -JUMP_S)
        _is_known(askew)
        slowest = max(slowest, _jump(askew, traffic, clock, JUMP_S))
        # Hours ahead, it must not take the other worker for dead, nor its messages for overdue.
        time.sleep(WATCH_S)
        assert askew.reconciling() == 0
        _is_known(askew)
    report(askew, traffic, slowest)
    assert [worker.starts for worker in askew.workers] == [1, 1]
    askew.never("worker lost")


def _is_known(cluster: Cluster) -> None:
    """Heartbeats later, both workers are heard of as ever."""
    time.sleep(HEARD_S)
    health = ask(f"{cluster.url}/health").json()
    assert health["status"] == "ok"
    assert all(worker["heartbeat_age_s"] < HEARD_S for worker in health["workers"])


def _jump(cluster: Cluster, traffic: Traffic, clock: Clock, to_s: int) -> float:
    """Returns the seconds until what it held had ended."""
    held: set[str] = set()
    while not held:
        before = holding(cluster, traffic, 0)
        clock.jump(to_s)
        held = before & cluster.held(0)
    began = time.monotonic()
    items_end(cluster, held)
    return time.monotonic() - began
