"""A pipeline whose neighbours are played: record, store and model."""

import io
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared.messages import ItemRef, ItemResult, ModelInfo
from shared.queue.message_template import MessageTemplate
from shared.queue.names import QueueName
from shared.records.items import Finish, StartedItem
from worker.inference.micro_batcher import MicroBatcher
from worker.models.transforms import RECIPES
from worker.monitoring.in_flight import InFlightItems
from worker.monitoring.metrics import WorkerMetrics
from worker.processing.classification import Classifier
from worker.processing.fault_exit import FaultExit
from worker.processing.pipeline import Pipeline
from worker.processing.predictions import Labeller
from worker.processing.retrying_stores import PatientItems, UploadReader
from worker.processing.self_check import SelfCheck

REF = ItemRef("job", 0, 1)
KEY = "job.0"


def photo() -> bytes:
    """A small green PNG."""
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (0, 200, 0)).save(out, "PNG")
    return out.getvalue()


class PlayedRecord:
    """The record of one item; each call raises what is next in its list of errors."""

    def __init__(self) -> None:
        self.stale = self.explain = False
        self.min_confidence = 0.0
        self.start_errors: list[Exception] = []
        self.finish_errors: list[Exception] = []
        self.outcome = Finish.COUNTED
        self.results: list[ItemResult] = []
        self.handed_back: list[tuple[ItemRef, bool]] = []
        self.tokens: list[str] = []
        self.groups: list[list[int]] = []
        self.left: list[ItemRef] = []

    def start_all(self, refs: Sequence[ItemRef], token: str) -> list[StartedItem]:
        self.tokens.append(token)
        if self.start_errors:
            raise self.start_errors.pop(0)
        return [
            StartedItem(
                ref, f"job.{ref.index}", QueueName.BATCH, 2, 5.0, "request",
                self.explain, self.min_confidence,
            )
            for ref in refs
            if not self.stale
        ]  # fmt: skip

    def finish_all(self, results: Sequence[tuple[ItemRef, ItemResult]]) -> list[Finish]:
        if self.finish_errors:
            raise self.finish_errors.pop(0)
        self.results += [result for _, result in results]
        self.groups.append([ref.index for ref, _ in results])
        return [self.outcome] * len(results)

    def leave(self, ref: ItemRef, message: str) -> bool:
        assert f"{ref.job_id}.{ref.index}.{ref.attempt + 1}" in message
        self.left.append(ref)
        return True

    def hand_back(self, ref: ItemRef, message: str, *, suspect: bool) -> bool:
        assert f"{ref.job_id}.{ref.index}.{ref.attempt + 1}" in message
        self.handed_back.append((ref, suspect))
        return True


class PlayedStore:
    """Uploads in memory, and whether this is the API's store."""

    def __init__(self) -> None:
        self.uploads = {KEY: photo()}
        self.errors: list[OSError] = []
        self.same: bool | None = True
        self.delete_error: OSError | None = None

    def get(self, key: str) -> bytes:
        if self.errors:
            raise self.errors.pop(0)
        if key not in self.uploads:
            raise FileNotFoundError(key)
        return self.uploads[key]

    def put(self, key: str, *pieces: bytes | bytearray | memoryview) -> None:
        self.uploads[key] = b"".join(pieces)

    def delete(self, *keys: str) -> None:
        if self.delete_error:
            raise self.delete_error
        for key in keys:
            self.uploads.pop(key, None)

    def old_keys(self, age_s: float) -> Iterator[str]:
        raise AssertionError(f"a pipeline sweeps nothing: {age_s}")

    def matches(self) -> bool | None:
        return self.same


class PlayedRuntime:
    """Answers class 1; ``predict_hook`` may raise, ``explain`` returns the next of its values."""

    name, device, precision, concurrency, best_batch = "played", "cpu", "fp32", 1, 4
    explains = True

    def __init__(self) -> None:
        self.predict_hook: Callable[[int], None] = lambda _: None
        self.maps_values = [0.5]  # the last one is returned for ever
        self.calls = 0

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls += 1
        self.predict_hook(self.calls)
        return np.tile(np.array([[0.2, 0.7, 0.1]], np.float32), (len(batch), 1))

    def explain(self, photo: NDArray[np.uint8], classes: Sequence[int]) -> NDArray[np.float32]:
        assert photo.shape == (224, 224, 3)
        value = self.maps_values.pop(0) if len(self.maps_values) > 1 else self.maps_values[0]
        return np.full((len(classes), 7, 7), value, np.float32)

    def warm_up(self, sizes: Iterable[int]) -> None:
        raise AssertionError(f"a pipeline warms nothing up: {sizes}")


@dataclass
class Played:
    """A pipeline and everything around it."""

    record: PlayedRecord = field(default_factory=PlayedRecord)
    store: PlayedStore = field(default_factory=PlayedStore)
    runtime: PlayedRuntime = field(default_factory=PlayedRuntime)
    stopping: threading.Event = field(default_factory=threading.Event)
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)
    activity: InFlightItems = field(default_factory=InFlightItems)
    exits: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self_check = SelfCheck(self.runtime, 224)
        self.batcher = MicroBatcher(self.runtime, 4, self_check.run)
        info = ModelInfo(name="m", weights="w", sha256="0", device="cpu", precision="fp32")
        self.classifier = Classifier(
            self.batcher, self.runtime, self_check, self.activity,
            RECIPES["IMAGENET1K_V1"], Labeller(("a", "b", "c")), info,
            max_pixels=10_000, metrics=self.metrics,
        )  # fmt: skip
        self.reader = UploadReader(self.store, self.store, self.stopping, store_within_s=0)
        self.pipeline = Pipeline(
            items=PatientItems(self.record, MessageTemplate(), self.stopping, retry_s=0),
            uploads=self.store,
            reader=self.reader,
            classifier=self.classifier,
            activity=self.activity,
            metrics=self.metrics,
            fault_exit=FaultExit(
                self.record, MessageTemplate(), self.activity, self.metrics.faulty,
                self.exits.append,
            ),
            stopping=self.stopping,
        )  # fmt: skip

    def run(self, *, alone: bool = False) -> None:
        """One delivery."""
        self.pipeline.run([REF], QueueName.BATCH, alone=alone)

    def end(self) -> str:
        """How the item ended: its best class, or the slug of its error."""
        [result] = self.record.results
        if result.error is None:
            assert result.predictions is not None
            return result.predictions[0].label
        return result.error.type.rpartition("/")[2]


@pytest.fixture
def played() -> Iterator[Played]:
    made = Played()
    made.batcher.start()
    yield made
    made.batcher.stop()
