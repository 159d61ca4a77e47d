"""The life of one photo in a worker: start → read → decode → model → finish → delete the upload.

`Pipeline.run` never raises. Every photo ends with a result or an error in the job's record, or is
queued again: Celery acknowledges a task that raised an exception, and its message would be lost.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from shared import log
from shared.errors import InferenceFailed, ServiceError
from shared.messages import ItemRef, ItemResult, ItemState, Problem
from shared.records.items import Finish, StartedItem
from shared.uploads import UploadStore, upload_key
from worker.inference.runtime import WorkerFault
from worker.monitoring.in_flight import InFlightItem, InFlightItems
from worker.monitoring.metrics import WorkerMetrics
from worker.processing.classification import Classifier
from worker.processing.fault_exit import FaultExit
from worker.processing.retrying_stores import (
    PatientItems,
    RecordUnreadable,
    Stopping,
    UploadReader,
)

_log = log.get(__name__)


class IsolationLock:
    """Lock that ordinary items share, and that a suspect one holds by itself.

    A suspect (its worker died holding it) runs with nothing else in the process. If the process
    dies again, the suspect caused it, and no other item is affected. While a suspect waits, items
    that arrive later wait behind it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False
        self._suspects = 0
        self._exits = 0

    @property
    def waiting_suspects(self) -> int:
        """How many suspects wait for the lock."""
        with self._changed:
            return self._suspects

    @contextmanager
    def enter(self, *, alone: bool) -> Iterator[None]:
        """Hold the lock while the block runs."""
        with self._changed:
            if alone:
                self._suspects += 1
                self._changed.wait_for(lambda: self._is_free() and self._inside == 0)
                self._suspects -= 1
                self._alone = True
            else:
                self._changed.wait_for(lambda: self._is_free() and self._suspects == 0)
                self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                if alone:
                    self._alone = False
                else:
                    self._inside -= 1
                self._changed.notify_all()

    def _is_free(self) -> bool:
        return not self._alone and not self._exits

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let no item in while the block runs; those inside stay."""
        with self._changed:
            self._exits += 1
        try:
            yield
        finally:
            with self._changed:
                self._exits -= 1
                self._changed.notify_all()


@dataclass
class Pipeline:
    """The parts that one photo passes through; one object for the whole process."""

    items: PatientItems
    uploads: UploadStore
    reader: UploadReader
    classifier: Classifier
    activity: InFlightItems
    metrics: WorkerMetrics
    fault_exit: FaultExit
    isolation: IsolationLock = field(default_factory=IsolationLock)

    def run(self, ref: ItemRef, *, alone: bool) -> None:
        """Process the item until it is finished, unless this message is stale."""
        with (
            log.about(job=ref.job_id, item=ref.index) as subject,
            self.activity.item(ref, alone=alone) as entry,
            self.isolation.enter(alone=alone),
        ):
            try:
                self._process(ref, entry, subject)
            except Stopping:
                _log.info("item left to another worker")
            except RecordUnreadable as error:
                _log.error("the item's record cannot be read", reason=str(error))
            except WorkerFault as fault:
                self._exit(fault, entry)
            except MemoryError as error:
                self._exit(WorkerFault("memory", repr(error)), entry)
            except Exception:  # noqa: BLE001 - see the module's docstring
                _log.exception("the end of the item could not be recorded")

    def _exit(self, fault: WorkerFault, entry: InFlightItem) -> None:
        with self.isolation.closed():  # no item starts while the process exits
            self.fault_exit.exit(fault, entry)

    def _process(self, ref: ItemRef, entry: InFlightItem, subject: dict[str, Any]) -> None:
        began = time.monotonic()
        try:
            started = self.items.start(ref)
        except RecordUnreadable as error:
            _log.error("the item's record cannot be read", reason=str(error))
            failed = InferenceFailed("The job's record cannot be read. Send the photo again.")
            self._finish(ref, upload_key(ref.job_id, ref.index), failed)
            return
        if started is None:
            _log.debug("stale message", attempt=ref.attempt)
            return
        entry.started, entry.queue = True, started.queue
        subject["request_id"] = started.request_id
        self.metrics.started(started.queue, started.queued_ms / 1000)
        self._finish(ref, started.upload_key, self._classify(started, entry, began))

    def _classify(
        self, started: StartedItem, entry: InFlightItem, began: float
    ) -> ItemResult | ServiceError:
        try:
            data = self.reader.read(started.upload_key)
            entry.worked = True
            return self.classifier.classify(data, started, entry, began)
        except ServiceError as error:
            return error
        except (Stopping, WorkerFault, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - the photo would never end
            _log.exception("item failed")
            return InferenceFailed("The worker failed on this photo. Try again later.")

    def _finish(self, ref: ItemRef, key: str, end: ItemResult | ServiceError) -> None:
        result = ItemResult(error=Problem.of(end)) if isinstance(end, ServiceError) else end
        finish = self.items.finish(ref, result)
        if finish in {Finish.COUNTED, Finish.ENDED}:
            self._delete(key)
        if finish in {Finish.ENDED, Finish.STALE}:
            _log.info("result ignored")
        elif finish is Finish.COUNTED:
            outcome = result.error.title if result.error else ItemState.SUCCEEDED.value
            _log.debug("item ended", end=outcome, attempt=ref.attempt)

    def _delete(self, key: str) -> None:
        try:
            self.uploads.delete(key)
        except OSError as error:
            self.metrics.delete_failed()
            _log.warning("upload left to the sweeper", upload=key, reason=str(error))
