"""What is done to the processes, each at a moment when it hits work in flight.

Every fault returns the seconds until what it hit had ended and the service answered again.
"""

import time
from collections.abc import Iterable

import httpx

from tests.chaos.cluster import Cluster
from tests.chaos.traffic import photo

# A killed worker's items end within a minute, Redis is in use again within ten seconds.
WORKER_WITHIN_S, BROKER_WITHIN_S = 60, 10
PAUSE_S = 20.0
# A fault waits until each worker that it hits holds so many items.
HELD = 3
TRIES = 100


def holding(cluster: Cluster, *numbers: int) -> set[str]:
    """Wait until these workers, by default all together, hold work; returns it."""
    found: set[str] = set()

    def enough() -> bool:
        found.clear()
        found.update(cluster.held(*numbers))
        return len(found) >= HELD

    cluster.until(enough, 20)
    return found


def items_end(cluster: Cluster, members: Iterable[str], within_s: float = WORKER_WITHIN_S) -> None:
    """Wait until each of these items has ended."""
    left = set(members)

    def all_ended() -> bool:
        for member in list(left):
            job_id, _, index = member.rpartition(":")
            line = str(cluster.client.hget(f"ic:job:{job_id}:states", index))
            if line.partition("|")[0] not in {"queued", "running"}:
                left.discard(member)
        return not left

    cluster.until(all_ended, within_s)


def serves(cluster: Cluster, within_s: float) -> float:
    """Wait until a photo sent now is answered by a worker; returns the seconds it took."""
    began = time.monotonic()

    def answers() -> bool:
        # not one long wait: a photo whose message was lost is answered only after ten seconds
        files = {"file": ("probe-7.png", photo(0, 7))}
        with httpx.Client(base_url=cluster.url, trust_env=False, timeout=2) as client:
            return client.post("/predict", files=files).status_code == 200

    cluster.until(answers, within_s)
    return time.monotonic() - began


def strike_workers(
    cluster: Cluster, numbers: Iterable[int], strike: str, undo: str = ""
) -> set[str]:
    """Strike these workers at once, again and again until they hold work; returns that work."""
    numbers = list(numbers)
    for _ in range(TRIES):
        cluster.until(lambda: all(len(cluster.held(number)) >= HELD for number in numbers), 20)
        for number in numbers:
            getattr(cluster.workers[number], strike)()
        time.sleep(0.05)  # what they had said before is heard
        if len(held := cluster.held(*numbers)) >= HELD:
            return held
        # a process that died has to come back before it is struck again
        for number in numbers:
            if undo:
                getattr(cluster.workers[number], undo)()
    raise AssertionError("no fault found work in flight")


def kill_workers(cluster: Cluster, *numbers: int) -> float:
    """SIGKILL while they hold work."""
    held = strike_workers(cluster, numbers, "kill")
    began = time.monotonic()
    items_end(cluster, held)
    return time.monotonic() - began


def pause_worker(cluster: Cluster, number: int, pause_s: float = PAUSE_S) -> float:
    """SIGSTOP while it holds work; the others have to end it, and it wakes to find that."""
    held = strike_workers(cluster, [number], "pause", "resume")
    began = time.monotonic()
    time.sleep(pause_s)
    cluster.workers[number].resume()
    items_end(cluster, held)
    return time.monotonic() - began


def kill_redis(cluster: Cluster, down_s: float) -> float:
    """SIGKILL while workers hold work, started again later."""
    held = holding(cluster)
    cluster.redis.kill()
    time.sleep(down_s)
    cluster.start_redis()
    return _back(cluster, held)


def pause_redis(cluster: Cluster, pause_s: float = PAUSE_S) -> float:
    """SIGSTOP while workers hold work."""
    held = holding(cluster)
    cluster.redis.pause()
    time.sleep(pause_s)
    cluster.redis.resume()
    return _back(cluster, held)


def cut_connections(cluster: Cluster) -> float:
    """Every connection to Redis is closed at once."""
    held = holding(cluster)
    cluster.client.client_kill_filter(_type="normal", skipme=True)
    cluster.client.client_kill_filter(_type="pubsub")
    return _back(cluster, held)


def _back(cluster: Cluster, held: set[str]) -> float:
    ended = sum(map(int, cluster.client.hvals("ic:ended")))
    took = serves(cluster, BROKER_WITHIN_S)
    assert sum(map(int, cluster.client.hvals("ic:ended"))) > ended
    items_end(cluster, held)
    return took


def kill_api(cluster: Cluster) -> float:
    """SIGKILL; the supervisor starts it again."""
    cluster.api.kill()
    return serves(cluster, 20)


def pause_api(cluster: Cluster, pause_s: float = PAUSE_S) -> float:
    """SIGSTOP."""
    cluster.api.pause()
    time.sleep(pause_s)
    cluster.api.resume()
    return serves(cluster, BROKER_WITHIN_S)
