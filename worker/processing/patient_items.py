"""An item's record, read and written by a worker that waits while Redis does not answer."""

import re
import threading
import uuid
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import ResponseError

from shared import log
from shared.messages import ItemRef, ItemResult
from shared.records.items import Finish, ItemStore, StartedItem
from shared.redis_client import REDIS_DOWN

_log = log.get(__name__)

T = TypeVar("T")

RETRY_S = 0.5
# After a worker is told to stop, it tries this often to write a result. Then the reconciler of
# another worker takes the item.
RETRIES_WHEN_STOPPING = 6
# What Redis answers when a script meets a record that is not in the expected form. Every other
# refusal can pass: a full Redis, a replica, a disk that is full.
_BROKEN_RECORD = re.compile(r"WRONGTYPE|user_script:\d+: (attempt|bad argument)")


class RecordUnreadable(Exception):
    """The item's record is not in a form that this worker can read."""


class Stopping(Exception):
    """This worker stops before the item is finished; another worker takes the item."""


class PatientItems:
    """Starts and finishes items, and repeats a call until Redis answers.

    Args:
        items: The record.
        stopping: Set when this worker takes no more messages.
        retry_s: Seconds between two calls.

    Raises:
        Stopping: From every method, if the worker stops before Redis answers.
        RecordUnreadable: From every method, if a repeated call cannot help.
    """

    def __init__(
        self, items: ItemStore, stopping: threading.Event, retry_s: float = RETRY_S
    ) -> None:
        self._items = items
        self._stopping = stopping
        self._retry_s = retry_s

    def start(self, ref: ItemRef) -> StartedItem | None:
        """Take the item; ``None`` if this message is stale or the item was cancelled."""
        run_token = uuid.uuid4().hex
        return self._repeat(lambda: self._items.start(ref, run_token))

    def finish(self, ref: ItemRef, result: ItemResult) -> Finish:
        """Record how the item ended."""
        return self._repeat(lambda: self._items.finish(ref, result))

    def _repeat(self, call: Callable[[], T]) -> T:
        tries_left = RETRIES_WHEN_STOPPING
        while True:
            try:
                return call()
            except REDIS_DOWN as error:
                if type(error) is ResponseError and _BROKEN_RECORD.search(str(error)):
                    raise RecordUnreadable(str(error)) from error
                _log.warning("redis does not answer, trying again", reason=type(error).__name__)
            except (ValueError, KeyError, TypeError) as error:
                raise RecordUnreadable(repr(error)) from error
            if self._stopping.is_set():
                tries_left -= 1
                if tries_left == 0:
                    raise Stopping
            # not stopping.wait(): a stopping worker has to pause too
            threading.Event().wait(self._retry_s)
