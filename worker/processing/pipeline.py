"""Life of one photo in a worker: start → bytes → decode → model → finish → delete the upload.

Never raises: every end is a result or an error in the job record, because Celery acknowledges a
failed task and the message would be gone.
"""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from shared import log, tracing
from shared.errors import NO_MAPS, InferenceFailed, InvalidParameter, ServiceError, UploadLost
from shared.messages import ItemRef, ItemResult, ItemState, ModelInfo, Prediction, Problem, TimingMs
from shared.records.items import Finish, ItemStore, StartedItem
from shared.redis_client import REDIS_DOWN
from shared.uploads import UploadStore
from worker.imaging.memory import MemoryBudget
from worker.imaging.preprocess import decode_cost, preprocess
from worker.inference.batcher import MicroBatcher
from worker.inference.runtime import Runtime
from worker.models.catalog import ModelSpec
from worker.monitoring.in_flight import InFlightItem, InFlightItems
from worker.monitoring.metrics import WorkerMetrics
from worker.processing.isolation import IsolationLock

_log = log.get(__name__)

T = TypeVar("T")

RETRY_S = 0.5
MAP_DIGITS = 4
# How long a worker that was told to stop goes on trying to write a result; then the reconciler of
# another worker takes the item.
RETRIES_WHEN_STOPPING = 6
# How long a photo waits for a store that does not answer. While it is away, each task thread gives
# up one photo in this time, and all the others wait in their queue.
STORE_WITHIN_S = 120.0


class LeftToOthers(Exception):
    """This worker stops before the item could end; the reconciler of another one takes it."""


