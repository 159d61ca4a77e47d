"""Reads a photo from the upload store, and tells a lost photo from a wrong store."""

import threading
import time

from shared import log
from shared.errors import UploadLost
from shared.uploads import UploadStore
from shared.uploads.identity import StoreIdentity
from worker.inference.self_check import WorkerFault
from worker.processing.patient_items import Stopping

_log = log.get(__name__)

RETRY_S = 0.5
# How long a photo waits for a store that does not answer.
STORE_WITHIN_S = 120.0


class UploadReader:
    """Reads photos for one worker.

    Args:
        uploads: Where the photos are.
        identity: Tells whether this is the store that the API writes to.
        stopping: Set when this worker takes no more messages.
        store_within_s: Seconds that a store may be out of reach.
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
        """The photo's bytes; waits while the store does not answer.

        Raises:
            UploadLost: The store works, and this photo is missing or cannot be read.
            WorkerFault: This worker cannot read the store that the API writes to.
            Stopping: The worker stops before the store answers.
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
        """Make sure that the failure is about one photo.

        Raises:
            WorkerFault: The store's marker is missing or cannot be read either.
        """
        try:
            same = self._identity.matches()
        except OSError as error:  # redis's errors included: without an answer no photo is blamed
            detail = f"the upload store cannot be read: {error}"
            raise WorkerFault("uploads", detail, photo_suspect=False) from error
        if same is False:
            detail = "UPLOADS_URL is not the upload store that the API writes to"
            raise WorkerFault("uploads", detail, photo_suspect=False)
