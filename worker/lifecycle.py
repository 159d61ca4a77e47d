"""Puts a worker together: load → warm up → serve, and takes it apart again."""

import threading
import uuid
from dataclasses import dataclass, field

from shared import log
from shared.messages import ItemRef, ModelCard, ModelInfo
from shared.queue.message_template import MessageTemplate
from shared.records.items import ItemStore
from shared.redis_client import connect
from shared.uploads import open_uploads
from worker.imaging.memory import give_back_large_blocks
from worker.inference import load_runtime
from worker.inference.batcher import MicroBatcher
from worker.inference.runtime import Runtime
from worker.inference.self_check import SelfCheck
from worker.models.catalog import ModelSpec, resolve
from worker.monitoring.heartbeat import Heartbeat
from worker.monitoring.in_flight import InFlightItems
from worker.monitoring.metrics import TimedRuntime, WorkerMetrics
from worker.monitoring.throughput import first_guess
from worker.monitoring.watchdog import Watchdog
from worker.processing.classification import Classifier
from worker.processing.fault_exit import FaultExit
from worker.processing.patient_items import PatientItems
from worker.processing.pipeline import Pipeline
from worker.processing.upload_reader import UploadReader
from worker.recovery.reconciler import Reconciler
from worker.recovery.redis_index import RecoveryIndex
from worker.recovery.upload_sweeper import Sweeper
from worker.settings import WorkerSettings

_log = log.get(__name__)

REDIS_TIMEOUT_S = 2.0


@dataclass
class Service:
    """One worker process, from its settings to its last heartbeat."""

    settings: WorkerSettings
    name: str
    stopping: threading.Event = field(default_factory=threading.Event)
    # made before traces are started, whose ids it would else give to every message
    messages: MessageTemplate = field(default_factory=MessageTemplate)

    def __post_init__(self) -> None:
        self._pipeline: Pipeline | None = None
        self._parts: list[Heartbeat | Reconciler | Sweeper | MicroBatcher] = []

    def start(self) -> None:
        """Report as starting, load and warm up the model, then be ready for messages.

        Raises:
            ModelUnavailable: There is no model to serve; the text says what to do.
        """
        settings = self.settings
        give_back_large_blocks()
        incarnation = f"{self.name}:{uuid.uuid4().hex[:12]}"
        client = connect(settings.redis_url, REDIS_TIMEOUT_S)
        items, redis_index = ItemStore(client, incarnation), RecoveryIndex(client, incarnation)
        activity, metrics = InFlightItems(), WorkerMetrics()
        heartbeat = Heartbeat(
            items, activity, self.name, settings.worker_threads, self.stopping, metrics.totals
        )
        heartbeat.start()
        self._parts.append(heartbeat)

        spec = resolve(settings)
        runtime = load_runtime(spec, settings)
        max_batch_size = settings.max_batch_size or runtime.best_batch
        runtime.warm_up(range(1, max_batch_size + 1))
        batcher = MicroBatcher(TimedRuntime(runtime, metrics), max_batch_size)
        batcher.start()
        uploads = open_uploads(settings.uploads_url)
        card = describe(spec, runtime)
        self._pipeline = Pipeline(
            items=items,
            uploads=uploads,
            batcher=batcher,
            runtime=runtime,
            activity=activity,
            spec=spec,
            info=ModelInfo.model_validate(card.model_dump()),
            max_pixels=settings.max_pixels,
            metrics=metrics,
            stopping=self.stopping,
        )
        Watchdog(items, activity, settings.item_timeout_s).start()
        reconciler = Reconciler(redis_index, items, self.messages)
        sweeper = Sweeper(redis_index, uploads)
        reconciler.start()
        sweeper.start()
        self._parts += [batcher, sweeper, reconciler]
        heartbeat.ready(card, first_guess(runtime, max_batch_size, spec.recipe.crop))
        _log.info("model ready", model=card.name, weights=card.weights, device=card.device,
                  runtime=card.runtime, precision=card.precision)  # fmt: skip
        if card.notice:
            _log.warning(card.notice)

    def handle(self, ref: ItemRef, alone: bool) -> None:
        """Run one delivery to its end.

        Raises:
            RuntimeError: A message arrived before the model was loaded.
        """
        if self._pipeline is None:
            raise RuntimeError("a message arrived before the model was loaded")
        self._pipeline.run(ref, alone=alone)

    def stop(self) -> None:
        """Take the parts down after the last task thread has ended; the heartbeat goes last."""
        self.stopping.set()
        for part in reversed(self._parts):
            part.stop()
        self._parts.clear()


def describe(spec: ModelSpec, runtime: Runtime) -> ModelCard:
    """What ``GET /model`` says of a model on a runtime."""
    recipe = spec.recipe
    return ModelCard(
        name=spec.name,
        weights=spec.weights,
        sha256=spec.sha256,
        device=runtime.device,
        precision=runtime.precision,
        runtime=runtime.name,
        input_size=[recipe.crop, recipe.crop, 3],
        transform=f"{recipe.name}: resize {recipe.resize}, centre crop {recipe.crop}",
        classes=list(spec.labels),
        explains=runtime.explains,
        notice=spec.notice,
    )
