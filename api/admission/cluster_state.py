"""The state of broker, workers and queues, read from Redis in one round trip.

`EndRate` is the rate at which items are finished, from one reading to the next.
"""

import hashlib
from collections import deque
from dataclasses import dataclass, field
from time import perf_counter

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from shared import redis_keys
from shared.messages import CHUNK_MAX, WorkerBeat, WorkerState
from shared.queue.names import QueueName

# Workers write a heartbeat every 2 s.
STALLED_AFTER_S = 10.0
FORGOTTEN_AFTER_S = 60.0
WORKING = (WorkerState.IDLE, WorkerState.BUSY)
RATE_OVER_S = 10.0
# Writes as requests do, from a script: a user may be allowed one and not the other.
_PROBE = "return redis.call('DEL', KEYS[1])"
_PROBE_SHA = hashlib.sha1(_PROBE.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class WorkerSeen:
    """A worker's report; its status is `stalled` if its heartbeat is too old."""

    report: WorkerBeat
    status: WorkerState
    heartbeat_age_s: float


@dataclass(frozen=True)
class ClusterState:
    """Broker, workers and queues at one time; every request reads it.

    Attributes:
        latency_ms: How fast Redis responded; ``None`` if it did not.
        broker_up: Whether Redis responded.
        working: The workers that can classify photos now.
        rate_per_s: Items per second that the working workers together report while busy.
        chunk: How many photos of a batch a message should have, so that every worker can take it.
        turns: Whether all workers let owners take turns.
    """

    latency_ms: float | None = None
    workers: list[WorkerSeen] = field(default_factory=list)
    memory_share: float = 0.0
    queued: dict[QueueName, int] = field(default_factory=lambda: dict.fromkeys(QueueName, 0))
    ended: dict[QueueName, int] = field(default_factory=lambda: dict.fromkeys(QueueName, 0))
    owned: dict[QueueName, dict[str, int]] = field(
        default_factory=lambda: {queue: {} for queue in QueueName}
    )
    discarded: int = 0
    broker_up: bool = field(init=False)
    working: list[WorkerSeen] = field(init=False)
    rate_per_s: float = field(init=False)
    chunk: int = field(init=False)
    turns: bool = field(init=False)

    def __post_init__(self) -> None:
        working = [worker for worker in self.workers if worker.status in WORKING]
        rate_per_s = sum(worker.report.rate_per_s or 0.0 for worker in working)
        object.__setattr__(self, "broker_up", self.latency_ms is not None)
        object.__setattr__(self, "working", working)
        object.__setattr__(self, "rate_per_s", rate_per_s)
        chunk = min((worker.report.chunk for worker in self.workers), default=1)
        object.__setattr__(self, "chunk", max(1, min(chunk, CHUNK_MAX)))
        turns = all(worker.report.turns for worker in self.workers)
        object.__setattr__(self, "turns", turns)

    def depth_before(self, queue: QueueName, owner: str) -> int:
        """How many items wait before the next one of an owner, who takes turns with the others."""
        counts = self.owned[queue]
        own = counts.get(owner, 0)
        return max(own, self.queued[queue] - sum(max(0, n - own) for n in counts.values()))


class EndRate:
    """Items finished per second while other items waited, over the last ten seconds of such time.

    Idle time is not counted: it would make clients of a sudden burst retry far too late.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, at_s: float, ended: int, waiting: int) -> None:
        """Record the counters.

        Args:
            at_s: Time of the sample, in seconds.
            ended: Items finished so far.
            waiting: Items that wait now.
        """
        if not waiting or (self._samples and ended < self._samples[-1][1]):
            self._samples.clear()  # a lower count means that Redis lost its data
        self._samples.append((at_s, ended))
        while at_s - self._samples[0][0] > RATE_OVER_S:
            self._samples.popleft()

    @property
    def per_s(self) -> float:
        """Items per second; 0 if no item was finished or the rate is not known yet."""
        if len(self._samples) < 2:
            return 0.0
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / max(last_s - first_s, 1e-3)


async def look(client: Redis, *, owners: bool = False) -> ClusterState:
    """Read the state in one round trip; ``owners``: also how many items of each owner wait.

    Raises:
        redis.exceptions.RedisError: Redis does not respond, or refuses writes: it is a replica,
            cannot write to its disk, has too few replicas, or its user may run no script.
    """
    try:
        return await _look(client, owners=owners)
    except NoScriptError:  # Redis was started again
        await client.script_load(_PROBE)
        return await _look(client, owners=owners)


async def _look(client: Redis, *, owners: bool) -> ClusterState:
    began = perf_counter()
    async with client.pipeline(transaction=False) as pipe:
        pipe.evalsha(_PROBE_SHA, 1, redis_keys.PROBE)
        pipe.time()
        pipe.zrange(redis_keys.BEATS, 0, -1, withscores=True)
        pipe.hgetall(redis_keys.WORKERS)
        pipe.hgetall(redis_keys.ENDED)
        pipe.info("memory")
        pipe.get(redis_keys.DISCARDED)
        for queue in QueueName:
            pipe.zcard(redis_keys.queued(queue))
        for queue in QueueName if owners else ():
            pipe.hgetall(redis_keys.owned(queue))
        _, now, beats, reports, ended, memory, discarded, *rest = await pipe.execute()
    depths, owned = rest[: len(QueueName)], rest[len(QueueName) :] or [{} for _ in QueueName]
    latency_ms = (perf_counter() - began) * 1000
    now_s = now[0] + now[1] / 1e6
    return ClusterState(
        latency_ms=round(latency_ms, 2),
        memory_share=_share(memory),
        # a time in the future means that Redis's clock was set back: the heartbeat's age is unknown
        workers=_workers({name: abs(now_s - ms / 1000) for name, ms in beats}, reports),
        queued=dict(zip(QueueName, depths, strict=True)),
        owned={
            queue: {owner: int(n) for owner, n in counts.items()}
            for queue, counts in zip(QueueName, owned, strict=True)
        },
        ended={queue: _ended(ended, queue) for queue in QueueName},
        discarded=int(discarded or 0),
    )


def _ended(counts: dict[str, str], queue: QueueName) -> int:
    """Items of a queue that workers have finished, in any state."""
    return sum(int(n) for name, n in counts.items() if name.startswith(f"{queue}|"))


def _share(memory: dict[str, int]) -> float:
    """Used memory as a fraction of ``maxmemory``; 0 if Redis has no limit."""
    limit = memory.get("maxmemory", 0)
    return memory["used_memory"] / limit if limit else 0.0


def _workers(ages_s: dict[str, float], reports: dict[str, str]) -> list[WorkerSeen]:
    seen = []
    for incarnation, age_s in ages_s.items():
        if age_s > FORGOTTEN_AFTER_S or incarnation not in reports:
            continue
        try:
            report = WorkerBeat.model_validate_json(reports[incarnation])
        except ValidationError:
            continue
        status = WorkerState.STALLED if age_s > STALLED_AFTER_S else report.status
        seen.append(WorkerSeen(report, status, round(age_s, 1)))
    return sorted(seen, key=lambda worker: (worker.report.name, worker.heartbeat_age_s))
