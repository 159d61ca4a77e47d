"""What the reconciler and the sweeper read: the index of unfinished items, and the queues."""

import json
from dataclasses import dataclass
from typing import Any

import redis
from pydantic import ValidationError

from shared import redis_keys
from shared.messages import ItemRef, WorkerBeat
from shared.queue.names import QueueName

LOCK_MS = 6_000
# Queues are read in pieces: a reply of 20,000 messages at once would hold Redis up.
PIECE = 1_000


@dataclass(frozen=True)
class Observation:
    """What one look saw; times in ms by Redis's clock."""

    at_ms: int
    last_seq: int
    started: dict[QueueName, int]
    waiting: dict[QueueName, int]
    beats: dict[str, int]


class RecoveryIndex:
    """Reads the index for one worker incarnation.

    Raises:
        redis.exceptions.RedisError: From every method, when Redis does not answer.
    """

    def __init__(self, client: redis.Redis, incarnation: str) -> None:
        self._client = client
        self._incarnation = incarnation
        self._lock = client.register_script(
            "local holder, left = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])\n"
            # with more left than is ever given, it is of before Redis's clock was set back
            "local held = holder and holder ~= ARGV[1] and left <= tonumber(ARGV[2])\n"
            "if held then return 0 end\n"
            # first a write that frees, so that a full Redis lets the script through
            "redis.call('DEL', KEYS[1])\n"
            "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
            "return 1"
        )
        # in one step: between two, the worker that was taken for dead could begin an item
        self._forget = client.register_script(
            "if redis.call('SCARD', KEYS[1]) == 0 then\n"
            "redis.call('ZREM', KEYS[2], ARGV[1])\n"
            "redis.call('HDEL', KEYS[3], ARGV[1]) end"
        )
        self._unlock = client.register_script(
            "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
        )

    def lock(self) -> bool:
        """Take or keep the lock; false while another worker holds it."""
        return bool(self._lock(keys=[redis_keys.RECONCILER], args=[self._incarnation, LOCK_MS]))

    def unlock(self) -> None:
        """Let go of the lock, if this worker holds it."""
        self._unlock(keys=[redis_keys.RECONCILER], args=[self._incarnation])

    def observe(self) -> Observation:
        """One look at clock, index, queues and heartbeats, in one round trip."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.time()
            pipe.get(redis_keys.SEQ)
            pipe.hgetall(redis_keys.STARTED)
            pipe.llen(QueueName.INTERACTIVE.value)
            pipe.llen(QueueName.BATCH.value)
            pipe.zrange(redis_keys.BEATS, 0, -1, withscores=True)
            (seconds, micros), seq, started, interactive, batch, beats = pipe.execute()
        return Observation(
            at_ms=seconds * 1000 + micros // 1000,
            last_seq=int(seq or 0),
            started={queue: int(started.get(queue.value, 0)) for queue in QueueName},
            waiting={QueueName.INTERACTIVE: interactive, QueueName.BATCH: batch},
            beats={incarnation: int(beat) for incarnation, beat in beats},
        )

    def held_by(self, incarnation: str) -> list[ItemRef]:
        """The items that this incarnation had started and not ended."""
        members = self._client.smembers(redis_keys.held(incarnation))
        return self._with_attempts(sorted(map(str, members)))

    def queued_up_to(self, queue: QueueName, seq: int) -> list[ItemRef]:
        """Unstarted items in the order of their sequence numbers, up to and with ``seq``."""
        members = self._client.zrangebyscore(redis_keys.queued(queue), "-inf", seq)
        return self._with_attempts([str(member) for member in members])

    def messages_in(self, queue: QueueName) -> set[ItemRef]:
        """Every delivery that waits in a Celery queue; what is no message of ours is skipped."""
        found: set[ItemRef] = set()
        length = self._client.llen(queue.value)
        # Counted from the head, where messages arrive: what moves while we read is seen twice, and
        # never missed.
        for start in range(0, length, PIECE):
            piece = self._client.lrange(queue.value, start, start + PIECE - 1)
            found.update(ref for raw in piece if (ref := _ref_of(raw)) is not None)
        return found

    def unstarted_by(self, incarnations: list[str]) -> set[ItemRef]:
        """What these workers' heartbeats say: messages taken whose items they have not begun.

        They wait there for a photo that has the process for itself, or for Redis to answer.
        """
        found: set[ItemRef] = set()
        for text in self._client.hmget(redis_keys.WORKERS, incarnations) if incarnations else []:
            try:
                ids = WorkerBeat.model_validate_json(text or "{}").unstarted
            except ValidationError:
                continue
            found.update(ref for text in ids if (ref := _ref_named(text)) is not None)
        return found

    def live_attempt(self, job_id: str, index: int) -> int | None:
        """The attempt under which an item is queued or running; ``None`` when it has ended."""
        line = self._client.hget(redis_keys.states(job_id), str(index))
        state, attempt = str(line).split("|")[:2] if line else ("", "")
        return int(attempt) if state in {"queued", "running"} else None

    def forget_worker(self, incarnation: str) -> None:
        """Strike a dead worker off the list once nothing is held by it any more."""
        keys = [redis_keys.held(incarnation), redis_keys.BEATS, redis_keys.WORKERS]
        self._forget(keys=keys, args=[incarnation])

    def _with_attempts(self, members: list[str]) -> list[ItemRef]:
        pairs = [member.rpartition(":")[::2] for member in members]
        with self._client.pipeline(transaction=False) as pipe:
            for job_id, index in pairs:
                pipe.hget(redis_keys.states(job_id), index)
            lines = pipe.execute()
        return [
            ItemRef(job_id, int(index), int(line.split("|")[1]) if line else 0)
            for (job_id, index), line in zip(pairs, lines, strict=True)
        ]


def _ref_of(raw: str | bytes) -> ItemRef | None:
    try:
        return _ref_named(json.loads(raw)["headers"]["id"])
    except (ValueError, TypeError, KeyError):
        return None


def _ref_named(message_id: Any) -> ItemRef | None:
    try:
        job_id, index, attempt = message_id.split(".")
        return ItemRef(job_id, int(index), int(attempt))
    except (ValueError, AttributeError):
        return None
