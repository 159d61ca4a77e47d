"""RecoveryIndex: reads the index of unfinished items, and the queues, for the reconciler."""

import json
import math
from dataclasses import dataclass

import redis
from pydantic import ValidationError

from shared import log, redis_keys
from shared.messages import ItemRef, WorkerBeat
from shared.queue.message_template import deliveries
from shared.queue.names import QueueName

_log = log.get(__name__)

LOCK_MS = 6_000
# Queues are read in pieces: a response of 20,000 messages would block Redis.
PIECE = 1_000


@dataclass(frozen=True)
class UnfinishedItem:
    """The state of an item, with the data for its next message."""

    ref: ItemRef
    queue: QueueName
    alone: bool


@dataclass(frozen=True)
class Observation:
    """The state of queues and workers at one time; times in ms by Redis's clock.

    Attributes:
        at_ms: Time of the observation.
        last_seq: Number of the last message that was sent.
        started: Highest number of a started message, by queue.
        waiting: Number of messages, by queue.
        beats: Time of each worker's last heartbeat.
        sending: Time of the last progress of each job that still has messages to send.
    """

    at_ms: int
    last_seq: int
    started: dict[QueueName, int]
    waiting: dict[QueueName, int]
    beats: dict[str, int]
    sending: dict[str, int]


