"""Data models that the API, Redis, the workers and clients exchange.

The models are small and frozen. The API returns what the worker writes.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from operator import is_
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import ServiceError

PROBLEM_BASE = "/problems/"
# How many photos one message may have. More would save nothing, and after a crash each photo that a
# worker held is tried again by itself.
CHUNK_MAX = 16


class ItemState(StrEnum):
    """The state of one photo; the last three states are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobState(StrEnum):
    """The state of a job; completed means that every item is finished."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class WorkerState(StrEnum):
    """The state that a worker reports, or that follows from a missing heartbeat."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STALLED = "stalled"

    @classmethod
    def _missing_(cls, value: object) -> "WorkerState | None":
        """Treat an unknown state, of a newer release, as one that does not affect the health."""
        return cls.STARTING if isinstance(value, str) else None


class Wire(BaseModel):
    """Base of every message: frozen, and ignores unknown fields so that versions can be mixed."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


absent = partial(is_, None)
"""Whether a response leaves a field with this value out."""


class Prediction(Wire):
    """One class and its probability."""

    label: str
    wnid: str | None = Field(
        default=None,
        exclude_if=absent,
        description="WordNet id of an ImageNet class; absent if the labels are your own",
        examples=["n02123045"],
    )
    class_index: int = Field(ge=0)
    confidence: float = Field(ge=0, le=1, description="softmax probability, 0 to 1")
    heatmap: list[list[float]] | None = Field(
        default=None,
        exclude_if=absent,
        description="with `explain=true`: the class activation map, 7 rows of 7 values over the "
        "centre crop that the model saw. Its mean plus the class's bias is the class's logit",
    )


class Concept(Wire):
    """What the classes of a photo agree on: the concept above them in WordNet, and their sum."""

    label: str
    wnid: str = Field(description="WordNet id", examples=["n02121808"])
    confidence: float = Field(
        ge=0, le=1, description="sum of the confidences of all classes below the concept"
    )


class ModelInfo(Wire):
    """The model that classified the photo, its weights, engine, device and precision."""

    name: str
    weights: str
    sha256: str
    device: str
    precision: str


class Calibration(Wire):
    """The temperature that divides the model's logits, and what it changes on labelled photos."""

    temperature: float = Field(gt=0, description="above 1 less sure, below 1 surer")
    error_before: float = Field(description="expected calibration error without it, 0 to 1")
    error_after: float = Field(description="expected calibration error with it, 0 to 1")
    photos: int = Field(description="photos on which both errors were measured")


class ModelCard(ModelInfo):
    """The response of `GET /model`: the model, its input and its classes."""

    runtime: str
    input_size: list[int] = Field(description="height, width, channels", min_length=3, max_length=3)
    transform: str
    classes: list[str]
    explains: bool = Field(default=False, description="whether the model supports `explain=true`")
    formats: list[str] = Field(
        default=["jpeg", "png"], description="accepted photo formats (`PHOTO_FORMATS`)"
    )
    notice: str | None = Field(default=None, description="set when a fallback model is in use")
    calibration: Calibration | None = Field(
        default=None,
        exclude_if=absent,
        description="set when confidences are calibrated (`CALIBRATED=1`)",
    )


class TimingMs(Wire):
    """Duration of each step, in milliseconds."""

    queued: float
    decode: float
    inference: float
    total: float


class Problem(Wire):
    """An error as a problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str

    @classmethod
    def of(cls, error: ServiceError) -> "Problem":
        """The problem that a client sees for this error."""
        return cls(
            type=PROBLEM_BASE + error.slug,
            title=error.title,
            status=error.status,
            detail=error.detail,
        )


class ItemResult(Wire):
    """The result of one item: concept, predictions, model and timing, or an error."""

    concept: Concept | None = None
    predictions: list[Prediction] | None = None
    model: ModelInfo | None = None
    timing_ms: TimingMs | None = None
    error: Problem | None = None


class WorkerReport(Wire):
    """The content of a worker's heartbeat."""

    name: str
    status: WorkerState
    device: str | None = None
    model: str | None = None
    precision: str | None = None
    sha256: str | None = None
    notice: str | None = None
    explains: bool = False
    in_flight: int = 0
    rate_per_s: float | None = Field(
        default=None,
        description="items finished per second while busy; null while the worker starts",
    )


class WorkerBeat(WorkerReport):
    """A heartbeat with fields for other workers, which clients do not see."""

    unstarted: list[str] = Field(
        default=[], description="ids of received messages whose items this worker has not started"
    )
    chunk: int = Field(
        default=1,
        description="how many photos of a batch a message for this worker should have; a worker of "
        "an older release takes only one",
    )
    turns: bool = Field(
        default=False,
        description="whether starting an item brings the next message of an owner's turn; a worker "
        "of an older release does not do that",
    )


def dump(message: Wire) -> dict[str, Any]:
    """A message as plain JSON types, absent fields left out."""
    return message.model_dump(mode="json", exclude_none=True)


# How many classes a response has by default, and at most.
TOP_K_DEFAULT = 3
TOP_K_MAX = 100
# A map is six times as long as the rest of its class: 100 maps for each of 10,000 photos would fill
# Redis.
EXPLAIN_TOP_K_MAX = 10


@dataclass(frozen=True)
class ItemRef:
    """One delivery of one photo: the job, the item's index in the job, and the attempt."""

    job_id: str
    index: int
    attempt: int


@dataclass(frozen=True)
class Chunk:
    """The first delivery of several photos of a job, which lie side by side.

    Photos of a later attempt, and those in isolation, travel by themselves. Items in between that
    were rejected or cancelled are skipped by `ItemStore.start`.
    """

    job_id: str
    first: int
    count: int

    @property
    def refs(self) -> list[ItemRef]:
        """Each item's delivery."""
        return [ItemRef(self.job_id, index, 1) for index in self.indices]

    @property
    def indices(self) -> range:
        """The indices of the items."""
        return range(self.first, self.first + self.count)
