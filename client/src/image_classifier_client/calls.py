"""Each request of the API as a value: how it is built, and what its answer means.

Nothing here sends anything, so that both clients share it. Depends on httpx and the models.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from image_classifier_client.errors import (
    JobNotFound,
    ProblemError,
    ServiceUnavailable,
    Unauthorized,
    UnexpectedAnswer,
)
from image_classifier_client.models import Health, Job, ModelCard, PredictAnswer, Problem
from image_classifier_client.photos import Photo

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

# Items that one request may ask for.
PAGE_MAX = 1_000
# Below every proxy's usual patience; when it runs out the answer is a job, which is polled.
PREDICT_WAIT_S = 20
BUSY = {429, 502, 503, 504}


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request and the parser of its answer."""

    method: str
    path: str
    parse: Callable[[httpx.Response], T]
    params: Mapping[str, int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    photos: Sequence[tuple[str, Photo]] = ()

    def request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """The request, relative to the client's URL."""
        files = [(name, (photo.filename, photo.data)) for name, photo in self.photos]
        return client.build_request(
            self.method, self.path, params=self.params, headers=self.headers, files=files or None
        )


def predict(photo: Photo, top_k: int, *, explain: bool = False) -> Call[PredictAnswer | Job]:
    """``POST /predict``: the answer, or the job that goes on when waiting took too long."""

    def parse(response: httpx.Response) -> PredictAnswer | Job:
        if response.status_code == HTTPStatus.ACCEPTED:
            return _model(Job)(response)
        return _model(PredictAnswer)(response)

    return Call(
        "POST", "/predict", parse, _asked(top_k, explain=explain),
        {"Prefer": f"wait={PREDICT_WAIT_S}"}, [("file", photo)],
    )  # fmt: skip


def submit(
    photos: Sequence[Photo], top_k: int, idempotency_key: str, *, explain: bool = False
) -> Call[Job]:
    """``POST /jobs``; sent twice under one key it is one job."""
    headers = {"Idempotency-Key": idempotency_key}
    files = [("files", photo) for photo in photos]
    return Call("POST", "/jobs", _model(Job), _asked(top_k, explain=explain), headers, files)


def _asked(top_k: int, *, explain: bool) -> dict[str, int]:
    # an older service would not know the parameter
    return {"top_k": top_k, "explain": 1} if explain else {"top_k": top_k}


def job(job_id: str, offset: int = 0, limit: int = 100) -> Call[Job]:
    """``GET /jobs/{id}``: where it stands, with one page of items."""
    return Call("GET", _job_path(job_id), _model(Job), {"offset": offset, "limit": limit})


def cancel(job_id: str) -> Call[Job]:
    """``DELETE /jobs/{id}``."""
    return Call("DELETE", _job_path(job_id), _model(Job))


def health() -> Call[Health]:
    """``GET /health``, which answers 503 with the same body when it is ``unavailable``."""
    return Call("GET", "/health", _health)


def model() -> Call[ModelCard]:
    """``GET /model``."""
    return Call("GET", "/model", _model(ModelCard))


def _job_path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def _health(response: httpx.Response) -> Health:
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        try:
            return Health.model_validate_json(response.content)
        except ValidationError:
            pass  # a proxy's 503, or a problem
    return _model(Health)(response)


def _model(kind: type[M]) -> Callable[[httpx.Response], M]:
    def parse(response: httpx.Response) -> M:
        if not response.is_success:
            raise error_of(response)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            raise UnexpectedAnswer(
                f"What answers at {shown_url(response.request.url)} is no image classifier: "
                "check the URL."
            ) from error

    return parse


def shown_url(url: httpx.URL) -> str:
    """A URL as it may be shown: without user name, password and query."""
    return str(url.copy_with(userinfo=b"", query=None))


def error_of(response: httpx.Response) -> ProblemError:
    """The error that an answer stands for; a proxy's answer in its own words becomes one too."""
    problem = _problem(response)
    retry_after_s = seconds_until(response.headers.get("retry-after"))
    if problem.slug == "job_not_found":
        return JobNotFound(problem)
    if response.status_code in {401, 403}:
        return Unauthorized(problem)
    # with a job's id it is how the photo ended, and a photo that ends workers is not sent again
    if response.status_code in BUSY and problem.job_id is None:
        return ServiceUnavailable(problem, retry_after_s)
    return ProblemError(problem, retry_after_s)


def _problem(response: httpx.Response) -> Problem:
    status, reason = response.status_code, response.reason_phrase
    if "problem+json" in response.headers.get("content-type", ""):
        try:
            return Problem.model_validate_json(response.content)
        except ValidationError:
            pass
    where = response.headers.get("location")
    hint = f" It points to {where}: use that URL." if response.is_redirect and where else ""
    detail = f"{shown_url(response.request.url)} answered {status} {reason}.{hint}"
    return Problem(type=f"about:blank/http_{status}", title=reason, status=status, detail=detail)


def seconds_until(retry_after: str | None) -> float | None:
    """``Retry-After`` in seconds: it may be a number or a date; nonsense counts as absent."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(int(retry_after)))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
