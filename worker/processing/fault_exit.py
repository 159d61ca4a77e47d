"""Ends a faulty worker process after its photos are queued again.

A supervisor starts the worker again. Photos that the worker cannot queue again, because Redis does
not answer, are left to another worker's reconciler.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import replace

from shared import log
from shared.queue.message_template import MessageTemplate
from shared.records.items import ItemStore
from worker.inference.runtime import WorkerFault
from worker.monitoring.in_flight import InFlightItem, InFlightItems

_log = log.get(__name__)

EXIT_FAULT = 72


class FaultExit:
    """Queues all photos of this process again and ends the process, once.

    Args:
        items: Queues an item again, and sends its message.
        messages: Writes that message.
        activity: The items that this process holds.
        sign_off: Called last, with the fault's reason: writes the last heartbeat.
        end: Ends the process at once with an exit code.
    """

    def __init__(
        self,
        items: ItemStore,
        messages: MessageTemplate,
        activity: InFlightItems,
        sign_off: Callable[[str], None],
        end: Callable[[int], None] = os._exit,
    ) -> None:
        self._items = items
        self._messages = messages
        self._activity = activity
        self._sign_off = sign_off
        self._end = end
        self._lock = threading.Lock()

    def exit(self, fault: WorkerFault, entry: InFlightItem | None) -> None:
        """End the process; a second caller waits for that.

        Args:
            fault: Why.
            entry: The item that met the fault, and may have caused it.
        """
        with self._lock:
            _log.critical("this worker is faulty, exiting", reason=str(fault), exit_code=EXIT_FAULT)
            try:
                for held in self._activity.entries():
                    suspect = held is entry and fault.photo_suspect
                    self._give_back(held, suspect=suspect)
                self._sign_off(fault.reason)
            except Exception as error:  # noqa: BLE001 - a faulty process must not go on
                _log.warning("items left to the reconciler", reason=repr(error))
            finally:
                self._end(EXIT_FAULT)

    def _give_back(self, held: InFlightItem, *, suspect: bool) -> None:
        if not held.started:
            return  # after this process has exited, the reconciler finds the lost message
        due = replace(held.ref, attempt=held.ref.attempt + 1)
        message = self._messages.draft(held.queue, due, alone=True)
        self._items.hand_back(held.ref, message, suspect=suspect)
