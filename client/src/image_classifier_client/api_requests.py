"""Each request of the API as a value: how it is built, and how its response is read.

Nothing is sent from here, so that both clients share it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

import httpx2
from pydantic import BaseModel, ValidationError

from image_classifier_client.errors import (
    JobNotFound,
    ProblemError,
    ServiceUnavailable,
    Unauthorized,
    UnexpectedAnswer,
)
from image_classifier_client.models import (
    Health,
    Job,
    JobPage,
    JobStatus,
    ModelCard,
    PredictAnswer,
    Problem,
)
from image_classifier_client.photos import Photo, sendable_name

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

# The most items of a job that one request may ask for.
PAGE_MAX = 1_000
# How many jobs one page of the list has.
JOBS_PAGE = 100
# Shorter than the timeout of every usual proxy. After that the service returns a job to poll.
PREDICT_WAIT_S = 20
BUSY = {429, 502, 503, 504}
# A longer Retry-After is nonsense.
RETRY_AFTER_MAX_S = 366 * 24 * 3_600


@dataclass(frozen=True)
class ApiRequest(Generic[T]):
    """One request and the parser of its response."""

    method: str
    path: str
    parse: Callable[[httpx2.Response], T]
    params: Mapping[str, int | float | str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    photos: Sequence[tuple[str, Photo]] = ()

    def build(
        self, client: httpx2.Client | httpx2.AsyncClient, proxy: str | None = None
    ) -> httpx2.Request:
        """Build the request.

        Args:
            client: Its base URL and headers are used.
            proxy: The proxy that errors should name.
        """
        files = [(name, (sendable_name(photo.filename), photo.data)) for name, photo in self.photos]
        return client.build_request(
            self.method,
            self.path,
            params=self.params,
            headers=self.headers,
            files=files or None,
            extensions={PROXY: proxy} if proxy else None,
        )


# The extension of a request that carries the proxy's name to the parser of the response.
PROXY = "image_classifier_client.proxy"


def predict(
    photo: Photo,
    top_k: int,
    wait_s: int = PREDICT_WAIT_S,
    *,
    explain: bool = False,
    min_confidence: float = 0.0,
) -> ApiRequest[PredictAnswer | Job]:
    """``POST /predict``: the result, or after ``wait_s`` the job that continues."""

    def parse(response: httpx2.Response) -> PredictAnswer | Job:
        if response.status_code == HTTPStatus.ACCEPTED:
            return _model(Job)(response)
        return _model(PredictAnswer)(response)

    headers = {"Prefer": f"wait={wait_s}"}
    query = _query(top_k, explain, min_confidence)
    return ApiRequest("POST", "/predict", parse, query, headers, [("file", photo)])


def submit(
    photos: Sequence[Photo],
    top_k: int,
    idempotency_key: str,
    *,
    explain: bool = False,
    min_confidence: float = 0.0,
) -> ApiRequest[Job]:
    """``POST /jobs``. Sent twice with the same key, it creates one job."""
    headers = {"Idempotency-Key": idempotency_key}
    files = [("files", photo) for photo in photos]
    query = _query(top_k, explain, min_confidence)
    return ApiRequest("POST", "/jobs", _model(Job), query, headers, files)


def _query(top_k: int, explain: bool, min_confidence: float) -> dict[str, int | float]:
    # an older service knows only top_k
    options = {"explain": int(explain), "min_confidence": min_confidence}
    return {"top_k": top_k} | {name: value for name, value in options.items() if value}


def job(job_id: str, offset: int = 0, limit: int = 100) -> ApiRequest[Job]:
    """``GET /jobs/{id}``: the job's progress and one page of its items."""
    return ApiRequest("GET", _job_path(job_id), _model(Job), {"offset": offset, "limit": limit})


def jobs(status: JobStatus | None, following: str) -> ApiRequest[JobPage]:
    """``GET /jobs``: the newest jobs, or the page whose path is ``following``."""
    first = {"limit": str(JOBS_PAGE), **({"status": status} if status else {})}
    query = dict(parse_qsl(urlsplit(following).query)) or first
    return ApiRequest("GET", "/jobs", _model(JobPage), query)


def cancel(job_id: str) -> ApiRequest[Job]:
    """``DELETE /jobs/{id}``."""
    return ApiRequest("DELETE", _job_path(job_id), _model(Job))


def health() -> ApiRequest[Health]:
    """``GET /health``, which returns the same body with status 503 when it is ``unavailable``."""
    return ApiRequest("GET", "/health", _health)


def model() -> ApiRequest[ModelCard]:
    """``GET /model``."""
    return ApiRequest("GET", "/model", _model(ModelCard))


def _job_path(job_id: str) -> str:
    if not job_id:
        raise ValueError("the job id is empty")
    return f"/jobs/{quote(job_id, safe='')}"


def _health(response: httpx2.Response) -> Health:
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        try:
            return Health.model_validate_json(response.content)
        except ValidationError:
            pass  # a proxy's 503, or a problem document
    return _model(Health)(response)


def _model(kind: type[M]) -> Callable[[httpx2.Response], M]:
    def parse(response: httpx2.Response) -> M:
        if not response.is_success:
            raise error_of(response)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            raise UnexpectedAnswer(
                f"{_source(response)} is not an image classifier service: check the URL"
            ) from error

    return parse


def safe_url(url: httpx2.URL) -> str:
    """The URL without user name, password and query, so that it can be shown."""
    return str(url.copy_with(userinfo=b"", query=None))


def _source(response: httpx2.Response) -> str:
    """Where a response came from, in words."""
    proxy = response.request.extensions.get(PROXY)
    through = f" through the proxy {proxy}" if proxy else ""
    return f"{safe_url(response.request.url)}{through}"


def error_of(response: httpx2.Response) -> ProblemError:
    """The error that a response stands for.

    Only a problem document comes from the service itself. Any other response, such as a proxy's
    own, becomes an error that names its source.
    """
    problem = _document(response)
    if problem is None:
        problem = _foreign(response)
    elif problem.slug == "job_not_found":
        return JobNotFound(problem)
    elif response.status_code in {401, 403}:
        return Unauthorized(problem)
    retry_after_s = seconds_until(response.headers.get("retry-after"))
    # with a job id it is the result of the photo; one that crashes workers is not sent again
    if response.status_code in BUSY and problem.job_id is None:
        return ServiceUnavailable(problem, retry_after_s)
    return ProblemError(problem, retry_after_s)


def _document(response: httpx2.Response) -> Problem | None:
    if "problem+json" not in response.headers.get("content-type", ""):
        return None
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return None


def _foreign(response: httpx2.Response) -> Problem:
    status, reason = response.status_code, response.reason_phrase
    location = response.headers.get("location")
    hint = (
        f" It redirects to {location}: use that URL." if response.is_redirect and location else ""
    )
    detail = f"{_source(response)} responded with {status} {reason}.{hint}"
    return Problem(type=f"about:blank/http_{status}", title=reason, status=status, detail=detail)


def seconds_until(retry_after: str | None) -> float | None:
    """Read a ``Retry-After`` header.

    Returns:
        Seconds from now, 0 for a date in the past; ``None`` if there is no header or it is neither
        a number of seconds nor a date with its zone (RFC 9110, 10.2.3).
    """
    text = (retry_after or "").strip()
    if re.fullmatch("[0-9]{1,10}", text):
        seconds = float(text)
    else:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if seconds <= RETRY_AFTER_MAX_S else None
