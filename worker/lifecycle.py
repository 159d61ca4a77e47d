"""Starts the parts of a worker (load → warm up → serve) and stops them."""

import threading
import time
import uuid
from dataclasses import dataclass, field

from shared import log
from shared.messages import Calibration, ModelCard, ModelInfo
from shared.photo_formats import DEFAULT_FORMATS, PhotoFormats
from shared.queue.message_template import MessageTemplate
from shared.records.items import ItemStore
from shared.redis_client import REDIS_DOWN, connect
from shared.uploads import open_uploads
from shared.uploads.identity import StoreIdentity
from worker.cgroup import memory_limit
from worker.imaging.formats.heic import check_heic
from worker.imaging.memory import check_batch, check_memory, give_back_large_blocks
from worker.inference import load_runtime, warm_up
from worker.inference.micro_batcher import MicroBatcher
from worker.inference.runtime import Runtime, WorkerFault
from worker.models.calibration import load as calibration_of
from worker.models.selection import ModelSpec, resolve
from worker.models.weights import ModelUnavailable
from worker.monitoring.heartbeat import Heartbeat
from worker.monitoring.in_flight import InFlightItems
from worker.monitoring.metrics import TimedRuntime, WorkerMetrics
from worker.monitoring.throughput import first_guess
from worker.monitoring.watchdog import Watchdog
from worker.processing.classification import Classifier
from worker.processing.fault_exit import FaultExit
from worker.processing.pipeline import Pipeline
from worker.processing.predictions import Labeller
from worker.processing.retrying_stores import PatientItems, UploadReader
from worker.processing.self_check import SelfCheck
from worker.recovery.reconciler import Reconciler
from worker.recovery.redis_index import RecoveryIndex
from worker.recovery.upload_sweeper import Sweeper
from worker.settings import WorkerSettings

_log = log.get(__name__)

REDIS_TIMEOUT_S = 2.0
# An API process writes a missing marker again within a minute.
STORE_PATIENCE_S = 90.0


class WrongStore(Exception):
    """The worker's upload store is not the API's; the text says what to do."""


@dataclass
class Service:
    """One worker process, from its settings to its last heartbeat."""

    settings: WorkerSettings
    name: str
    stopping: threading.Event = field(default_factory=threading.Event)
    # created before tracing starts; otherwise every message would contain the same trace id
    messages: MessageTemplate = field(default_factory=MessageTemplate)
    # created by `start`, before the first message is received
    pipeline: Pipeline = field(init=False)

    def __post_init__(self) -> None:
        self._parts: list[Heartbeat | Reconciler | Sweeper | MicroBatcher] = []

    def start(self) -> None:
        """Report ``starting``, load and warm up the model, then report ready.

        Raises:
            ModelUnavailable: No model works, the settings need more memory, or they need a
                decoder that is not installed; the text says what to do.
            WrongStore: The upload store is not the API's.
        """
        settings = self.settings
        limit = memory_limit()
        check_memory(settings, limit)
        check_heic(settings.formats)
        give_back_large_blocks(settings.worker_threads, limit)
        incarnation = f"{self.name}:{uuid.uuid4().hex[:12]}"
        client = connect(settings.redis_url, REDIS_TIMEOUT_S)
        items, redis_index = ItemStore(client, incarnation), RecoveryIndex(client, incarnation)
        activity, metrics = InFlightItems(), WorkerMetrics()
        heartbeat = Heartbeat(
            items, activity, self.name, settings.worker_threads, self.stopping, metrics.totals
        )
        heartbeat.start()
        self._parts.append(heartbeat)
        uploads = open_uploads(settings.uploads_url)
        identity = StoreIdentity(client, uploads)
        wait_for_store(identity)
        model = load_model(settings, metrics)
        model.batcher.start()

        def sign_off(reason: str) -> None:
            metrics.faulty(reason)
            heartbeat.stop()

        self.pipeline = Pipeline(
            items=PatientItems(items, self.messages, self.stopping),
            uploads=uploads,
            reader=UploadReader(uploads, identity, self.stopping),
            classifier=Classifier(
                batcher=model.batcher,
                runtime=model.runtime,
                self_check=model.self_check,
                activity=activity,
                recipe=model.spec.recipe,
                labeller=Labeller.of(model.spec, model.card.calibration),
                info=ModelInfo.model_validate(model.card.model_dump()),
                max_pixels=settings.max_pixels,
                formats=settings.formats,
                metrics=metrics,
            ),
            activity=activity,
            metrics=metrics,
            fault_exit=FaultExit(items, self.messages, activity, sign_off),
            stopping=self.stopping,
        )
        Watchdog(items, activity, settings.item_timeout_s).start()
        reconciler = Reconciler(redis_index, items, self.messages)
        sweeper = Sweeper(redis_index, uploads, refused=metrics.delete_failed)
        reconciler.start()
        sweeper.start()
        self._parts += [model.batcher, sweeper, reconciler]
        card = model.card
        heartbeat.ready(card, model.rate_per_s)
        _log.info("model ready", model=card.name, weights=card.weights, device=card.device,
                  runtime=card.runtime, precision=card.precision)  # fmt: skip
        if card.notice:
            _log.warning(card.notice)

    def stop(self) -> None:
        """Stop all parts after the last task thread has ended, the heartbeat last."""
        self.stopping.set()
        for part in reversed(self._parts):
            part.stop()
        self._parts.clear()


