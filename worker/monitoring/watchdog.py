"""Thread that ends the process when one photo's decode or inference takes too long.

Celery's time limits do nothing in a thread pool, and a thread cannot be killed; the supervisor
starts the worker again and the reconciler brings its items back. Time is counted in the watchdog's
own ticks: a process that was stopped for a minute does not kill itself when it wakes.
"""

import os
import threading
from collections.abc import Callable

from shared import log
from shared.errors import ItemTimeout
from shared.messages import ItemResult, Problem
from shared.records.items import ItemStore
from shared.redis_client import REDIS_DOWN
from worker.monitoring.in_flight import InFlightItem, InFlightItems

_log = log.get(__name__)

TICK_S = 0.5
EXIT_TIMEOUT = 70


class Watchdog:
    """Thread that checks twice a second how long each decode and inference takes.

    A photo that takes too long is tried again in isolation after the restart; if it takes too long
    in isolation, it ends as ``item_timeout``.

    Args:
        items: Records the end of an item that took too long in isolation.
        activity: The items that task threads hold.
        item_timeout_s: Seconds that one decode or one inference may take.
        end: Ends the process at once with an exit code.
    """

    def __init__(
        self,
        items: ItemStore,
        activity: InFlightItems,
        item_timeout_s: float,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        self._items = items
        self._activity = activity
        self._timeout_s = item_timeout_s
        self._end = end
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(TICK_S):
            self.tick()

    def tick(self) -> None:
        """Count half a second for every decode and inference that is under way."""
        over = []
        for entry in self._activity.entries():
            if entry.timed:
                entry.ticks += 1
                if entry.ticks * TICK_S > self._timeout_s:
                    over.append(entry)
        if over:
            try:
                for entry in over:
                    self._give_up(entry)
            finally:  # whatever fails, a process that hangs must end
                self._end(EXIT_TIMEOUT)

    def _give_up(self, entry: InFlightItem) -> None:
        ref = entry.ref
        _log.critical(
            "item exceeded ITEM_TIMEOUT_S, exiting",
            job=ref.job_id,
            item=ref.index,
            alone=entry.alone,
        )
        if not entry.alone:
            return
        error = ItemTimeout(
            f"This photo took longer than {self._timeout_s:g} s. Send a smaller one."
        )
        try:
            self._items.finish(entry.ref, ItemResult(error=Problem.of(error)))
        except REDIS_DOWN as failure:
            _log.warning("left to the reconciler", reason=type(failure).__name__)
