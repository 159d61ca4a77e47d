"""A wall clock that jumps in one worker."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.clock import Clock
from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import holding, items_end
from tests.chaos.traffic import Traffic

# More than kombu's visibility timeout, more than the sweeper spares an upload without a record.
JUMP_S = 3 * 3600
RESTORE_S = 12


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def askew(clock: Clock, tmp_path: Path) -> Iterator[Cluster]:
    """The second worker lives by the clock that jumps."""
    with Cluster(tmp_path) as cluster:
        cluster.start_redis()
        cluster.start_api()
        cluster.start_worker()
        cluster.start_worker(**clock.env)
        cluster.wait_ready()
        yield cluster


def test_a_clock_that_jumps_in_one_worker_harms_nobody(
    askew: Cluster, clock: Clock, rng: random.Random, report: Report
) -> None:
    with Traffic(askew, rng) as traffic:
        slowest = _jump(askew, traffic, clock, -JUMP_S)
        time.sleep(2)
        slowest = max(slowest, _jump(askew, traffic, clock, JUMP_S))
        # Hours ahead, kombu would take every message that the other worker holds for overdue, did
        # it keep a note of them in Redis.
        time.sleep(RESTORE_S)
    report(askew, traffic, slowest)
    assert [worker.starts for worker in askew.workers] == [1, 1]
    askew.never("worker lost")


def _jump(cluster: Cluster, traffic: Traffic, clock: Clock, to_s: int) -> float:
    """Returns the seconds until what it held had ended."""
    held: set[str] = set()
    while not held:
        before = holding(cluster, traffic, 1)
        clock.jump(to_s)
        held = before & cluster.held(1)
    began = time.monotonic()
    items_end(cluster, held)
    return time.monotonic() - began
