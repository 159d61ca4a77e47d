"""The words that travel between api, Redis and worker, and out to the client.

Small frozen pydantic models; what the worker writes is what the api answers.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import ServiceError

PROBLEM_BASE = "/problems/"


class ItemState(StrEnum):
    """Where one photo stands; the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobState(StrEnum):
    """Where a job stands: completed means that every item has ended."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class WorkerState(StrEnum):
    """What a worker reports, or what its silence means."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STALLED = "stalled"

    @classmethod
    def _missing_(cls, value: object) -> "WorkerState | None":
        """A state of a newer release: such a worker counts neither for nor against the service."""
        return cls.STARTING if isinstance(value, str) else None


class Wire(BaseModel):
    """Base of every message: frozen, unknown fields ignored so that versions may mix."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Prediction(Wire):
    """One class and how sure the model is of it."""

    label: str
    class_index: int = Field(ge=0)
    confidence: float = Field(ge=0, le=1, description="softmax probability, 0 to 1")
    heatmap: list[list[float]] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="with `explain=true`: the class activation map, 7 rows of 7 over the centre "
        "crop that the model saw; its mean plus the class's bias is the class's logit",
    )


class ModelInfo(Wire):
    """Which model answered, on what, in which precision."""

    name: str
    weights: str
    sha256: str
    device: str
    precision: str


class ModelCard(ModelInfo):
    """What `GET /model` answers: the model, how it sees a photo, and its classes."""

    runtime: str
    input_size: list[int] = Field(description="height, width, channels", min_length=3, max_length=3)
    transform: str
    classes: list[str]
    explains: bool = Field(default=False, description="whether `explain=true` can be asked for")
    notice: str | None = Field(default=None, description="set when a fallback model answers")


class TimingMs(Wire):
    """Where the time went, in milliseconds."""

    queued: float
    decode: float
    inference: float
    total: float


class Problem(Wire):
    """An error as RFC 9457 spells it."""

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
    """How one item ended: predictions, model and timing, or an error."""

    predictions: list[Prediction] | None = None
    model: ModelInfo | None = None
    timing_ms: TimingMs | None = None
    error: Problem | None = None


class WorkerReport(Wire):
    """What a worker's heartbeat says."""

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
        description="items ended per second of being busy; null while it starts",
    )


class WorkerBeat(WorkerReport):
    """What a heartbeat tells the other workers besides: nothing that a client is to see."""

    unstarted: list[str] = Field(
        default=[], description="ids of messages that it has taken and whose items it has not begun"
    )


def dump(message: Wire) -> dict[str, Any]:
    """A message as plain JSON types, absent fields left out."""
    return message.model_dump(mode="json", exclude_none=True)


# How many classes a response has by default, and at most.
TOP_K_DEFAULT = 3
TOP_K_MAX = 100
# A map is six times as long as its class without one: 100 of them for each of 10,000 photos would
# fill Redis.
EXPLAIN_TOP_K_MAX = 10


@dataclass(frozen=True)
class ItemRef:
    """One delivery of one photo: which job, which place in it, and under which attempt."""

    job_id: str
    index: int
    attempt: int
