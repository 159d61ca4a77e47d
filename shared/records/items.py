"""ItemStore: the worker's access to the job record, for one photo or several of a job at a time.

Every change is a compare-and-set on (state, attempt) in one Lua call, so a stale copy of a message
changes nothing and a second result is ignored. Synchronous, because task threads call it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import redis

from shared import redis_keys
from shared.errors import MODEL_FAILED, InferenceFailed, ServiceError, WorkerLost
from shared.messages import ItemRef, ItemResult, ItemState, ModelCard, Problem, WorkerReport, dump
from shared.queue.names import QueueName
from shared.records.lua import load, send_args

DEATHS_ALONE = 2


class Finish(StrEnum):
    """Whether a result was recorded; unless it is stale, the upload can be deleted."""

    COUNTED = "counted"
    ENDED = "ended"
    STALE = "stale"


@dataclass(frozen=True)
class StartedItem:
    """An item that this worker has started, as in the job's record."""

    ref: ItemRef
    upload_key: str
    queue: QueueName
    top_k: int
    queued_ms: float
    request_id: str
    explain: bool = False
    min_confidence: float = 0.0
    owner: str = ""

    @property
    def subject(self) -> dict[str, str | int]:
        """What log lines about the item contain."""
        about: dict[str, str | int] = {"job": self.ref.job_id, "item": self.ref.index}
        owner = {"owner": self.owner} if self.owner else {}
        return {**about, "request_id": self.request_id, **owner}


