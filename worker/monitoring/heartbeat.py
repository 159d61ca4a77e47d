"""Thread that writes the worker's state to Redis every two seconds.

Celery's ``inspect ping`` is not used: it answers while the model hangs, and does not answer while
the model works.
"""

import os
import threading
from collections.abc import Callable, Mapping

from shared import log
from shared.messages import ModelCard, WorkerBeat, WorkerState
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
EXIT_DEAF = 71


class Heartbeat:
    """Thread that reports this worker, and judges its progress by counting its own ticks.

    Args:
        items: Writes the report.
        activity: The items that task threads hold.
        name: This worker's name in `/health` and in logs.
        threads: Number of task threads.
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
        self._seen = (0, 0)
        self._rate = Rate()
        self._unfinished_ticks = 0
        self._deaf_ticks = 0
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
        entries = self._activity.entries()
        held, started = len(entries), any(entry.started for entry in entries)
        finished, received = self._activity.finished, self._activity.received
        finished_before, received_before = self._seen
        self._seen = finished, received
        self._rate.add(finished, self._activity.busy_s())
        listening = self._card is not None and not self._stopping.is_set()
        idle_with_work = listening and held < self._threads and any(waiting.values())
        self._unfinished_ticks = (
            self._unfinished_ticks + 1 if started and finished == finished_before else 0
        )
        self._deaf_ticks = (
            self._deaf_ticks + 1 if idle_with_work and received == received_before else 0
        )
        if self._deaf_ticks >= DEAF_TICKS:
            _log.critical("not receiving messages, exiting")
            self._end(EXIT_DEAF)

    @property
    def state(self) -> WorkerState:
        """The state that the next report contains."""
        if self._card is None:
            return WorkerState.STARTING
        if max(self._unfinished_ticks, self._deaf_ticks) >= STALLED_TICKS:
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
        )
