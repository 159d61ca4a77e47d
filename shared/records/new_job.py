"""The data of a new job."""

from dataclasses import dataclass, field

from shared.messages import Problem
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
