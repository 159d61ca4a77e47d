"""Thread that recovers items of dead workers, items that were never sent, and lost messages.

Every worker has this thread, and a Redis lock lets one of them act. Each thread relies only on its
own observations without a gap: after an outage of Redis every heartbeat looks old, and a new
process has not observed long enough. All times are by Redis's clock.

* A *running* item is lost if the heartbeat of its worker's incarnation has not changed for
  ``DEAD_MS``. The age of the heartbeat is not used: if Redis's clock is set back, the age is wrong
  for hours. The item is tried again in isolation, before all waiting items; see ``requeue.lua``
  for what counts as a death.
* The API process that records a job sends the job's messages. If the job has made no progress for
  ``UNSENT_MS``, the reconciler sends the rest. Both may send at the same time: ``send.lua`` skips
  items that were sent.
* A *queued* item that was sent is lost if, for ``UNSENT_MS``, its queue was empty or later messages
  were started, and its message is neither in the queue nor held by a living worker. Messages are
  numbered in the step that sends them, so a waiting item has a higher number than all started
  items: while no message is missing, this check costs nothing.
"""

import threading
from collections import deque
from dataclasses import replace

from shared import log
from shared.messages import ItemRef
from shared.queue.message_template import MessageTemplate
from shared.queue.names import QueueName
from shared.records.items import ItemStore
from shared.redis_client import REDIS_DOWN
from worker.recovery.redis_index import Observation, RecoveryIndex, UnfinishedItem

_log = log.get(__name__)

TICK_S = 1.0
DEAD_MS = 15_000
UNSENT_MS = 10_000
# If this thread paused for longer, its earlier observations no longer count.
GAP_MS = 5_000
AT_A_TIME = 200


class Reconciler:
    """Thread that checks once a second for lost items and recovers them.

    Args:
        redis_index: Reads the index of unfinished items.
        items: Queues lost items again.
        messages: Writes their messages.
    """

    def __init__(
        self,
        redis_index: RecoveryIndex,
        items: ItemStore,
        messages: MessageTemplate,
    ) -> None:
        self._redis_index = redis_index
        self._items = items
        self._messages = messages
        self._seen: deque[Observation] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and release the lock, so that another worker can take over."""
        self._stop.set()
        self._thread.join()
        try:
            self._redis_index.unlock()
        except REDIS_DOWN as error:
            _log.warning("lock left to expire", reason=type(error).__name__)

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            try:
                self.tick()
            except REDIS_DOWN as error:
                _log.warning("reconciler is waiting for redis", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - without the reconciler, items would be lost silently
                _log.exception("reconciler failed, trying again")

    def tick(self) -> None:
        """Observe, take or keep the lock, and recover lost items."""
        now = self._observe()
        if self._seen and not 0 <= now.at_ms - self._seen[-1].at_ms <= GAP_MS:
            self._seen.clear()
        self._seen.append(now)
        while now.at_ms - self._seen[0].at_ms > DEAD_MS + GAP_MS:
            self._seen.popleft()
        # Observe first: a worker that takes over the lock has then observed long enough.
        if not self._redis_index.lock():
            return
        self._recover_dead_workers(now)
        self._recover_unsent(now)
        for queue in QueueName:
            self._recover_lost(queue, now)

    def _observe(self) -> Observation:
        try:
            return self._redis_index.observe()
        except BaseException:
            # Only a failed observation discards the earlier ones. If a refused send did so too, no
            # dead worker would be found while Redis is full and a job is unsent.
            self._seen.clear()
            raise

    def _dead(self, now: Observation) -> list[str]:
        """The workers whose last heartbeat has not changed for ``DEAD_MS``."""
        past = self._past(now, DEAD_MS)
        before = past.beats if past else {}
        return [name for name, beat_ms in now.beats.items() if before.get(name) == beat_ms]

    def _recover_dead_workers(self, now: Observation) -> None:
        for incarnation in self._dead(now):
            held = self._redis_index.held_by(incarnation)
            _log.warning("worker lost", incarnation=incarnation, held=len(held))
            again = [
                item
                for item in held
                if self._items.requeue_lost(
                    item.ref, incarnation, self._next_message(item, alone=True)
                )
            ]
            _log_sent_again(again, "worker_lost")
            self._redis_index.forget_worker(incarnation)

    def _recover_unsent(self, now: Observation) -> None:
        """Send the rest of each job whose sender has stopped."""
        past = self._past(now, UNSENT_MS)
        if past is None:
            return
        for job_id, progress_ms in now.sending.items():
            if past.sending.get(job_id) == progress_ms:
                self._send_rest(job_id)

    def _send_rest(self, job_id: str) -> None:
        job = self._redis_index.job(job_id)
        if job is None:
            self._items.send(job_id, {}, last=True)
            return
        queue, total = job
        sent = 0
        for start in range(0, total, AT_A_TIME):
            # sending thousands of messages takes longer than the lock lasts
            if not self._redis_index.lock():
                return
            indices = range(start, min(start + AT_A_TIME, total))
            messages = {
                range(index, index + 1): self._messages.draft(queue, ItemRef(job_id, index, 1))
                for index in self._redis_index.unsent(job_id, queue, indices)
            }
            sent += self._items.send(job_id, messages, last=indices.stop == total)
        _log.warning("rest of a job sent", job=job_id, items=sent)

    def _recover_lost(self, queue: QueueName, now: Observation) -> None:
        """Send lost messages of a queue again; see the module's docstring."""
        past = self._past(now, UNSENT_MS)
        if past is None:
            return
        recent = [seen for seen in self._seen if seen.at_ms >= past.at_ms]
        empty = all(seen.waiting[queue] == 0 for seen in recent)
        horizon = past.last_seq if empty else past.started[queue] - 1
        missing = self._redis_index.queued_up_to(queue, horizon)
        if missing:
            living = sorted(set(now.beats) - set(self._dead(now)))
            taken = self._redis_index.unstarted_by(living)
            missing = [item for item in missing if item.ref not in taken]
        if missing:  # only then, because reading a long queue is expensive
            waiting = self._redis_index.messages_in(queue)
            missing = [item for item in missing if item.ref not in waiting]
        for start in range(0, len(missing), AT_A_TIME):
            if not self._redis_index.lock():
                return
            again = [
                item
                for item in missing[start : start + AT_A_TIME]
                if self._items.requeue_unsent(item.ref, self._next_message(item, alone=item.alone))
            ]
            _log_sent_again(again, "message_lost")

    def _past(self, now: Observation, age_ms: int) -> Observation | None:
        """The newest observation of at least this age; ``None`` if there is none."""
        past = [seen for seen in self._seen if now.at_ms - seen.at_ms >= age_ms]
        return past[-1] if past else None

    def _next_message(self, item: UnfinishedItem, *, alone: bool) -> str:
        due = replace(item.ref, attempt=item.ref.attempt + 1)
        return self._messages.draft(item.queue, due, alone=alone)


def _log_sent_again(items: list[UnfinishedItem], reason: str) -> None:
    if items:
        ref = items[0].ref
        _log.warning("sent again", items=len(items), job=ref.job_id, item=ref.index, reason=reason)
