"""The errors of items and requests, one class for each slug that clients see.

An error contains one string, its detail, which says what to do. Slug, status and title belong to
the class. A single string survives serialization, and each class is one row of the error table.
"""

from typing import ClassVar


class ServiceError(Exception):
    """Base of every error that a client may see.

    Args:
        detail: One or two sentences for the client: what is wrong and what to do.
    """

    slug: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class RetryableError(ServiceError):
    """An error that is not the client's fault; try again after ``retry_after_s`` seconds."""

    status = 503

    def __init__(self, detail: str, retry_after_s: int = 2) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class MalformedRequest(ServiceError):
    """The body is not in the declared format, or contains no photo."""

    slug, status, title = "malformed_request", 400, "Malformed request"


class Unauthorized(ServiceError):
    """The request needs an API key, and has none or an invalid one."""

    slug, status, title = "unauthorized", 401, "Unauthorized"


class RequestTimeout(ServiceError):
    """The request headers or the body arrived too slowly."""

    slug, status, title = "request_timeout", 408, "Request timeout"


class JobNotFound(ServiceError):
    """No such job, or its record has expired."""

    slug, status, title = "job_not_found", 404, "Job not found"


class ModelNotFound(ServiceError):
    """The service does not serve the model that the path names."""

    slug, status, title = "model_not_found", 404, "Model not found"


class JobCancelled(ServiceError):
    """The job was cancelled before this item ran."""

    slug, status, title = "job_cancelled", 409, "Job cancelled"


class IdempotencyConflict(ServiceError):
    """The Idempotency-Key belongs to a job with other photos, names or parameters."""

    slug, status, title = "idempotency_conflict", 409, "Idempotency conflict"


class UploadTooLarge(ServiceError):
    """The upload has more bytes or photos than allowed."""

    slug, status, title = "upload_too_large", 413, "Upload too large"


class UnsupportedMediaType(ServiceError):
    """The content is of no accepted format, or it is compressed."""

    slug, status, title = "unsupported_media_type", 415, "Unsupported media type"

    def __init__(self, detail: str, accept_encoding: str | None = None) -> None:
        super().__init__(detail)
        # the codings that are accepted, where another one is the cause (RFC 9110 15.5.16)
        self.accept_encoding = accept_encoding


class InvalidImage(ServiceError):
    """A photo that cannot be decoded, or has too many pixels."""

    slug, status, title = "invalid_image", 422, "Invalid image"


class InvalidParameter(ServiceError):
    """A parameter or header is unknown or out of range."""

    slug, status, title = "invalid_parameter", 422, "Invalid parameter"


# Only models that end in an average over the photo and one linear layer have activation maps.
NO_MAPS = "This model has no class activation maps. Send the request without explain=true."
MODEL_FAILED = (
    "The model failed on this photo. Try again. If it fails again, save the photo again as JPEG or "
    "PNG and send that."
)


class BrokerUnavailable(RetryableError):
    """The job queue or the upload store is unreachable."""

    slug, title = "broker_unavailable", "Broker unavailable"


class QueueFull(RetryableError):
    """The queue is full, or the photo would wait too long in it."""

    slug, title = "queue_full", "Queue full"


class OwnerQueueFull(RetryableError):
    """Too many photos of the API key's owner are queued; those of other owners are accepted."""

    slug, status, title = "owner_queue_full", 429, "Owner's queue full"


class NoWorkers(RetryableError):
    """No worker is ready, and the request waits for its result."""

    slug, title = "no_workers", "No workers"


class ResultTimeout(ServiceError):
    """There was no result in the time that the client waits; the photo was cancelled."""

    slug, status, title = "result_timeout", 504, "Result timeout"


class WorkerLost(RetryableError):
    """Processing this photo by itself crashed the worker twice."""

    slug, title = "worker_lost", "Worker lost"


class ItemTimeout(RetryableError):
    """Processing this photo exceeded the time limit."""

    slug, title = "item_timeout", "Item timeout"


class UploadLost(RetryableError):
    """The photo's bytes disappeared from the upload store before a worker read them."""

    slug, title = "upload_lost", "Upload lost"


class InferenceFailed(RetryableError):
    """The model failed on this photo, in a batch and by itself."""

    slug, title = "inference_failed", "Inference failed"


# The errors that an item of an accepted job can end with.
ITEM_ERRORS: tuple[type[ServiceError], ...] = (
    MalformedRequest,
    UploadTooLarge,
    UnsupportedMediaType,
    InvalidImage,
    InvalidParameter,
    WorkerLost,
    ItemTimeout,
    UploadLost,
    InferenceFailed,
)


# The errors of a request that waits for its photos' results.
OF_WAITING: tuple[type[ServiceError], ...] = (
    MalformedRequest,
    RequestTimeout,
    JobCancelled,
    UploadTooLarge,
    UnsupportedMediaType,
    InvalidImage,
    InvalidParameter,
    BrokerUnavailable,
    QueueFull,
    OwnerQueueFull,
    NoWorkers,
    WorkerLost,
    ItemTimeout,
    UploadLost,
    InferenceFailed,
)


def every_error(base: type[ServiceError] = ServiceError) -> list[type[ServiceError]]:
    """All concrete error classes."""
    found: list[type[ServiceError]] = []
    for sub in base.__subclasses__():
        found += every_error(sub) if sub.__subclasses__() else [sub]
    return found
