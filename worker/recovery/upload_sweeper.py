"""Thread that deletes uploads that no unfinished item needs.

Normally an upload is deleted when its item is finished. Others are left by interrupted requests,
jobs whose creation had an unknown outcome, and workers that died between result and delete.
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
# After this many refused deletes, a sweep ends; the next sweep is a minute later.
REFUSALS = 3


class Sweeper:
    """Thread that checks the store once a minute, in the worker that holds the reconciler's lock.

    Args:
        redis_index: Reads which items are unfinished.
        uploads: The store.
        spare_s: Seconds for which an upload without a record is kept.
        refused: Called for each upload that could not be deleted.
        period_s: Seconds between two sweeps.
    """

    def __init__(
        self,
        redis_index: RecoveryIndex,
        uploads: UploadStore,
        spare_s: float = SPARE_S,
        refused: Callable[[], None] = lambda: None,
        period_s: float = PERIOD_S,
    ) -> None:
        self._redis_index = redis_index
        self._uploads = uploads
        self._spare_s = spare_s
        self._refused = refused
        self._period_s = period_s
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
        while not self._stop.wait(self._period_s):
            try:
                if self._redis_index.lock():
                    self.sweep()
            except (*REDIS_DOWN, OSError) as error:
                _log.warning("sweep interrupted", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - without the sweeper, the disk would fill up silently
                _log.exception("sweep failed, trying again")

    def sweep(self) -> int:
        """Delete old uploads without an unfinished item, until `stop`; returns their number.

        Files with other names are kept, except those that an older release wrote as ``.part``.
        """
        gone = refusals = 0
        for key in self._uploads.old_keys(self._spare_s):
            if self._stop.is_set():  # a long sweep must not delay the worker's exit
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
