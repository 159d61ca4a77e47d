"""The end of every scenario: what was accepted has ended, once, as it had to, and left no trace."""

import json
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial

import httpx
from redis import Redis

from shared.messages import ItemResult
from tests.chaos.cluster import Cluster, ask
from tests.chaos.traffic import AT_LEAST, Told, expected
from worker.recovery.redis_index import RecoveryIndex
from worker.recovery.upload_sweeper import Sweeper

DRAIN_WITHIN_S = 100
OPEN = {"queued", "running"}
# Everything else in Redis is a leak.
STAY = ["ic:seq", "ic:started", "ic:ended", "ic:unrun", "ic:resent", "ic:discarded",
        "ic:metrics*", "ic:beats", "ic:workers", "ic:idempotency:*",
        "ic:model", "ic:reconciler", "ic:uploads:id",
        "ic:jobs", "ic:expiring", "ic:job:*", "_kombu.binding*"]  # fmt: skip


@dataclass
class Count:
    """The sum of one scenario."""

    accepted: int = 0
    ended: int = 0
    lost: int = 0
    doubled: int = 0
    swept: int = 0
    wrong: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)


def count(cluster: Cluster, told: Told) -> Count:
    """Wait until nothing is open, then count in Redis, on disk and over HTTP."""
    client = cluster.client
    drain(cluster)
    total = Count()
    states: Counter[str] = Counter()
    jobs = {
        key for key in map(str, client.scan_iter("ic:job:*", count=1000)) if key.count(":") == 2
    }
    for key in jobs:
        _count_job(client, key, total, states)
    missing = [job_id for job_id in told.accepted if f"ic:job:{job_id}" not in jobs]
    total.lost += sum(told.accepted[job_id] for job_id in missing)
    by_workers = sum(map(int, client.hvals("ic:ended")))
    total.doubled += max(0, by_workers - states["succeeded"] - states["failed"])
    total.lost += max(0, states["succeeded"] + states["failed"] - by_workers)
    total.wrong += [f"told {pair}" for pair in told.answered.values() if pair[0] != pair[1]]
    _read_over_http(cluster, told, total)
    _look_for_leaks(cluster, total)
    return total


def drain(cluster: Cluster) -> None:
    """Wait until nothing is open."""
    queues = "interactive", "batch"

    def nothing_open() -> bool:
        waiting = sum(cluster.client.zcard(f"ic:queued:{queue}") for queue in queues)
        waiting += sum(cluster.client.llen(queue) for queue in queues)
        return waiting == 0 and not cluster.held()

    cluster.until(nothing_open, DRAIN_WITHIN_S)


def _count_job(client: Redis, key: str, total: Count, states: Counter[str]) -> None:
    with client.pipeline(transaction=True) as pipe:
        pipe.hgetall(key)
        pipe.lrange(f"{key}:items", 0, -1)
        pipe.hgetall(f"{key}:states")
        pipe.hgetall(f"{key}:results")
        job, items, lines, results = pipe.execute()
    here = Counter(line.partition("|")[0] for line in lines.values())
    total.accepted += len(items)
    total.lost += sum(here[state] for state in OPEN)
    total.ended += sum(here.values()) - sum(here[state] for state in OPEN)
    states.update(here)
    if {s: int(job[s]) for s in here} != dict(here) or int(job["total"]) != len(items):
        total.wrong.append(f"{key}: counts {job}, items {dict(here)}")
    if len(results) != here["succeeded"] + here["failed"]:
        total.wrong.append(f"{key}: {len(results)} results for {dict(here)}")
    for index, text in results.items():
        filename = json.loads(items[int(index)])["filename"]
        if (how := _end(text)) != expected(filename):
            total.wrong.append(f"{key} item {index} {filename}: {how} {lines[index]}")


def _end(text: str) -> str:
    result = ItemResult.model_validate_json(text)
    if result.error:
        return result.error.type.rpartition("/")[2]
    assert result.predictions
    return str(result.predictions[0].class_index)


def _read_over_http(cluster: Cluster, told: Told, total: Count) -> None:
    """A client that polls sees the same."""
    for job_id, size in told.accepted.items():
        if job_id in told.answered:
            continue
        answer = cluster.until(partial(_polled, f"{cluster.url}/jobs/{job_id}?limit=1"), 20)
        body = answer.json()
        if body.get("status") != "completed" or body["counts"]["total"] != size:
            total.wrong.append(f"over HTTP: {body}")


def _polled(url: str) -> httpx.Response | None:
    """An answer; one that says to come back later does not count."""
    answer = ask(url)
    return None if answer.status_code == 503 else answer


def _look_for_leaks(cluster: Cluster, total: Count) -> None:
    # Requests that broke off and workers that died before the delete leave theirs to the sweeper;
    # now, not in two hours.
    total.swept = Sweeper(
        RecoveryIndex(cluster.client, "count"), cluster.store(), spare_s=0
    ).sweep()
    total.leaked += cluster.stored()
    listed = cluster.client.zrange("ic:jobs", 0, -1) + cluster.client.zrange("ic:expiring", 0, -1)
    job_ids = {str(entry).rpartition(":")[2] for entry in listed}
    total.leaked += [job for job in job_ids if not cluster.client.exists(f"ic:job:{job}")]
    keys = map(str, cluster.client.scan_iter(count=1000))
    total.leaked += [key for key in keys if not any(fnmatch(key, allowed) for allowed in STAY)]


def judge(total: Count, told: Told, at_least: int = AT_LEAST) -> None:
    """All that every scenario promises."""
    assert not told.strange
    assert not total.wrong, total.wrong[:10]
    assert (total.lost, total.doubled) == (0, 0)
    assert total.accepted == total.ended >= at_least
    assert sum(told.accepted.values()) <= total.accepted
    assert not total.leaked, total.leaked[:10]
