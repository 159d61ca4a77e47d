"""A wall clock that jumps in one worker."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.clock import Clock
from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import holding, items_end, kill_workers
from tests.chaos.traffic import Traffic

# More than kombu's visibility timeout, more than the sweeper spares an upload without a record.
JUMP_S = 3 * 3600


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
    slowest = 0.0
    with Traffic(askew, rng) as traffic:
        for to_s in (JUMP_S, -JUMP_S, JUMP_S):
            held = holding(askew, 1)
            clock.jump(to_s)
            began = time.monotonic()
            assert askew.held(1) & held
            items_end(askew, held)
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(3)
        # It starts again with a clock that is hours ahead: kombu takes every message that the other
        # worker holds for overdue, and there are two copies of each.
        slowest = max(slowest, kill_workers(askew, 1))
        askew.until(lambda: _ahead(askew), 30)
        time.sleep(12)
    report(askew, traffic, slowest)


def _ahead(cluster: Cluster) -> bool:
    """Whether that worker's messages are booked at times to come."""
    return cluster.client.zcount("unacked_index", time.time() + JUMP_S / 2, "inf") > 0
