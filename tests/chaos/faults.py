"""What is done to the processes, each at a moment when it hits work in flight, which is checked.

Every fault returns the seconds until what it hit had ended and the service answered again.
"""

import time
from collections.abc import Callable, Iterable

import httpx

from tests.chaos.cluster import Cluster
from tests.chaos.traffic import Traffic, photo

# A killed worker's items end within a minute, Redis is in use again within ten seconds.
WORKER_WITHIN_S, BROKER_WITHIN_S, API_WITHIN_S = 60, 10, 20
PAUSE_S = 20.0
# A fault waits until each worker that it hits holds so many items.
HELD = 3
TRIES = 100
# What a worker says when Redis goes away under an item that it holds.
HIT = "redis does not answer, trying again"


def holding(cluster: Cluster, traffic: Traffic, *numbers: int) -> set[str]:
    """Make each of these workers, by default all, hold work; returns it."""
    asked = numbers or range(len(cluster.workers))
    for _ in range(TRIES):
        if not cluster.client.zcard("ic:queued:batch"):
            traffic.burst()
        end = time.monotonic() + 1
        while time.monotonic() < end:
            found = [cluster.held(number) for number in asked]
            if all(len(held) >= HELD for held in found):
                return set().union(*found)
            time.sleep(0.01)
    raise AssertionError(f"no work for {HELD} threads of each of workers {list(asked)}")


def items_end(cluster: Cluster, members: Iterable[str], within_s: float = WORKER_WITHIN_S) -> None:
    """Wait until each of these items has ended."""
    left = set(members)

    def all_ended() -> bool:
        for member in list(left):
            if state_of(cluster, member) not in {"queued", "running"}:
                left.discard(member)
        return not left

    cluster.until(all_ended, within_s)


def state_of(cluster: Cluster, member: str) -> str:
    """Of an item that is written as ``job:index``."""
    job_id, _, index = member.rpartition(":")
    return str(cluster.client.hget(f"ic:job:{job_id}:states", index)).partition("|")[0]


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


def strike(
    cluster: Cluster,
    traffic: Traffic,
    numbers: Iterable[int],
    hit: Callable[[], None],
    undo: Callable[[], None],
) -> set[str]:
    """Hit while these workers hold work, again and again until they hold it still; returns it."""
    numbers = list(numbers)
    for _ in range(TRIES):
        holding(cluster, traffic, *numbers)
        hit()
        time.sleep(0.05)  # what had been said before is heard
        if len(held := cluster.held(*numbers)) >= HELD:
            return held
        undo()
    raise AssertionError("no fault found work in flight")


def kill_workers(cluster: Cluster, traffic: Traffic, *numbers: int) -> float:
    """SIGKILL while they hold work."""

    def hit() -> None:
        for number in numbers:
            cluster.workers[number].kill()

    # one that died has to come back before it is struck again: it then holds work again
    held = strike(cluster, traffic, numbers, hit, undo=lambda: None)
    began = time.monotonic()
    items_end(cluster, held)
    return time.monotonic() - began


def pause_worker(
    cluster: Cluster, traffic: Traffic, number: int, pause_s: float = PAUSE_S
) -> float:
    """SIGSTOP while it holds work; another has to end it, and it wakes to find that."""
    worker = cluster.workers[number]
    held = strike(cluster, traffic, [number], worker.pause, worker.resume)
    began = time.monotonic()
    time.sleep(pause_s)
    worker.resume()
    items_end(cluster, held, WORKER_WITHIN_S - pause_s)
    return time.monotonic() - began


def kill_redis(cluster: Cluster, traffic: Traffic, down_s: float) -> float:
    """SIGKILL while workers hold work, started again later."""
    return _without_redis(cluster, traffic, cluster.redis.kill, cluster.start_redis, down_s)


def pause_redis(cluster: Cluster, traffic: Traffic, pause_s: float = PAUSE_S) -> float:
    """SIGSTOP while workers hold work."""
    return _without_redis(cluster, traffic, cluster.redis.pause, cluster.redis.resume, pause_s)


def _without_redis(
    cluster: Cluster,
    traffic: Traffic,
    gone: Callable[[], None],
    back: Callable[[], None],
    for_s: float,
) -> float:
    before = _hits(cluster)
    held = holding(cluster, traffic)
    gone()
    time.sleep(for_s)
    back()
    took = _back(cluster, held)
    assert _hits(cluster) > before, "no item was held while Redis was away"
    return took


def _hits(cluster: Cluster) -> int:
    return sum(worker.log.count(HIT) for worker in cluster.workers)


def cut_connections(cluster: Cluster, traffic: Traffic) -> float:
    """Every connection to Redis is closed at once."""

    for _ in range(TRIES):
        held = holding(cluster, traffic)
        cluster.close_connections()
        if still := cluster.held() & held:
            return _back(cluster, still)
    raise AssertionError("no cut found work in flight")


def _back(cluster: Cluster, held: set[str]) -> float:
    ended = _ended(cluster)
    took = serves(cluster, BROKER_WITHIN_S)
    assert _ended(cluster) > ended
    items_end(cluster, held)
    return took


def _ended(cluster: Cluster) -> int:
    return sum(map(int, cluster.client.hvals("ic:ended")))


def kill_api(cluster: Cluster, traffic: Traffic) -> float:
    """SIGKILL while clients wait for their answers; the supervisor starts it again."""
    cut = traffic.told.cut
    cluster.until(lambda: traffic.open > 1, 20)
    cluster.api.kill()
    cluster.until(lambda: traffic.told.cut > cut, 5)
    return serves(cluster, API_WITHIN_S)


def pause_api(cluster: Cluster, traffic: Traffic, pause_s: float = PAUSE_S) -> float:
    """SIGSTOP while clients wait for their answers."""
    for _ in range(TRIES):
        cluster.until(lambda: traffic.open > 1, 20)
        cluster.api.pause()
        time.sleep(0.05)  # what it had said before is heard
        if traffic.open > 1:
            break
        cluster.api.resume()
    assert traffic.open > 1, "no pause found a request in flight"
    time.sleep(pause_s)
    cluster.api.resume()
    return serves(cluster, BROKER_WITHIN_S)
