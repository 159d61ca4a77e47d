"""The life of a message's photos in a worker: start → read → decode → model → finish → delete.

While the model works on one photo, the next is decoded. Results are recorded together when the last
one is there, and sooner if that takes long. A photo that fails ends by itself.

`Pipeline.run` never raises. Every photo ends with a result or an error in the job's record, or is
queued again: Celery acknowledges a task that raised an exception, and its message would be lost.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field

from shared import log
from shared.errors import InferenceFailed, ServiceError
from shared.messages import ItemRef, ItemResult, ItemState, Problem
from shared.queue.names import QueueName
from shared.records.items import Finish
from shared.uploads import UploadStore, upload_key
from worker.inference.runtime import WorkerFault
from worker.monitoring.in_flight import InFlightItem, InFlightItems, IsolationLock
from worker.monitoring.metrics import WorkerMetrics
from worker.processing.classification import Classifier, Photo
from worker.processing.fault_exit import FaultExit
from worker.processing.retrying_stores import (
    PatientItems,
    RecordUnreadable,
    Stopping,
    UploadReader,
)

_log = log.get(__name__)

# A client that follows its job should see progress at least twice a second.
RECORD_EVERY_S = 0.25


@dataclass
class Progress:
    """How far the photos of a message are; times by `time.monotonic`."""

    left: deque[Photo]
    at: InFlightItem | None = None
    begun: deque[Photo] = field(default_factory=deque)
    ended: list[Photo] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    recorded: float = field(default_factory=time.monotonic)

    @property
    def patience_s(self) -> float:
        """Seconds for which results may still wait to be recorded."""
        return max(0.0, self.recorded + RECORD_EVERY_S - time.monotonic())


@dataclass
class Pipeline:
    """The parts that a photo passes through; one object for the whole process."""

    items: PatientItems
    uploads: UploadStore
    reader: UploadReader
    classifier: Classifier
    activity: InFlightItems
    metrics: WorkerMetrics
    fault_exit: FaultExit
    stopping: threading.Event
    isolation: IsolationLock = field(default_factory=IsolationLock)

    def run(self, refs: Sequence[ItemRef], queue: QueueName, *, alone: bool = False) -> None:
        """Process the items of a message until they are finished, except where it is stale.

        Args:
            refs: One attempt of items that lie side by side in one job.
            queue: Where the message was.
            alone: Whether its one item runs in isolation.
        """
        with (
            log.about(job=refs[0].job_id, item=refs[0].index),
            self.activity.message(refs, queue, alone=alone) as entries,
            self.isolation.enter(alone=alone),
        ):
            try:
                self._process(entries)
            except Stopping:
                _log.info("item left to another worker")
            except MemoryError as error:
                self._exit(WorkerFault("memory", repr(error)), None)
            except Exception:  # noqa: BLE001 - see the module's docstring
                _log.exception("the end of the item could not be recorded")
                self._try_again(entries)

    def _try_again(self, entries: list[InFlightItem]) -> None:
        """Queue again what has not ended, each by itself; a single item has failed and is suspect.

        Otherwise the items would stay running for as long as this worker lives.
        """
        held = {id(entry) for entry in self.activity.entries()}
        refs = [entry.ref for entry in entries if id(entry) in held]
        try:
            if len(refs) > 1:
                self.items.leave(refs, entries[0].queue)
            elif refs:
                self.items.hand_back(refs[0], entries[0].queue)
        except Exception:  # noqa: BLE001 - as above
            _log.exception("items left running")

    def _process(self, entries: list[InFlightItem]) -> None:
        began = time.monotonic()
        refs = [entry.ref for entry in entries]
        try:
            started = {item.ref: item for item in self.items.start_all(refs)}
        except RecordUnreadable as error:
            self._end_unreadable(entries, error)
            return
        if len(started) < len(refs):
            _log.debug("stale message", attempt=refs[0].attempt, items=len(refs) - len(started))
            self.activity.end([entry for entry in entries if entry.ref not in started])
        progress = Progress(
            deque(Photo(started[e.ref], e) for e in entries if e.ref in started), began=began
        )
        for photo in progress.left:
            photo.entry.started, photo.entry.queue = True, photo.item.queue
            self.metrics.started(photo.item.queue, photo.item.queued_ms / 1000)
        try:
            self._run_all(progress)
        except WorkerFault as fault:
            self._exit(fault, progress.at)
        except MemoryError as error:
            self._exit(WorkerFault("memory", repr(error)), progress.at)

    def _end_unreadable(self, entries: list[InFlightItem], error: RecordUnreadable) -> None:
        """End an item whose record cannot be read; several are tried again, each by itself."""
        _log.error("the item's record cannot be read", reason=str(error), items=len(entries))
        refs = [entry.ref for entry in entries]
        if len(refs) > 1:
            self.items.leave(refs, entries[0].queue)
            return
        failed = InferenceFailed("The job's record cannot be read. Send the photo again.")
        finish = self.items.finish_all([(refs[0], ItemResult(error=Problem.of(failed)))])
        self._delete([upload_key(refs[0].job_id, refs[0].index)], finish)

    def _exit(self, fault: WorkerFault, entry: InFlightItem | None) -> None:
        with self.isolation.closed():  # no item starts while the process exits
            self.fault_exit.exit(fault, entry)

    def _run_all(self, progress: Progress) -> None:
        first = True
        while progress.left and (first or not self.stopping.is_set()):
            first = False
            try:
                self._step(progress.left[0], progress, self._begin)
            except Stopping:
                break
            progress.left.popleft()
            self._take_results(progress, patiently=False)
        self._take_results(progress, patiently=True)
        self._record(progress)
        if progress.left:
            _log.info("items left to another worker", items=len(progress.left))
            refs = [photo.item.ref for photo in progress.left]
            self.items.leave(refs, progress.left[0].item.queue)

    def _step(
        self, photo: Photo, progress: Progress, step: Callable[[Photo, float], ItemResult | None]
    ) -> None:
        """Take a step with a photo; it ends with the step's result or error."""
        progress.at = photo.entry
        with log.about(**photo.item.subject):
            try:
                end = step(photo, progress.began)
            except ServiceError as error:
                end = ItemResult(error=Problem.of(error))
            except (Stopping, WorkerFault, MemoryError):
                raise
            except Exception:  # noqa: BLE001 - the photo would never end
                _log.exception("item failed")
                failed = InferenceFailed("The service failed on this photo. Try again later.")
                end = ItemResult(error=Problem.of(failed))
        if end is None:
            progress.begun.append(photo)
        else:
            photo.end = end
            progress.ended.append(photo)

    def _begin(self, photo: Photo, _: float) -> None:
        data = self.reader.read(photo.item.upload_key)
        self.classifier.begin(data, photo)
        photo.entry.decoded = True

    def _result(self, photo: Photo, began: float) -> ItemResult:
        return self.classifier.result(photo, began)

    def _take_results(self, progress: Progress, *, patiently: bool) -> None:
        """Take the results that are there, or all, and record them once some have waited."""
        while progress.begun:
            photo = progress.begun[0]
            if not photo.future.done():
                if not patiently:
                    break
                if progress.ended:
                    wait([photo.future], progress.patience_s)
                    if not progress.patience_s:
                        self._record(progress)
                    continue
            progress.begun.popleft()
            self._step(photo, progress, self._result)
            if not progress.patience_s:  # making maps takes time
                self._record(progress)
        if progress.left and not progress.patience_s:
            self._record(progress)

    def _record(self, progress: Progress) -> None:
        photos, progress.ended, progress.recorded = progress.ended, [], time.monotonic()
        if not photos:
            return
        finish = self.items.finish_all([(photo.item.ref, photo.end) for photo in photos])
        self._delete([photo.item.upload_key for photo in photos], finish)
        for photo, counted in zip(photos, finish, strict=True):
            _log_end(photo, counted)
        self.activity.end([photo.entry for photo in photos])

    def _delete(self, keys: list[str], finish: list[Finish]) -> None:
        """Delete the uploads of finished items; a later attempt still needs its own."""
        ended = [key for key, end in zip(keys, finish, strict=True) if end is not Finish.STALE]
        try:
            if ended:
                self.uploads.delete(*ended)
        except OSError as error:
            for key in ended:
                self.metrics.delete_failed()
                _log.warning("upload left to the sweeper", upload=key, reason=str(error))


def _log_end(photo: Photo, finish: Finish) -> None:
    with log.about(**photo.item.subject):
        if finish is not Finish.COUNTED:
            _log.info("result ignored")
        else:
            error = photo.end.error
            outcome = error.title if error else ItemState.SUCCEEDED.value
            _log.debug("item ended", end=outcome, attempt=photo.item.ref.attempt)