class RecoveryIndex:
    """Reads the index for one worker incarnation.

    Raises:
        redis.exceptions.RedisError: From every method, if Redis does not respond.
    """

    def __init__(self, client: redis.Redis, incarnation: str) -> None:
        self._client = client
        self._incarnation = incarnation
        self._lock = client.register_script(
            "local holder, left = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])\n"
            # a longer time to live than a lock ever gets means that the clock was set back
            "local held = holder and holder ~= ARGV[1] and left <= tonumber(ARGV[2])\n"
            "if held then return 0 end\n"
            # the first write must delete data: a full Redis refuses other scripts
            "redis.call('DEL', KEYS[1])\n"
            "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
            "return 1"
        )
        # in one step: between two steps, the worker that seemed dead could start an item
        self._forget = client.register_script(
            "if redis.call('SCARD', KEYS[1]) == 0 then\n"
            "redis.call('ZREM', KEYS[2], ARGV[1])\n"
            "redis.call('HDEL', KEYS[3], ARGV[1]) end"
        )
        self._unlock = client.register_script(
            "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
        )

    def lock(self) -> bool:
        """Take or keep the lock; ``False`` while another worker holds it."""
        return bool(self._lock(keys=[redis_keys.RECONCILER], args=[self._incarnation, LOCK_MS]))

    def unlock(self) -> None:
        """Release the lock, if this worker holds it."""
        self._unlock(keys=[redis_keys.RECONCILER], args=[self._incarnation])

    def observe(self) -> Observation:
        """Read clock, index, queues and heartbeats in one round trip."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.time()
            pipe.get(redis_keys.SEQ)
            pipe.hgetall(redis_keys.STARTED)
            pipe.llen(QueueName.INTERACTIVE.value)
            pipe.llen(QueueName.BATCH.value)
            pipe.zrange(redis_keys.BEATS, 0, -1, withscores=True)
            pipe.zrange(redis_keys.SENDING, 0, -1, withscores=True)
            (seconds, micros), seq, started, interactive, batch, beats, sending = pipe.execute()
        return Observation(
            at_ms=seconds * 1000 + micros // 1000,
            last_seq=int(seq or 0),
            started={queue: int(started.get(queue.value, 0)) for queue in QueueName},
            waiting={QueueName.INTERACTIVE: interactive, QueueName.BATCH: batch},
            beats={incarnation: int(beat) for incarnation, beat in beats},
            sending={job_id: int(progress) for job_id, progress in sending},
        )

    def held_by(self, incarnation: str) -> list[UnfinishedItem]:
        """The items that this incarnation had started and not finished."""
        members = self._client.smembers(redis_keys.held(incarnation))
        return self._items(sorted(map(str, members)))

    def queued_up_to(self, queue: QueueName, seq: int) -> list[UnfinishedItem]:
        """Queued items in the order of their messages, up to and including number ``seq``.

        Fast if there are none, however many items have higher numbers.
        """
        members = self._client.zrangebyscore(redis_keys.queued(queue), "-inf", seq)
        return self._items([str(member) for member in members])

    def job(self, job_id: str) -> tuple[QueueName, int] | None:
        """A job's queue and its number of items; ``None`` if the job does not exist."""
        queue, total = self._client.hmget(redis_keys.job(job_id), ["queue", "total"])
        return (QueueName(str(queue)), int(str(total))) if queue else None

    def unsent(self, job_id: str, queue: QueueName, indices: range) -> list[int]:
        """Which of these items of a job wait for their first message."""
        with self._client.pipeline(transaction=False) as pipe:
            for index in indices:
                pipe.zscore(redis_keys.queued(queue), f"{job_id}:{index}")
            scores = pipe.execute()
        return [at for at, score in zip(indices, scores, strict=True) if score == math.inf]

    def messages_in(self, queue: QueueName) -> set[ItemRef]:
        """All deliveries that wait in a Celery queue; malformed messages are skipped."""
        refs: set[ItemRef] = set()
        length = self._client.llen(queue.value)
        # Read from the end at which messages arrive: a message that moves meanwhile is read twice,
        # but never missed.
        for start in range(0, length, PIECE):
            piece = self._client.lrange(queue.value, start, start + PIECE - 1)
            for raw in piece:
                refs.update(_deliveries_of(raw))
        return refs

    def unstarted_by(self, incarnations: list[str]) -> set[ItemRef]:
        """Messages that these workers have received, but whose items they have not started.

        The items wait there for a photo in isolation, or for a response of Redis.
        """
        refs: set[ItemRef] = set()
        for text in self._client.hmget(redis_keys.WORKERS, incarnations) if incarnations else []:
            try:
                ids = WorkerBeat.model_validate_json(text or "{}").unstarted
            except ValidationError:
                continue
            refs.update(ref for text in ids for ref in deliveries(text))
        return refs

    def live_attempt(self, job_id: str, index: int) -> int | None:
        """The attempt of a queued or running item; ``None`` if the item is finished."""
        line = self._client.hget(redis_keys.states(job_id), str(index))
        state, _, rest = str(line or "").partition("|")
        attempt = rest.partition("|")[0]
        return int(attempt) if state in {"queued", "running"} and attempt.isdecimal() else None

    def forget_worker(self, incarnation: str) -> None:
        """Remove a dead worker from the list, if it holds no items."""
        keys = [redis_keys.held(incarnation), redis_keys.BEATS, redis_keys.WORKERS]
        self._forget(keys=keys, args=[incarnation])

    def _items(self, members: list[str]) -> list[UnfinishedItem]:
        pairs = [member.rpartition(":")[::2] for member in members]
        with self._client.pipeline(transaction=False) as pipe:
            for job_id, index in pairs:
                pipe.hget(redis_keys.job(job_id), "queue")
                pipe.hget(redis_keys.states(job_id), index)
            replies = pipe.execute()
        rows = zip(pairs, replies[::2], replies[1::2], strict=True)
        found = (_item(*pair, queue, line) for pair, queue, line in rows)
        return [item for item in found if item is not None]


def _item(job_id: str, index: str, queue: str | None, line: str | None) -> UnfinishedItem | None:
    """The item from its state line; without a record, its attempt is one that never exists.

    ``None`` if the record cannot be read: it must not keep the others from being found.
    """
    try:
        _, attempt, _, alone, *_ = line.split("|") if line else ("", "0", "0", "0")
        ref = ItemRef(job_id, int(index), int(attempt))
        return UnfinishedItem(ref, QueueName(queue or QueueName.BATCH), alone == "1")
    except ValueError:
        _log.error("the item's record cannot be read", job=job_id, item=index)
        return None


def _deliveries_of(raw: str | bytes) -> list[ItemRef]:
    try:
        return deliveries(json.loads(raw)["headers"]["id"])
    except (ValueError, TypeError, KeyError):
        return []
