"""Responses of the service as frozen pydantic models. Unknown fields are ignored."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

ItemStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
JobStatus = Literal["queued", "running", "completed", "cancelled"]


class Answer(BaseModel):
    """Base class of all models."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Prediction(Answer):
    """A class and its probability.

    Attributes:
        label: The name of the class.
        wnid: The WordNet id of an ImageNet class; ``None`` if the service has labels of its own.
        class_index: The index of the class in the model, from 0.
        confidence: Softmax probability, 0 to 1.
        heatmap: With ``explain=True``: the class activation map, 7 x 7 values over the centre crop.
    """

    label: str
    wnid: str | None = None
    class_index: int
    confidence: float
    heatmap: list[list[float]] | None = None


class Concept(Answer):
    """What the classes agree on: the concept above them in WordNet.

    Attributes:
        wnid: The WordNet id.
        confidence: The sum of the confidences of all classes below the concept, at least 0.8.
    """

    label: str
    wnid: str
    confidence: float


class ModelInfo(Answer):
    """The model that classified a photo, its device and its precision."""

    name: str
    weights: str
    sha256: str
    device: str
    precision: str


class Calibration(Answer):
    """How confidences are calibrated.

    Attributes:
        temperature: Divides the model's logits.
        error_before: Expected calibration error without it, 0 to 1.
        error_after: The same with it.
        photos: How many photos the errors were measured on.
    """

    temperature: float
    error_before: float
    error_after: float
    photos: int


class ModelCard(ModelInfo):
    """The model in use.

    Attributes:
        input_size: Height, width, channels.
        classes: The labels, by class index.
        explains: Whether the model supports ``explain=True``.
        formats: Accepted photo formats; an older service accepts JPEG and PNG.
        notice: Set if a fallback model is in use.
        calibration: Set if the confidences are calibrated.
    """

    runtime: str
    input_size: tuple[int, int, int]
    transform: str
    classes: list[str]
    explains: bool = False
    formats: list[str] = ["jpeg", "png"]
    notice: str | None = None
    calibration: Calibration | None = None


class TimingMs(Answer):
    """How long each step took, in milliseconds."""

    queued: float
    decode: float
    inference: float
    total: float


class Problem(Answer):
    """A problem document (RFC 9457).

    Attributes:
        type: A stable URI reference that ends in the slug.
        status: The HTTP status; ``None`` for an error that was found before anything was sent.
        detail: What is wrong and what to do.
        job_id: The job whose only photo failed with this error.
    """

    type: str = "about:blank"
    title: str = ""
    status: int | None = None
    detail: str = ""
    job_id: str | None = None

    @property
    def slug(self) -> str:
        """The last part of the type, such as ``queue_full``."""
        return self.type.rpartition("/")[2]


class PredictAnswer(Answer):
    """The result of one photo, with the most probable class first.

    Attributes:
        concept: What the classes agree on; ``None`` if there is no such concept.
        predictions: May be empty with ``min_confidence``.
    """

    job_id: str
    filename: str | None = None
    concept: Concept | None = None
    predictions: list[Prediction]
    model: ModelInfo
    timing_ms: TimingMs


class JobItem(Answer):
    """One photo of a job: with predictions if it succeeded, with an error if it failed."""

    index: int
    filename: str | None = None
    status: ItemStatus
    concept: Concept | None = None
    predictions: list[Prediction] | None = None
    model: ModelInfo | None = None
    timing_ms: TimingMs | None = None
    error: Problem | None = None


class Counts(Answer):
    """How many items are in which state; the five states sum to total."""

    total: int
    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int

    @property
    def ended(self) -> int:
        """How many items are finished."""
        return self.succeeded + self.failed + self.cancelled


class Job(Answer):
    """A job with one page of its items, in the order of the photos.

    Attributes:
        finished_at: When the last item finished; ``None`` until then.
        expires_at: When the service deletes the job; ``None`` until it is finished.
        next: Set if there are more items after this page.
    """

    job_id: str
    status: JobStatus
    created_at: datetime
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    counts: Counts
    items: list[JobItem] = []
    next: str | None = None


class JobPage(Answer):
    """One page of jobs, newest first, each without its items; ``next`` is set if there are more."""

    jobs: list[Job]
    next: str | None = None


class BrokerHealth(Answer):
    """Whether Redis answers, and how long its last response took, in milliseconds."""

    status: str
    latency_ms: float | None = None


class WorkerHealth(Answer):
    """The last report of a worker, and its age."""

    name: str
    status: str
    device: str | None = None
    model: str | None = None
    precision: str | None = None
    sha256: str | None = None
    in_flight: int = 0
    rate_per_s: float | None = None
    heartbeat_age_s: float


class QueueDepths(Answer):
    """How many photos wait in each queue."""

    interactive: int
    batch: int


class Health(Answer):
    """The state of the service: it classifies photos unless the status is ``unavailable``."""

    status: Literal["ok", "degraded", "unavailable"]
    broker: BrokerHealth
    workers: list[WorkerHealth]
    queues: QueueDepths
    notice: str | None = None
