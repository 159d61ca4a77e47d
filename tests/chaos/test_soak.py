"""Ten thousand photos later nothing has grown: not Redis, not the disk, not a process."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.chaos.cluster import Cluster
from tests.chaos.traffic import Traffic

ITEMS = 10_000
TTL_S = 3
JOB_OF = 30
# What buffers and fragments of one look may differ from another's.
REDIS_SLACK_MB, PROCESS_SLACK_MB = 1.0, 20.0


@dataclass(frozen=True)
class Sizes:
    """What may not grow; memory in MB."""

    keys: int
    redis: float
    files: int
    processes: list[float]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path, {"JOB_TTL_S": str(TTL_S)}) as cluster:
        yield cluster.start()


def test_memory_and_disk_are_unchanged_after_ten_thousand_photos(
    cluster: Cluster, rng: random.Random, tell: Callable[[str], None]
) -> None:
    _send(cluster, rng, 2_000)  # what grows once, on first use
    before = _sizes(cluster)
    accepted, most, ended = _send(cluster, rng, ITEMS)
    after = _sizes(cluster)
    tell(
        f"accepted {accepted}, ended {ended}, lost {max(0, accepted - ended)}, "
        f"doubled {max(0, ended - most)}, no fault to recover from; before {before}, "
        f"after {after}"
    )
    assert accepted <= ended <= most
    assert after.keys <= before.keys
    assert after.files == before.files == 0
    assert after.redis < before.redis + REDIS_SLACK_MB
    for old, new in zip(before.processes, after.processes, strict=True):
        assert new < old + PROCESS_SLACK_MB


def _send(cluster: Cluster, rng: random.Random, items: int) -> tuple[int, int, int]:
    """Returns how many photos were accepted, at least and at most, and how many results counted.

    A photo whose client got a 503 because Redis was slow may have been recorded.
    """
    before = _ended(cluster)
    with Traffic(cluster, rng, job_of=JOB_OF, at_least=items) as traffic:
        pass
    told = traffic.told
    assert not told.strange
    assert told.cut == 0
    cluster.until(lambda: not cluster.held() and not cluster.client.zcard("ic:queued:batch"), 100)
    accepted = sum(told.accepted.values())
    return accepted, accepted + told.refused * JOB_OF, _ended(cluster) - before


def _ended(cluster: Cluster) -> int:
    return sum(map(int, cluster.client.hvals("ic:ended")))


def _sizes(cluster: Cluster) -> Sizes:
    cluster.until(lambda: not list(cluster.client.scan_iter("ic:job:*", count=1000)), TTL_S + 10)
    time.sleep(2)  # for memory that Redis gives back a little later
    return Sizes(
        keys=cluster.client.dbsize(),
        redis=cluster.client.info("memory")["used_memory"] / 1e6,
        files=len(cluster.stored()),
        processes=[
            psutil.Process(process.process.pid).memory_info().rss / 1e6
            for process in cluster.processes()
        ],
    )