class ItemStore:
    """Starts, finishes and requeues items for one worker incarnation.

    Args:
        client: A synchronous client with ``decode_responses=True``.
        incarnation: Unique id of this process; a restarted worker has another.

    Raises:
        redis.exceptions.RedisError: From every method, if Redis does not respond.
    """

    def __init__(self, client: redis.Redis, incarnation: str) -> None:
        self.client = client
        self.incarnation = incarnation
        self._start = client.register_script(load("start"))
        self._finish = client.register_script(load("finish"))
        self._requeue = client.register_script(load("requeue"))
        self._send = client.register_script(load("send"))
        self._beat = client.register_script(load("beat"))

    def start(self, ref: ItemRef, token: str) -> StartedItem | None:
        """Start one item; see `start_all`."""
        started = self.start_all([ref], token)
        return started[0] if started else None

    def start_all(self, refs: Sequence[ItemRef], token: str) -> list[StartedItem]:
        """Start those of these items that are queued under this attempt.

        Args:
            refs: One attempt of items that lie side by side in one job.
            token: Names this run: the call may be repeated with it if the first response was lost.
        """
        first = refs[0]
        run: list[str | int] = [first.job_id, first.attempt, self.incarnation, token]
        answer = self._start(args=[*run, first.index, len(refs)])
        if not answer:
            return []
        queue, top_k, queued_ms, request_id, owner, *rest = answer
        started = []
        for index, item in zip(rest[::2], rest[1::2], strict=True):
            kept = json.loads(item)
            started.append(
                StartedItem(
                    ref=ItemRef(first.job_id, int(index), first.attempt),
                    upload_key=kept["upload"],
                    queue=QueueName(queue),
                    top_k=int(top_k),
                    queued_ms=float(queued_ms),
                    request_id=request_id,
                    owner=owner,
                    explain=kept.get("explain", False),
                    min_confidence=kept.get("min_confidence", 0.0),
                )
            )
        return started

    def finish(self, ref: ItemRef, result: ItemResult) -> Finish:
        """Record one item's result; see `finish_all`."""
        return self.finish_all([(ref, result)])[0]

    def finish_all(self, results: Sequence[tuple[ItemRef, ItemResult]]) -> list[Finish]:
        """Record results of items of one job.

        A result is not recorded if its item is finished already or a later attempt was queued.
        """
        args: list[str | int] = [results[0][0].job_id, self.incarnation]
        for ref, result in results:
            outcome = ItemState.FAILED if result.error else ItemState.SUCCEEDED
            text = result.model_dump_json(exclude_none=True)
            args += [ref.index, ref.attempt, outcome.value, text]
        return [Finish(end) for end in self._finish(args=args)]

    def send(self, job_id: str, messages: Mapping[range, str], *, last: bool) -> int:
        """Put messages of a job's items onto its queue, in order; returns how many items were sent.

        Args:
            job_id: The job; if its record no longer exists, no message is sent.
            messages: Each message by the indices of its items. A message is skipped if all of its
                items were sent before, are finished or were cancelled.
            last: Whether these are the job's last messages.
        """
        return int(self._send(args=send_args(job_id, messages, last=last)))

    def requeue_lost(self, ref: ItemRef, held_by: str, message: str) -> bool:
        """Queue an item of a dead worker again, in isolation, and send ``message``.

        Returns whether the message was sent: ``False`` if the item's state has changed meanwhile,
        or if this was its second death in isolation; then the item fails as ``worker_lost``.
        """
        detail = "Processing this photo crashed the worker twice. Save it again as JPEG or PNG."
        return self._requeue_from("running", ref, held_by, message, WorkerLost(detail))

    def requeue_unsent(self, ref: ItemRef, message: str) -> bool:
        """Queue an item again whose message was lost before a worker started the item."""
        return self._requeue_from("queued", ref, "", message)

    def hand_back(self, ref: ItemRef, message: str, *, suspect: bool) -> bool:
        """Queue an item again that this worker started and cannot finish, and send ``message``.

        Its next attempt runs in isolation. ``suspect`` means that the item may have caused this
        worker's fault: the second time this happens in isolation, the item fails as
        ``inference_failed``. Returns whether the message was sent: ``False`` also if the item is
        finished meanwhile.
        """
        end = InferenceFailed(MODEL_FAILED)
        return self._requeue_from(
            "running", ref, self.incarnation, message, end, reason="worker_fault", suspect=suspect
        )

    def leave(self, ref: ItemRef, message: str) -> bool:
        """Queue an item again that this worker started and did not begin to process.

        Nothing is wrong with the item, so its next attempt is not isolated.
        """
        return self._requeue_from(
            "running", ref, self.incarnation, message, reason="worker_stopped"
        )

    def _requeue_from(  # noqa: PLR0913 - what the script takes
        self,
        state: str,
        ref: ItemRef,
        held_by: str,
        message: str,
        end: ServiceError | None = None,
        *,
        reason: str = "",
        suspect: bool = True,
    ) -> bool:
        problem = json.dumps({"error": dump(Problem.of(end))}) if end else ""
        args: list[str | int] = [ref.job_id, ref.index, ref.attempt, state, held_by]
        args += [DEATHS_ALONE, problem, message]
        return bool(self._requeue(args=[*args, reason, int(suspect)]) == "sent")

    def beat(
        self, report: WorkerReport, totals: Mapping[str, float] | None = None
    ) -> dict[QueueName, int]:
        """Write this worker's heartbeat; returns how many messages wait in each Celery queue.

        ``totals`` has the worker's metrics since its start, by
        :func:`shared.worker_metrics.field`.
        """
        names = [queue.value for queue in QueueName]
        counted = json.dumps(totals or {})
        lengths = self._beat(args=[self.incarnation, report.model_dump_json(), counted, *names])
        return dict(zip(QueueName, map(int, lengths), strict=True))

    def publish_model(self, card: ModelCard, *, first: bool) -> None:
        """Publish the model; after the first time only if Redis has lost it."""
        self.client.set(redis_keys.MODEL, card.model_dump_json(), nx=not first)

    def retire(self) -> None:
        """Remove this worker from the list, so that a stopped worker is not taken for a dead one.

        A worker that still holds items stays on the list, for the reconciler to find.
        """
        if self.client.scard(redis_keys.held(self.incarnation)):
            return
        with self.client.pipeline() as pipe:
            pipe.zrem(redis_keys.BEATS, self.incarnation)
            pipe.hdel(redis_keys.WORKERS, self.incarnation)
            pipe.delete(redis_keys.metrics_seen(self.incarnation))
            pipe.execute()
