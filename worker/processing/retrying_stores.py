"""The job record and the upload store, with retries while Redis or the store does not respond."""

import re
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from redis.exceptions import ResponseError

from shared import log
from shared.errors import UploadLost
from shared.messages import ItemRef, ItemResult
from shared.queue.message_template import MessageTemplate
from shared.queue.names import QueueName
from shared.records.items import Finish, ItemStore, StartedItem
from shared.redis_client import REDIS_DOWN
from shared.uploads import UploadStore
from shared.uploads.identity import StoreIdentity
from worker.inference.runtime import WorkerFault

_log = log.get(__name__)

T = TypeVar("T")

RETRY_S = 0.5
# How long a photo waits for an upload store that does not respond, in seconds.
STORE_WITHIN_S = 120.0
# After a worker is told to stop, it tries this often to write a result. Then the reconciler of
# another worker takes the item.
RETRIES_WHEN_STOPPING = 6
# Redis's errors when a script finds a record in an unexpected form. All other errors can pass: a
# full Redis, a replica, a full disk.
_BROKEN_RECORD = re.compile(r"WRONGTYPE|user_script:\d+: (attempt|bad argument)")


class RecordUnreadable(Exception):
    """The item's record is not in a form that this worker can read."""


class Stopping(Exception):
    """This worker stops before the item is finished; another worker takes the item."""


class PatientItems:
    """Starts and finishes items, and repeats each call until Redis responds.

    Args:
        items: Access to the record.
        messages: Writes the messages of items that this worker leaves.
        stopping: Set when this worker takes no more messages.
        retry_s: Seconds between two calls.

    Raises:
        Stopping: From every method, if the worker stops before Redis responds.
        RecordUnreadable: From every method, if a repeated call cannot help.
    """

    def __init__(
        self,
        items: ItemStore,
        messages: MessageTemplate,
        stopping: threading.Event,
        retry_s: float = RETRY_S,
    ) -> None:
        self._items = items
        self._messages = messages
        self._stopping = stopping
        self._retry_s = retry_s

    def start_all(self, refs: Sequence[ItemRef]) -> list[StartedItem]:
        """Start the items; without those that were cancelled or whose message is stale."""
        run_token = uuid.uuid4().hex
        return self._repeat(lambda: self._items.start_all(refs, run_token))

    def finish_all(self, results: Sequence[tuple[ItemRef, ItemResult]]) -> list[Finish]:
        """Record results of items of one job."""
        return self._repeat(lambda: self._items.finish_all(results))

    def leave(self, refs: Sequence[ItemRef], queue: QueueName) -> None:
        """Queue items again that this worker has started and not begun to process."""
        for ref in refs:
            due = replace(ref, attempt=ref.attempt + 1)
            message = self._messages.draft(queue, due)
            self._repeat(lambda r=ref, m=message: self._items.leave(r, m))  # type: ignore[misc]

    def hand_back(self, ref: ItemRef, queue: QueueName) -> None:
        """Queue an item again, in isolation; the second time that this happens there, it fails."""
        message = self._messages.draft(queue, replace(ref, attempt=ref.attempt + 1), alone=True)
        self._repeat(lambda: self._items.hand_back(ref, message, suspect=True))

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


class UploadReader:
    """Reads photos, and distinguishes a lost photo from a wrong store.

    Args:
        uploads: The worker's upload store.
        identity: Compares the store with the store that the API writes to.
        stopping: Set when this worker takes no more messages.
        store_within_s: Seconds for which the store may be unreachable.
    """

    def __init__(
        self,
        uploads: UploadStore,
        identity: StoreIdentity,
        stopping: threading.Event,
        store_within_s: float = STORE_WITHIN_S,
    ) -> None:
        self._uploads = uploads
        self._identity = identity
        self._stopping = stopping
        self._store_within_s = store_within_s

    def read(self, key: str) -> bytes:
        """The photo's bytes; waits while the store does not respond.

        Raises:
            UploadLost: The store works, and this photo is missing or cannot be read.
            WorkerFault: This worker cannot read the store that the API writes to.
            Stopping: The worker stops before the store responds.
        """
        deadline = time.monotonic() + self._store_within_s
        while True:
            try:
                return self._uploads.get(key)
            except FileNotFoundError as error:
                self._check_store()
                _log.exception("upload lost")
                detail = "The photo is missing from the upload store. Send it again."
                raise UploadLost(detail) from error
            except OSError as error:
                _log.warning("the upload store does not answer, trying again", reason=str(error))
                if time.monotonic() > deadline:
                    self._check_store()
                    detail = "The photo cannot be read from the upload store. Send it again."
                    raise UploadLost(detail) from error
            if self._stopping.wait(RETRY_S):
                raise Stopping

    def _check_store(self) -> None:
        """Check that the failure affects only one photo.

        Raises:
            WorkerFault: The store's marker is missing or cannot be read either.
        """
        try:
            same = self._identity.matches()
        except OSError as error:  # includes Redis errors: without a response no photo is blamed
            detail = f"the upload store cannot be read: {error}"
            raise WorkerFault("uploads", detail, photo_suspect=False) from error
        if same is False:
            detail = "UPLOADS_URL is not the upload store that the API writes to"
            raise WorkerFault("uploads", detail, photo_suspect=False)
