"""A photo's bytes → its predictions: decode, model, activation maps."""

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from shared import log, tracing
from shared.errors import MODEL_FAILED, NO_MAPS, InferenceFailed, InvalidImage, InvalidParameter
from shared.messages import ItemResult, ModelInfo, Prediction, TimingMs
from shared.photo_formats import DEFAULT_FORMATS, PhotoFormats
from shared.records.items import StartedItem
from worker.imaging.memory_budget import MemoryBudget
from worker.imaging.preprocess import Plan, plan
from worker.inference.micro_batcher import TRIES, MicroBatcher, finite
from worker.inference.runtime import Runtime, WorkerFault
from worker.models.transforms import Recipe
from worker.monitoring.in_flight import InFlightItem, InFlightItems
from worker.monitoring.metrics import WorkerMetrics
from worker.processing.predictions import Labeller
from worker.processing.self_check import SelfCheck

_log = log.get(__name__)

MAP_DIGITS = 4
# At least this much memory must be free, or no photo can be decoded.
LEAST_DECODE_BYTES = 32 * 1024 * 1024


@dataclass
class Photo:
    """A photo that this worker has started; times by `time.monotonic`.

    Attributes:
        item: Its record.
        entry: Its time in each step.
        pixels: RGB, uint8, shape (crop, crop, 3); from here on set by `Classifier.begin`.
        decode_began: When its decoding began.
        decoded: When it was decoded.
        future: Its probabilities, float32 of shape (classes,).
        end: Its result or error.
    """

    item: StartedItem
    entry: InFlightItem
    pixels: NDArray[np.uint8] = field(init=False)
    decode_began: float = field(init=False)
    decoded: float = field(init=False)
    future: "Future[NDArray[np.float32]]" = field(init=False)
    end: ItemResult = field(init=False)


@dataclass
class Classifier:
    """The steps that need the model; one object for the whole process."""

    batcher: MicroBatcher
    runtime: Runtime
    self_check: SelfCheck
    activity: InFlightItems
    recipe: Recipe
    labeller: Labeller
    info: ModelInfo
    max_pixels: int
    metrics: WorkerMetrics
    memory: MemoryBudget = field(default_factory=MemoryBudget)
    least_decode_bytes: int = LEAST_DECODE_BYTES
    formats: PhotoFormats = DEFAULT_FORMATS

    def begin(self, data: bytes, photo: Photo) -> None:
        """Decode a photo and queue it for the model; `result` waits for it.

        Args:
            data: The photo as it was uploaded.
            photo: Receives its pixels and its future.

        Raises:
            ServiceError: The photo cannot be decoded.
            WorkerFault: This worker cannot classify any photo.
        """
        entry = photo.entry
        if entry.alone:
            # After this, a failure was caused by this photo, because no other item is running.
            with self.activity.timed(entry):
                self.self_check.run(photo_suspect=False)
        photo.decode_began = time.monotonic()
        photo.pixels = self._decode(data, entry)
        photo.decoded = time.monotonic()
        self.metrics.decoded(photo.decoded - photo.decode_began)
        photo.future = self.batcher.submit(photo.pixels, photo.item.queue, entry)

    def result(self, photo: Photo, began: float) -> ItemResult:
        """The result of a photo; waits until the model has run.

        Args:
            photo: A photo that `begin` has queued.
            began: When this worker took the item, by `time.monotonic`.

        Raises:
            ServiceError: The photo cannot be classified.
            WorkerFault: This worker cannot classify any photo.
        """
        item = photo.item
        with tracing.span("inference"):
            probabilities = _probabilities(photo.future)
        confidences = self.labeller.confidences(probabilities)
        predictions = self.labeller.predictions(
            probabilities, confidences, item.top_k, item.min_confidence
        )
        if item.explain:
            predictions = self._explain(photo.pixels, predictions, photo.entry)
        inferred = time.monotonic()
        return ItemResult(
            concept=self.labeller.concept(confidences),
            predictions=predictions,
            model=self.info,
            timing_ms=TimingMs(
                queued=round(item.queued_ms, 1),
                decode=round((photo.decoded - photo.decode_began) * 1000, 1),
                inference=round((inferred - photo.decoded) * 1000, 1),
                total=round(item.queued_ms + (inferred - began) * 1000, 1),
            ),
        )

    def _decode(self, data: bytes, entry: InFlightItem) -> NDArray[np.uint8]:
        """Decode into RGB, uint8, shape (crop, crop, 3); a lack of memory is a worker fault."""
        cost = 0
        planned = partial(plan, data, self.recipe, self.max_pixels, self.formats)
        for _ in range(TRIES):
            decode: Plan | None = None
            try:
                decode = planned()
                cost = decode.peak_bytes
                if decode.photo.holds_copy:
                    decode = None  # made again, once there is memory for it
                with tracing.span("decode"), self.memory.reserve(cost), self.activity.timed(entry):
                    return (decode or planned()).pixels()
            except MemoryError:
                require_memory(max(cost, self.least_decode_bytes))
        raise InvalidImage("Decoding this photo takes too much memory. Send a smaller copy.")

    def _explain(
        self, pixels: NDArray[np.uint8], predictions: list[Prediction], entry: InFlightItem
    ) -> list[Prediction]:
        """Add a class activation map to each prediction; not batched, as it is rarely used."""
        if not self.runtime.explains:
            raise InvalidParameter(NO_MAPS)
        if not predictions:
            return predictions
        classes = [prediction.class_index for prediction in predictions]
        with self.activity.timed(entry):
            try:
                maps = finite(self.runtime.explain(pixels, classes))
            except Exception as error:
                self.self_check.run(maps=True)
                _log.exception("no activation maps")
                raise InferenceFailed(MODEL_FAILED) from error
        return [
            prediction.model_copy(update={"heatmap": of_class.round(MAP_DIGITS).tolist()})
            for prediction, of_class in zip(predictions, maps.astype(float), strict=True)
        ]


def _probabilities(future: "Future[NDArray[np.float32]]") -> NDArray[np.float32]:
    try:
        return future.result()
    except WorkerFault:
        raise
    except Exception as error:
        _log.exception("inference failed")
        raise InferenceFailed(MODEL_FAILED) from error


def require_memory(size: int) -> None:
    """Check that ``size`` bytes can be allocated.

    Raises:
        WorkerFault: The allocation failed.
    """
    try:
        bytearray(size)
    except MemoryError as error:
        raise WorkerFault("memory", f"{size} bytes cannot be allocated") from error