@dataclass
class Pipeline:
    """The parts that one photo passes through; one object for the whole process."""

    items: ItemStore
    uploads: UploadStore
    batcher: MicroBatcher
    runtime: Runtime
    activity: InFlightItems
    spec: ModelSpec
    info: ModelInfo
    max_pixels: int
    metrics: WorkerMetrics
    stopping: threading.Event

    def __post_init__(self) -> None:
        self._isolation = IsolationLock()
        self._memory = MemoryBudget()

    def run(self, ref: ItemRef, *, alone: bool) -> None:
        """Take the item from queued to its end, unless this message is stale."""
        with (
            log.about(job=ref.job_id, item=ref.index) as subject,
            self.activity.item(ref, alone=alone) as entry,
            self._isolation.enter(alone=alone),
        ):
            began = time.monotonic()
            token = uuid.uuid4().hex
            started = self._until_redis_answers(lambda: self.items.start(ref, token))
            if started is None:
                _log.debug("stale message", attempt=ref.attempt)
                return
            entry.started = True
            subject["request_id"] = started.request_id
            self.metrics.started(started.queue, started.queued_ms / 1000)
            try:
                result = self._classify(started, entry, began)
            except LeftToOthers:
                return
            except ServiceError as error:
                result = ItemResult(error=Problem.of(error))
            except Exception:  # noqa: BLE001 - Celery would acknowledge it, and it would never end
                _log.exception("item failed")
                failed = InferenceFailed("The worker failed on this photo. Try again later.")
                result = ItemResult(error=Problem.of(failed))
            self._finish(started, result)

    def _classify(self, started: StartedItem, entry: InFlightItem, began: float) -> ItemResult:
        data = self._read(started)
        entry.worked = True
        decode_began = time.monotonic()
        recipe = self.spec.recipe
        cost = decode_cost(data, self.max_pixels, recipe)
        with tracing.span("decode"), self._memory.reserve(cost), self.activity.timed(entry):
            pixels = preprocess(data, recipe, self.max_pixels)
        decoded = time.monotonic()
        self.metrics.decoded(decoded - decode_began)
        with tracing.span("inference"):
            probabilities = self._infer(pixels, started, entry)
        predictions = top_k(probabilities, self.spec.labels, started.top_k)
        if started.explain:
            predictions = self._explain(pixels, predictions, entry)
        inferred = time.monotonic()
        return ItemResult(
            predictions=predictions,
            model=self.info,
            timing_ms=TimingMs(
                queued=round(started.queued_ms, 1),
                decode=round((decoded - decode_began) * 1000, 1),
                inference=round((inferred - decoded) * 1000, 1),
                total=round(started.queued_ms + (inferred - began) * 1000, 1),
            ),
        )

    def _read(self, started: StartedItem) -> bytes:
        deadline = time.monotonic() + STORE_WITHIN_S
        while True:
            try:
                return self.uploads.get(started.upload_key)
            except FileNotFoundError as error:
                _log.exception("upload lost")
                detail = "The photo's bytes are gone from the store. Send it again."
                raise UploadLost(detail) from error
            except OSError as error:
                _log.warning("the upload store does not answer, trying again", reason=str(error))
                if time.monotonic() > deadline:
                    detail = "The photo's store does not answer. Send the photo again later."
                    raise UploadLost(detail) from error
            if self.stopping.wait(RETRY_S):
                raise LeftToOthers

    def _infer(
        self, pixels: NDArray[np.uint8], started: StartedItem, entry: InFlightItem
    ) -> NDArray[np.float32]:
        try:
            probabilities = self.batcher.submit(pixels, started.queue, entry.begin).result()
            if not np.isfinite(probabilities).all():
                raise ValueError("the model answered no finite numbers")  # noqa: TRY301
        except Exception as error:
            _log.exception("inference failed")
            raise InferenceFailed("The model failed on this photo. Try again later.") from error
        else:
            return probabilities
        finally:
            entry.end()

    def _explain(
        self, pixels: NDArray[np.uint8], predictions: list[Prediction], entry: InFlightItem
    ) -> list[Prediction]:
        """The predictions with a class activation map each; not batched, as few ask for it."""
        if not self.runtime.explains:
            raise InvalidParameter(NO_MAPS)
        try:
            with self.activity.timed(entry):
                maps = self.runtime.explain(pixels, [found.class_index for found in predictions])
        except Exception as error:
            _log.exception("no activation maps")
            raise InferenceFailed("The model failed on this photo. Try again later.") from error
        return [
            found.model_copy(update={"heatmap": of_class.round(MAP_DIGITS).tolist()})
            for found, of_class in zip(predictions, maps.astype(float), strict=True)
        ]

    def _finish(self, started: StartedItem, result: ItemResult) -> None:
        finish = self._until_redis_answers(lambda: self.items.finish(started.ref, result))
        if finish in {Finish.COUNTED, Finish.ENDED}:
            self._delete(started.upload_key)
        if finish in {Finish.ENDED, Finish.STALE}:
            _log.info("result ignored")
        elif finish is Finish.COUNTED:
            end = result.error.title if result.error else ItemState.SUCCEEDED.value
            _log.debug("item ended", end=end, attempt=started.ref.attempt)

    def _delete(self, key: str) -> None:
        try:
            self.uploads.delete(key)
        except OSError as error:
            _log.warning("upload left to the sweeper", upload=key, reason=str(error))

    def _until_redis_answers(self, call: Callable[[], T]) -> T | None:
        """Try until Redis answers; ``None`` when this worker stops first."""
        tries_left = RETRIES_WHEN_STOPPING
        while True:
            try:
                return call()
            except REDIS_DOWN as error:
                _log.warning("redis does not answer, trying again", reason=type(error).__name__)
                if self.stopping.is_set():
                    tries_left -= 1
                    if tries_left == 0:
                        return None
                time.sleep(RETRY_S)


def top_k(
    probabilities: NDArray[np.float32], labels: tuple[str, ...], count: int
) -> list[Prediction]:
    """The most probable classes, most probable first; equal ones in class order.

    Args:
        probabilities: float32 of shape (classes,), each 0 to 1.
        labels: One name per class.
        count: How many to return, at most all of them.
    """
    best = np.argsort(-probabilities, kind="stable")[:count]
    return [
        Prediction(
            label=labels[index],
            class_index=int(index),
            confidence=min(1.0, round(float(probabilities[index]), 6)),
        )
        for index in best
    ]
