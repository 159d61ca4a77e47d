"""What the service answers, as frozen pydantic models; fields of a newer service are ignored.

Depends on pydantic alone.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

ItemStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class Answer(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Prediction(Answer):
    """One class and how sure the model is of it.

    Attributes:
        label: The class in words.
        class_index: Its number in the model, from 0.
        confidence: Softmax probability, 0 to 1.
        heatmap: With ``explain=True``: the class activation map, 7 rows of 7 over the centre crop.
    """

    label: str
    class_index: int
    confidence: float
    heatmap: list[list[float]] | None = None


class ModelInfo(Answer):
    """Which model answered, on what, in which precision."""

    name: str
    weights: str
    sha256: str
    device: str
    precision: str


class ModelCard(ModelInfo):
    """The model that answers now.

    Attributes:
        input_size: Height, width, channels.
        classes: The labels, by class index.
        explains: Whether ``explain=True`` can be asked for.
        notice: Set when a fallback model answers.
    """

    runtime: str
    input_size: tuple[int, int, int]
    transform: str
    classes: list[str]
    explains: bool = False
    notice: str | None = None


class TimingMs(Answer):
    """Where the time went, in milliseconds."""

    queued: float
    decode: float
    inference: float
    total: float


class Problem(Answer):
    """An error as RFC 9457 spells it.

    Attributes:
        type: A stable URI reference that ends in the slug.
        status: The HTTP status; ``None`` where no service was asked.
        detail: What is wrong and what to do.
        job_id: The job whose only photo ended with this error.
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
    """One photo's answer, the most probable class first."""

    job_id: str
    filename: str | None = None
    predictions: list[Prediction]
    model: ModelInfo
    timing_ms: TimingMs


class JobItem(Answer):
    """One photo of a job: with predictions once it has succeeded, with an error once it failed."""

    index: int
    filename: str | None = None
    status: ItemStatus
    predictions: list[Prediction] | None = None
    model: ModelInfo | None = None
    timing_ms: TimingMs | None = None
    error: Problem | None = None


class Counts(Answer):
    """How many items stand where; the five states sum to total."""

    total: int
    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int

    @property
    def ended(self) -> int:
        """Items that will not change any more."""
        return self.succeeded + self.failed + self.cancelled


class Job(Answer):
    """A job with one page of its items, in the order in which they were sent.

    Attributes:
        finished_at: When the last item ended; ``None`` until then.
        expires_at: When the service forgets the job; ``None`` until it has ended.
        next: Set while there are more items after this page.
    """

    job_id: str
    status: Literal["queued", "running", "completed", "cancelled"]
    created_at: datetime
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    counts: Counts
    items: list[JobItem] = []
    next: str | None = None


class BrokerHealth(Answer):
    """Whether the queue's server answers, and how fast it did last, in milliseconds."""

    status: str
    latency_ms: float | None = None


class WorkerHealth(Answer):
    """A worker's own report, and how old it is."""

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
    """Photos that wait in each queue."""

    interactive: int
    batch: int


class Health(Answer):
    """How the service is: photos are answered unless the status is ``unavailable``."""

    status: Literal["ok", "degraded", "unavailable"]
    broker: BrokerHealth
    workers: list[WorkerHealth]
    queues: QueueDepths
    notice: str | None = None
