"""What happens when a worker dies, or a message is lost: the item is sent again.

Every worker watches, and a Redis lock lets one of them act. Each trusts only what it has seen
itself without a gap: after an outage of Redis every heartbeat looks old, and the first seconds of a
new process prove nothing. All times are Redis's own.

* A *running* item is lost when its worker's incarnation has sent no heartbeat for ``DEAD_MS``, by
  which is meant that the last one has stayed the same for so long: Redis's clock may be set back,
  and then the age of a heartbeat says nothing for hours. The item is tried again alone, before all
  that wait; see ``requeue.lua`` for what counts as a death.
* A *queued* item is lost when its queue has been empty, or has started later items, for
  ``UNSENT_MS``, and neither a message of the queue nor one that a living worker has taken is its
  own. A merely waiting item is never sent again.
"""

import threading
from collections import deque
from itertools import groupby

from celery import Celery

from shared import log
from shared.queue.celery_app import SEND_FAILED, send
from shared.queue.names import QueueName
from shared.records.items import ItemStore, Resend
from shared.redis_client import REDIS_DOWN
from worker.recovery.redis_index import Observation, RecoveryIndex

_log = log.get(__name__)

TICK_S = 1.0
DEAD_MS = 15_000
UNSENT_MS = 10_000
# A pause of the watcher itself: what it saw before no longer proves anything.
GAP_MS = 5_000
AT_A_TIME = 200


class Reconciler:
    """Looks once a second, and brings back what is lost.

    Args:
        ledger: Reads the index of unfinished items.
        items: Makes lost items due again.
        sender: A Celery app to send them with.
    """

    def __init__(
        self,
        redis_index: RecoveryIndex,
        items: ItemStore,
        sender: Celery,
    ) -> None:
        self._redis_index = redis_index
        self._items = items
        self._sender = sender
        self._seen: deque[Observation] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more, and let another worker take over at once."""
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
            except (*REDIS_DOWN, *SEND_FAILED) as error:
                _log.warning("reconciler waits for redis", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - a dead reconciler would lose items in silence
                _log.exception("reconciler failed, trying again")

    def tick(self) -> None:
        """One look: observe, take or keep the lock, bring back what is lost."""
        now = self._observe()
        if self._seen and not 0 <= now.at_ms - self._seen[-1].at_ms <= GAP_MS:
            self._seen.clear()
        self._seen.append(now)
        while now.at_ms - self._seen[0].at_ms > DEAD_MS + GAP_MS:
            self._seen.popleft()
        # Who takes the lock over from a dead worker has watched as long as that one had.
        if not self._redis_index.lock():
            return
        self._recover_dead_workers(now)
        for queue in QueueName:
            self._recover_unsent(queue, now)

    def _observe(self) -> Observation:
        try:
            return self._redis_index.observe()
        except BaseException:
            # Only what is not seen breaks the watch: were a refused send to do so too, a full Redis
            # in which one item waits for its message would keep every dead worker from being found.
            self._seen.clear()
            raise

    def _dead(self, now: Observation) -> list[str]:
        """The workers whose last heartbeat was there ``DEAD_MS`` ago and is still the last."""
        past = [seen for seen in self._seen if now.at_ms - seen.at_ms >= DEAD_MS]
        before = past[-1].beats if past else {}
        return [name for name, beat_ms in now.beats.items() if before.get(name) == beat_ms]

    def _recover_dead_workers(self, now: Observation) -> None:
        for incarnation in self._dead(now):
            held = self._redis_index.held_by(incarnation)
            _log.warning("worker lost", incarnation=incarnation, held=len(held))
            self._resend(
                [self._items.requeue_lost(ref, incarnation) for ref in held], "worker_lost"
            )
            self._redis_index.forget_worker(incarnation)

    def _recover_unsent(self, queue: QueueName, now: Observation) -> None:
        """Send again what was recorded but is in no queue; see the module's docstring."""
        past = [seen for seen in self._seen if now.at_ms - seen.at_ms >= UNSENT_MS]
        if not past:
            return
        recent = [seen for seen in self._seen if seen.at_ms >= past[-1].at_ms]
        empty = all(seen.waiting[queue] == 0 for seen in recent)
        horizon = past[-1].last_seq if empty else past[-1].started[queue] - 1
        suspects = self._redis_index.queued_up_to(queue, horizon)
        if not suspects:
            return
        living = sorted(set(now.beats) - set(self._dead(now)))
        accounted_for = self._redis_index.messages_in(queue) | self._redis_index.unstarted_by(
            living
        )
        lost = [ref for ref in suspects if ref not in accounted_for]
        for start in range(0, len(lost), AT_A_TIME):
            # thousands take longer than the lock is given for
            if not self._redis_index.lock():
                return
            some = lost[start : start + AT_A_TIME]
            self._resend([self._items.requeue_unsent(ref) for ref in some], "message_lost")

    def _resend(self, requeued: list[Resend | None], reason: str) -> None:
        """Send what is due; ``None`` stands for what has moved on."""
        due = [resend for resend in requeued if resend is not None]
        for (queue, alone), group in groupby(due, key=lambda resend: (resend.queue, resend.alone)):
            refs = [resend.ref for resend in group]
            _log.warning(
                "sent again",
                items=len(refs),
                job=refs[0].job_id,
                item=refs[0].index,
                alone=alone,
                reason=reason,
            )
            send(self._sender, queue, refs, alone=alone)
