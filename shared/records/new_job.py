"""A new job, and how `create.lua` takes it."""

import json
from dataclasses import dataclass, field

from shared.messages import ItemResult, Problem
from shared.queue.names import QueueName


@dataclass(frozen=True)
class NewItem:
    """One photo of a new job: stored under ``upload_key``, or invalid with ``problem``."""

    filename: str | None
    upload_key: str | None
    problem: Problem | None = None
    explain: bool = False
    min_confidence: float = 0.0


@dataclass(frozen=True)
class Idempotency:
    """The idempotency key of a request, and the digest of its contents and parameters."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class NewJob:
    """The data of a new job."""

    job_id: str
    queue: QueueName
    top_k: int
    items: list[NewItem] = field(repr=False)
    reply_to: str = ""
    idempotency: Idempotency | None = None
    owner: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Limits:
    """How many items may wait: in a queue, before and with a job's items, and of its owner."""

    queued: int
    room: int | None
    owned: int | None


def create_args(job: NewJob, ttl_s: int, limits: Limits, message: str) -> list[str | int]:
    """The arguments of ``create.lua``."""
    idempotency = job.idempotency
    args: list[str | int] = [
        job.job_id,
        job.queue.value,
        job.top_k,
        job.reply_to,
        ttl_s,
        limits.queued,
        idempotency.key if idempotency else "",
        idempotency.fingerprint if idempotency else "",
        job.owner,
        message,
        job.request_id,
        "" if limits.owned is None or not job.owner else limits.owned,
        "" if limits.room is None else limits.room,
    ]
    for item in job.items:
        error = ItemResult(error=item.problem) if item.problem else None
        args += [_dump(item), error.model_dump_json(exclude_none=True) if error else ""]
    return args


def _dump(item: NewItem) -> str:
    kept = {"filename": item.filename, "upload": item.upload_key}
    options = {"explain": item.explain, "min_confidence": item.min_confidence}
    return json.dumps(kept | {name: value for name, value in options.items() if value})