@dataclass(frozen=True)
class LoadedModel:
    """A warmed-up model that has classified a known-good photo."""

    spec: ModelSpec
    runtime: Runtime
    self_check: SelfCheck
    batcher: MicroBatcher
    card: ModelCard
    rate_per_s: float


def load_model(settings: WorkerSettings, metrics: WorkerMetrics) -> LoadedModel:
    """Load the model and warm it up.

    Raises:
        ModelUnavailable: No model works, or `MAX_BATCH_SIZE` does not fit into the memory limit.
    """
    spec = resolve(settings)
    calibration = (
        calibration_of(spec, settings.model_cache.expanduser()) if settings.calibrated else None
    )
    runtime = load_runtime(spec, settings)
    if runtime.device == "cpu":  # a GPU has memory of its own
        check_batch(settings.max_batch_size, memory_limit())
    max_batch_size = warm_up(runtime, settings.max_batch_size or runtime.best_batch)
    self_check = SelfCheck(runtime, spec.recipe.crop)
    try:
        self_check.run()
    except WorkerFault as fault:
        raise ModelUnavailable(f"the model does not work: {fault}") from fault
    return LoadedModel(
        spec=spec,
        runtime=runtime,
        self_check=self_check,
        batcher=MicroBatcher(TimedRuntime(runtime, metrics), max_batch_size, self_check.run),
        card=describe(spec, runtime, calibration, settings.formats),
        rate_per_s=first_guess(runtime, max_batch_size, spec.recipe.crop),
    )


def wait_for_store(identity: StoreIdentity) -> None:
    """Wait until the worker sees the upload store that the API writes to.

    An API that starts at the same time may not have marked its store yet. If Redis or the store
    does not respond, the store cannot be checked and the worker starts anyway.

    Raises:
        WrongStore: The worker uses another store.
    """
    deadline = time.monotonic() + STORE_PATIENCE_S
    try:
        while identity.matches() is False:
            if time.monotonic() > deadline:
                raise WrongStore(
                    "UPLOADS_URL is not the upload store that the API writes to. Give the API and "
                    "every worker the same folder or bucket"
                )
            time.sleep(0.5)
    except REDIS_DOWN as error:
        _log.warning("the upload store cannot be checked", reason=str(error))


def describe(
    spec: ModelSpec,
    runtime: Runtime,
    calibration: Calibration | None = None,
    formats: PhotoFormats = DEFAULT_FORMATS,
) -> ModelCard:
    """The response of ``GET /model`` for a model on a runtime."""
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
        formats=list(formats.accepted),
        notice=spec.notice,
        calibration=calibration,
    )
