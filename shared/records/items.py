"""ItemStore: the worker's side of the job record, one photo at a time.

Every change is compare-and-set on (state, attempt) in one Lua call, so that a stale copy of a
message does nothing and a second result is ignored. Synchronous, because task threads call it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import redis

from shared import redis_keys
from shared.errors import ItemTimeout, ServiceError, WorkerLost
from shared.messages import ItemRef, ItemResult, ItemState, ModelCard, Problem, WorkerReport, dump
from shared.queue.names import QueueName
from shared.records.lua import load

DEATHS_ALONE = 2


class Finish(StrEnum):
    """What became of a result; the upload may go unless a later attempt still needs it."""

    COUNTED = "counted"
    ENDED = "ended"
    STALE = "stale"


@dataclass(frozen=True)
class StartedItem:
    """What a worker learns when it is the one that may run an item."""

    ref: ItemRef
    upload_key: str
    queue: QueueName
    top_k: int
    queued_ms: float
    request_id: str
    explain: bool = False


@dataclass(frozen=True)
class Resend:
    """A lost item that is due again: send this to its queue."""

    ref: ItemRef
    queue: QueueName
    alone: bool


class ItemStore:
    """Starts, finishes and requeues items for one worker incarnation.

    Args:
        client: A synchronous client with ``decode_responses=True``.
        incarnation: Unique to this process's life; a restarted worker has another.

    Raises:
        redis.exceptions.RedisError: From every method, when Redis does not answer.
    """

    def __init__(self, client: redis.Redis, incarnation: str) -> None:
        self.client = client
        self.incarnation = incarnation
        self._start = client.register_script(load("start"))
        self._finish = client.register_script(load("finish"))
        self._requeue = client.register_script(load("requeue"))
        self._beat = client.register_script(load("beat"))

    @staticmethod
    def _key(ref: ItemRef) -> list[str | int]:
        return [ref.job_id, ref.index, ref.attempt]

    def start(self, ref: ItemRef, token: str) -> StartedItem | None:
        """Take the item, or learn (``None``) that this message is stale or was cancelled.

        ``token`` is one run's own: asked again with it after a lost answer, it is taken still.
        """
        answer = self._start(args=[*self._key(ref), self.incarnation, token])
        if not answer:
            return None
        item, queue, top_k, queued_ms, request_id = answer
        kept = json.loads(item)
        return StartedItem(
            ref=ref,
            upload_key=kept["upload"],
            queue=QueueName(queue),
            top_k=int(top_k),
            queued_ms=float(queued_ms),
            request_id=request_id,
            explain=kept.get("explain", False),
        )

    def finish(self, ref: ItemRef, result: ItemResult) -> Finish:
        """Record how the item ended, unless it has ended before or a later attempt is due."""
        outcome = ItemState.FAILED if result.error else ItemState.SUCCEEDED
        text = result.model_dump_json(exclude_none=True)
        args = [*self._key(ref), self.incarnation, outcome.value, text]
        return Finish(self._finish(args=args))

    def requeue_lost(self, ref: ItemRef, held_by: str) -> Resend | None:
        """Make an item due again, alone, whose worker died holding it.

        Returns ``None`` when it has ended meanwhile, or when this was its second death alone: then
        it ends as ``worker_lost``.
        """
        detail = "The worker died twice while it held this photo alone. Try again, or re-encode it."
        return self._requeue_from("running", ref, held_by, WorkerLost(detail))

    def requeue_unsent(self, ref: ItemRef) -> Resend | None:
        """Make an item due again whose message was lost before any worker started it."""
        return self._requeue_from("queued", ref, "", ItemTimeout(""))

    def _requeue_from(
        self, state: str, ref: ItemRef, held_by: str, end: ServiceError
    ) -> Resend | None:
        problem = json.dumps({"error": dump(Problem.of(end))})
        answer = self._requeue(args=[*self._key(ref), state, held_by, DEATHS_ALONE, problem])
        if not answer or answer == "ended":
            return None
        queue, attempt, alone = answer
        due = ItemRef(ref.job_id, ref.index, int(attempt))
        return Resend(due, QueueName(queue), bool(int(alone)))

    def beat(
        self, report: WorkerReport, totals: Mapping[str, float] | None = None
    ) -> dict[QueueName, int]:
        """Write this worker's heartbeat; returns how many messages wait in each Celery queue.

        ``totals`` is what it has counted since its start, by :func:`shared.worker_metrics.field`.
        """
        names = [queue.value for queue in QueueName]
        counted = json.dumps(totals or {})
        lengths = self._beat(args=[self.incarnation, report.model_dump_json(), counted, *names])
        return dict(zip(QueueName, map(int, lengths), strict=True))

    def publish_model(self, card: ModelCard, *, first: bool) -> None:
        """Say what answers here; after the first time only where a lost Redis has forgotten it."""
        self.client.set(redis_keys.MODEL, card.model_dump_json(), nx=not first)

    def retire(self) -> None:
        """Take this worker off the list, so that a stopped worker is not taken for a dead one.

        One that still holds items stays on it, for the reconciler to find.
        """
        if self.client.scard(redis_keys.held(self.incarnation)):
            return
        with self.client.pipeline() as pipe:
            pipe.zrem(redis_keys.BEATS, self.incarnation)
            pipe.hdel(redis_keys.WORKERS, self.incarnation)
            pipe.delete(redis_keys.metrics_seen(self.incarnation))
            pipe.execute()
