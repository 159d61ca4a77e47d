"""Thread that writes the worker's state to Redis every two seconds.

Celery's ``inspect ping`` is not used: it answers while the model hangs, and does not answer while
the model works.
"""

import os
import threading
from collections.abc import Callable, Mapping

from shared import log
from shared.messages import CHUNK_MAX, ModelCard, WorkerBeat, WorkerState
from shared.queue.message_template import message_id
from shared.queue.names import QueueName
from shared.records.items import ItemStore
from shared.redis_client import REDIS_DOWN
from worker.monitoring.in_flight import InFlightItems
from worker.monitoring.throughput import Rate

_log = log.get(__name__)

PERIOD_S = 2.0
# 10 s without a finished item while holding items, or without a message while the queue has some.
STALLED_TICKS = 5
# A consumer without messages for this long does not recover: kombu can stall after a reconnect.
DEAF_TICKS = 10
# Seconds for which a message of a batch should keep this worker busy, and all messages that it
# holds. A waiting request overtakes photo by photo, so it does not wait for this; but after a
# crash, everything that was held is tried again photo by photo.
CHUNK_S, HELD_S = 0.1, 1.2
# Until a worker knows its rate.
CHUNK_UNKNOWN = 4
EXIT_DEAF = 71


class Heartbeat:
    """Thread that reports this worker, and judges its progress by counting its own ticks.

    Args:
        items: Writes the report.
        activity: The items that task threads hold.
        name: This worker's name in `/health` and in logs.
        threads: Number of task threads for each queue.
        stopping: Set when this worker takes no more messages.
        totals: Returns this worker's metrics so far.
        end: Ends the process at once with an exit code; a supervisor starts it again.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - separate parts
        self,
        items: ItemStore,
        activity: InFlightItems,
        name: str,
        threads: int,
        stopping: threading.Event,
        totals: Callable[[], Mapping[str, float]] = dict,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        self._items = items
        self._activity = activity
        self._name = name
        self._threads = threads
        self._stopping = stopping
        self._totals = totals
        self._end = end
        self._card: ModelCard | None = None
        self._finished = self._classified = 0
        self._received = dict.fromkeys(QueueName, 0)
        self._rate = Rate()
        self._unfinished_ticks = 0
        self._deaf_ticks = dict.fromkeys(QueueName, 0)
        self._wake = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Report ``starting`` until :meth:`ready`."""
        self._thread.start()

    def ready(self, card: ModelCard, per_s: float | None = None) -> None:
        """Report at once that this worker serves a model.

        Args:
            card: The model.
            per_s: Photos that it probably finishes per second.
        """
        self._rate = Rate(per_s)
        self._card = card
        self._wake.set()

    def stop(self) -> None:
        """Write the last report and remove the worker from the list."""
        self._ended = True
        self._wake.set()
        self._thread.join()
        try:
            self._items.beat(self._report(), self._totals())
            self._items.retire()
        except REDIS_DOWN as error:
            _log.warning("could not sign off", reason=type(error).__name__)

    def _run(self) -> None:
        waiting: dict[QueueName, int] = {}
        published = False
        while True:
            try:
                waiting = self._items.beat(self._report(), self._totals())
                if self._card is not None:
                    self._items.publish_model(self._card, first=not published)
                    published = True
            except REDIS_DOWN as error:
                _log.warning("heartbeat not written", reason=type(error).__name__)
                waiting = {}
            except Exception:  # noqa: BLE001 - without heartbeats this worker would be considered dead
                _log.exception("heartbeat failed, trying again")
                waiting = {}
            if not self._wake.wait(PERIOD_S):
                self.tick(waiting)
            self._wake.clear()
            if self._ended:
                return

    def tick(self, waiting: dict[QueueName, int]) -> None:
        """Check the progress since the last call.

        Args:
            waiting: Number of messages in each queue.
        """
        held = self._activity.entries()
        finished, self._finished = self._finished, self._activity.finished
        classified, self._classified = self._classified, self._activity.classified
        self._rate.add(self._classified, self._activity.busy_s())
        stuck = finished == self._finished and any(entry.started for entry in held)
        # photos that cannot be decoded do not hide a model that hangs
        stuck |= classified == self._classified and any(entry.decoded for entry in held)
        self._unfinished_ticks = self._unfinished_ticks + 1 if stuck else 0
        listening = self._card is not None and not self._stopping.is_set()
        for queue in QueueName:
            free = self._activity.open_messages(queue) < self._threads
            received = self._received[queue]
            self._received[queue] = self._activity.received[queue]
            deaf = listening and free and waiting.get(queue) and received == self._received[queue]
            self._deaf_ticks[queue] = self._deaf_ticks[queue] + 1 if deaf else 0
        if max(self._deaf_ticks.values()) >= DEAF_TICKS:
            _log.critical("not receiving messages, exiting")
            self._end(EXIT_DEAF)

    @property
    def state(self) -> WorkerState:
        """The state that the next report contains."""
        if self._card is None:
            return WorkerState.STARTING
        if max(self._unfinished_ticks, *self._deaf_ticks.values()) >= STALLED_TICKS:
            return WorkerState.STALLED
        return WorkerState.BUSY if self._activity.entries() else WorkerState.IDLE

    def _report(self) -> WorkerBeat:
        card, held = self._card, self._activity.entries()
        return WorkerBeat(
            name=self._name,
            status=self.state,
            device=card and card.device,
            model=card and card.name,
            precision=card and card.precision,
            sha256=card and card.sha256,
            notice=card and card.notice,
            explains=bool(card and card.explains),
            in_flight=len(held),
            rate_per_s=self._rate.per_s,
            unstarted=[message_id(entry.ref) for entry in held if not entry.started],
            chunk=chunk_of(self._rate.per_s, self._threads),
            turns=True,
        )


def chunk_of(per_s: float | None, threads: int) -> int:
    """How many photos a message of a batch should have.

    Args:
        per_s: How many photos this worker finishes per second, if it knows.
        threads: How many messages of batches this worker holds at a time.
    """
    if per_s is None:
        return CHUNK_UNKNOWN
    return max(1, min(CHUNK_MAX, round(per_s * min(CHUNK_S, HELD_S / threads))))
