"""Schemas of responses about jobs, health and readiness.

Those that workers and records also use, such as ``Problem`` and ``ModelCard``, are in
`shared.messages`.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import from_json, to_json

from shared.messages import (
    Concept,
    ItemResult,
    ItemState,
    JobState,
    ModelInfo,
    Prediction,
    Problem,
    TimingMs,
    Wire,
    WorkerReport,
    absent,
)
from shared.records.jobs import ItemRecord, JobRecord


def _with_milliseconds(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Pydantic leaves out a fraction of zero, one time in a thousand; clients parse with one format.
Time = Annotated[
    datetime,
    PlainSerializer(_with_milliseconds, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


_CONCEPT = (
    "the most specific concept above the classes whose confidences add up to 0.8 or more; absent "
    "if no concept does, and if the labels are your own"
)


class PredictAnswer(Wire):
    """The result of one photo, the most probable class first."""

    job_id: str
    filename: str | None
    status: Literal["succeeded"] = "succeeded"
    concept: Concept | None = Field(default=None, exclude_if=absent, description=_CONCEPT)
    predictions: list[Prediction]
    model: ModelInfo
    timing_ms: TimingMs

    @classmethod
    def of(cls, job_id: str, item: ItemRecord, result: ItemResult) -> "PredictAnswer":
        """From the record of an item that succeeded."""
        outcome = {
            name: getattr(result, name) for name in ("concept", "predictions", "model", "timing_ms")
        }
        return cls.model_construct(job_id=job_id, filename=item.filename, **outcome)


class Counts(Wire):
    """Number of items in each state; the five states add up to total."""

    total: int
    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int


class JobItem(Wire):
    """One photo of a job; once finished, it has the same result as from `/predict`."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    index: int
    filename: str | None
    status: ItemState
    concept: Concept | None = Field(default=None, exclude_if=absent, description=_CONCEPT)
    predictions: list[Prediction] | None = Field(default=None, exclude_if=absent)
    model: ModelInfo | None = Field(default=None, exclude_if=absent)
    timing_ms: TimingMs | None = Field(default=None, exclude_if=absent)
    error: Problem | None = Field(default=None, exclude_if=absent)

    @classmethod
    def of(cls, item: ItemRecord) -> "JobItem":
        """From an item's record."""
        result = item.result or ItemResult()
        return cls.model_construct(
            index=item.index,
            filename=item.filename,
            status=item.status,
            concept=result.concept,
            predictions=result.predictions,
            model=result.model,
            timing_ms=result.timing_ms,
            error=result.error,
        )


class JobProgress(Wire):
    """The progress of a job."""

    job_id: str
    status: JobState
    created_at: Time
    finished_at: Time | None = Field(description="when the last item was finished")
    expires_at: Time | None = Field(
        description="when the record is deleted; null until the job is finished"
    )
    counts: Counts

    @classmethod
    def of_record(cls, record: JobRecord) -> "JobProgress":
        """From a job's record."""
        return cls.model_construct(**_progress(record))


class Job(JobProgress):
    """A job with one page of its items, in the order in which they were sent."""

    items: list[JobItem]
    next: str | None = Field(
        description="path of the next page of items, relative to the address of the service"
    )

    @classmethod
    def of(cls, record: JobRecord, offset: int, limit: int) -> "Job":
        """From a job's record, read with the same offset and limit."""
        end = offset + limit
        following = f"/jobs/{record.job_id}?offset={end}&limit={limit}"
        return cls.model_construct(
            **_progress(record),
            items=[JobItem.of(item) for item in record.items],
            next=following if end < record.total else None,
        )


# What the JSON of a photo that succeeded has, in this order; some photos have no concept.
RESULT_FIELDS = [name for name in ItemResult.model_fields if name != "error"]
NO_CONCEPT = [name for name in RESULT_FIELDS if name != "concept"]
_FORMS = (RESULT_FIELDS, NO_CONCEPT, ["error"])


def item_json(item: ItemRecord) -> str:
    """The JSON of `JobItem`; its result is passed through as it is stored.

    A result in the form of another version is validated, and written in the form of this one.
    """
    stored = item.stored
    if not stored or list(from_json(stored)) not in _FORMS:
        return JobItem.of(item).model_dump_json()
    own = {"index": item.index, "filename": item.filename, "status": item.status}
    return f"{to_json(own).decode()[:-1]},{stored[1:]}"


def job_json(record: JobRecord, offset: int, limit: int) -> str:
    """The JSON of `Job.of`, with its items' results as they are stored."""
    job = Job.of(replace(record, items=[]), offset, limit).model_dump_json()
    items = ",".join(map(item_json, record.items))
    return job.replace('"items":[]', f'"items":[{items}]', 1)


class JobList(Wire):
    """One page of the batches of an owner, newest first, each without its items."""

    jobs: list[JobProgress]
    next: str | None = Field(
        description="path of the next page, with older batches, relative to the address of the "
        "service"
    )


def _progress(record: JobRecord) -> dict[str, Any]:
    return {
        "job_id": record.job_id,
        "status": record.status,
        "created_at": _time(record.created_ms),
        "finished_at": _time(record.finished_ms) if record.finished_ms else None,
        "expires_at": _time(record.expires_ms) if record.expires_ms else None,
        "counts": Counts(
            total=record.total, **{state.value: record.counts[state] for state in ItemState}
        ),
    }


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


class BrokerHealth(Wire):
    """Whether Redis responds, and its last response time."""

    status: Literal["up", "down"]
    latency_ms: float | None


class WorkerHealth(WorkerReport):
    """A worker's report and its age; the status is `stalled` if the report is too old."""

    heartbeat_age_s: float


class QueueDepths(Wire):
    """Number of items that wait in each queue."""

    interactive: int
    batch: int


HealthStatus = Literal["ok", "degraded", "unavailable"]


class Health(Wire):
    """The state of the service."""

    status: HealthStatus
    broker: BrokerHealth
    workers: list[WorkerHealth]
    queues: QueueDepths
    notice: str | None = Field(
        default=None, exclude_if=absent, description="set when a fallback model is in use"
    )


class Alive(Wire):
    """This process responds."""

    status: Literal["ok"] = "ok"


class Readiness(Wire):
    """The status of the service, without the details."""

    status: HealthStatus
