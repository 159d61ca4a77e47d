"""Thread that removes uploads that no unfinished item needs.

A finished item deletes its own upload; what is left comes from requests that broke off, creates of
unknown outcome, and workers that died between the result and the delete.
"""

import threading
from collections.abc import Callable

from shared import log
from shared.redis_client import REDIS_DOWN
from shared.uploads import UploadStore, parse_upload_key
from worker.recovery.redis_index import RecoveryIndex

_log = log.get(__name__)

PERIOD_S = 60.0
# Longer than any request may take to upload: its photos are stored before its job is recorded.
SPARE_S = 2 * 3600.0
# One object that cannot be deleted keeps no other; a store that refuses all is left for a minute.
REFUSALS = 3


class Sweeper:
    """Thread that checks the store once a minute, in the worker that holds the reconciler's lock.

    Args:
        redis_index: Knows which items are unfinished.
        uploads: The store.
        spare_s: Seconds that an upload without a record is left alone.
        refused: Called for each upload that could not be deleted.
    """

    def __init__(
        self,
        redis_index: RecoveryIndex,
        uploads: UploadStore,
        spare_s: float = SPARE_S,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._redis_index = redis_index
        self._uploads = uploads
        self._spare_s = spare_s
        self._refused = refused
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            try:
                if self._redis_index.lock():
                    self.sweep()
            except (*REDIS_DOWN, OSError) as error:
                _log.warning("sweep interrupted", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - a dead sweeper would fill the disk in silence
                _log.exception("sweep failed, trying again")

    def sweep(self) -> int:
        """Delete every old upload without a live item, or those until `stop`; returns how many.

        Names that this service did not make are left alone, but for its own half-written files.
        """
        gone = refusals = 0
        for key in self._uploads.old_keys(self._spare_s):
            if self._stop.is_set():  # a store with many left would keep a worker from its end
                break
            item = parse_upload_key(key.removesuffix(".part"))
            if item is None or self._redis_index.live_attempt(*item) is not None:
                continue
            try:
                self._uploads.delete(key)
            except OSError as error:
                self._refused()
                refusals += 1
                _log.warning("upload could not be deleted", upload=key, reason=str(error))
                if refusals == REFUSALS:
                    break
            else:
                gone += 1
        if gone:
            _log.info("uploads swept", count=gone)
        return gone
