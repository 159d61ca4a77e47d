"""kill -9: workers, the api, Redis."""

import random
import time

import httpx

from tests.chaos.cluster import Cluster
from tests.chaos.conftest import Report
from tests.chaos.faults import API_WITHIN_S, kill_api, kill_redis, kill_workers, serves
from tests.chaos.intruders import SlowUpload
from tests.chaos.traffic import Traffic


def test_killed_workers_lose_nothing(cluster: Cluster, rng: random.Random, report: Report) -> None:
    with Traffic(cluster, rng) as traffic:
        slowest = kill_workers(cluster, traffic, cluster.reconciling())
        slowest = max(slowest, kill_workers(cluster, traffic, 0, 1))
        assert sum(worker.starts for worker in cluster.workers) >= 5
    report(cluster, traffic, slowest)


def test_an_api_killed_in_the_middle_of_an_upload_and_of_sending_loses_nothing(
    cluster: Cluster, rng: random.Random, report: Report
) -> None:
    with Traffic(cluster, rng) as traffic:
        stored = len(cluster.stored())
        upload = SlowUpload(cluster.url, 400)
        # the bytes of half of it are there, its record is not; others wait for their answers
        cluster.until(lambda: len(cluster.stored()) >= stored + 200, 20)
        slowest = kill_api(cluster, traffic)
        upload.end()
        assert upload.cut
        slowest = max(slowest, _kill_while_it_sends(cluster, traffic, rng))
    report(cluster, traffic, slowest)


def _kill_while_it_sends(cluster: Cluster, traffic: Traffic, rng: random.Random) -> float:
    """The 202 is out and most messages are not: the reconciler has to send them."""
    with httpx.Client(base_url=cluster.url, timeout=60, trust_env=False) as client:
        traffic.send(client, "/jobs", traffic.files(rng, 2_000))
    cluster.api.kill()
    began = time.monotonic()
    unsent = cluster.client.zcard("ic:queued:batch") - cluster.client.llen("batch")
    assert unsent > 500, unsent
    serves(cluster, API_WITHIN_S)
    back = time.monotonic() - began
    cluster.until(lambda: "rest of a job sent" in cluster.workers[cluster.reconciling()].log, 60)
    return back


def test_a_killed_redis_loses_nothing(cluster: Cluster, rng: random.Random, report: Report) -> None:
    with Traffic(cluster, rng) as traffic:
        slowest = max(kill_redis(cluster, traffic, down_s) for down_s in (3.0, rng.uniform(0.1, 1)))
    report(cluster, traffic, slowest)
    assert [worker.starts for worker in cluster.workers] == [1, 1]
    assert cluster.api.starts == 1
    cluster.never("worker lost")
