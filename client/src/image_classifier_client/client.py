"""The blocking client. ``async_client`` has the same methods for asyncio."""

import time
import uuid
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
import tenacity

from image_classifier_client import api_requests, polling
from image_classifier_client.api_requests import ApiRequest
from image_classifier_client.connection import PREDICT_TIMEOUT_S, Connection, OnRetry
from image_classifier_client.errors import ClassifierError
from image_classifier_client.models import Health, Job, JobItem, JobStatus, ModelCard, PredictAnswer
from image_classifier_client.photos import PhotoLike, load_photo, load_photos

T = TypeVar("T")


class ImageClassifier:
    """Client of an Image Classifier API. Close it, or use it in a ``with`` block.

    Every method raises a ``ClassifierError``: ``ServiceUnreachable`` if nothing answers,
    ``ServiceUnavailable`` if the service is too busy or one of its parts is down (both after
    retries for ``retry_for_s``, at the intervals of ``Retry-After``), ``Unauthorized`` without a
    valid API key, another ``ProblemError`` for a request that the service rejects, and
    ``UnexpectedAnswer`` if the URL belongs to something else.

    The proxy settings of the environment (``HTTPS_PROXY``, ``NO_PROXY``, …) apply, except for
    services on this computer.

    Args:
        url: Base URL of the service. Default: ``CLASSIFIER_URL``, or ``http://127.0.0.1:8000``.
        api_key: Default: ``CLASSIFIER_API_KEY``, or no key.
        timeout_s: Seconds without a byte after which a request has failed.
        retry_for_s: Seconds for which a request is tried again; 0 for a single attempt.
        on_retry: Called with the error and the seconds to wait before each new attempt.

    Raises:
        ValueError: The URL, the API key, a time or a proxy setting is invalid.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        retry_for_s: float = 30.0,
        on_retry: OnRetry | None = None,
    ) -> None:
        self._connection = Connection.of(url, api_key, timeout_s, retry_for_s, on_retry)
        self._http = httpx2.Client(**self._connection.options())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def predict(
        self,
        photo: PhotoLike,
        *,
        top_k: int = 3,
        explain: bool = False,
        min_confidence: float = 0.0,
        timeout_s: float | None = PREDICT_TIMEOUT_S,
    ) -> PredictAnswer:
        """Classify one photo and wait for the result.

        Args:
            photo: A path, the bytes of a photo's file, an open binary file, a ``Photo``, a
                Pillow image, or a uint8 array of shape (height, width), (height, width, 3) in RGB
                or (height, width, 4) in RGBA.
            top_k: How many classes to return, 1 to 100.
            explain: Whether to return a class activation map with each class; ``top_k`` may then
                be at most 10.
            min_confidence: Leave out classes with a lower confidence, 0 to 1; possibly all.
            timeout_s: Seconds to wait for the result, once the service has accepted the photo;
                ``None`` to wait for ever.

        Raises:
            ProblemError: ``unsupported_media_type``, ``invalid_image``, ``upload_too_large``, or
                the reason why the photo failed: ``worker_lost``, ``item_timeout``,
                ``inference_failed``.
            WaitTimeout: There is no result after ``timeout_s``. The photo is still in the queue:
                ``results(error.job_id)`` waits for it.
            OSError: The file cannot be read.
            TypeError: ``photo`` is something else.
        """
        wait_s = self._connection.predict_wait_s
        return self._run(
            polling.predict(
                load_photo(photo), top_k, wait_s, timeout_s,
                explain=explain, min_confidence=min_confidence,
            )
        )  # fmt: skip

    def submit(
        self,
        photos: PhotoLike | Iterable[PhotoLike],
        *,
        top_k: int = 3,
        explain: bool = False,
        min_confidence: float = 0.0,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit photos as a job, without waiting for their results.

        All photos are held in memory until the service has them: send a large folder as several
        jobs of some hundred photos.

        Args:
            photos: One photo or several, each as for ``predict``. ``results`` keeps their order.
            top_k: How many classes to return, 1 to 100.
            explain: Whether to return a class activation map with each class; ``top_k`` may then
                be at most 10.
            min_confidence: Leave out classes with a lower confidence, 0 to 1; possibly all.
            idempotency_key: The same photos with the same key are the same job. Default: a new
                key, which makes the retries within this call safe.

        Raises:
            ProblemError: ``upload_too_large``: send the photos as several jobs.
            OSError: A file cannot be read.
            TypeError: One is not a photo.
            ValueError: There are no photos.
        """
        loaded = load_photos(photos)
        key = idempotency_key or uuid.uuid4().hex
        return self._send(
            api_requests.submit(loaded, top_k, key, explain=explain, min_confidence=min_confidence)
        )

    def job(self, job_id: str, *, offset: int = 0, limit: int = 100) -> Job:
        """Return a job's progress, and at most ``limit`` (1,000) of its items from ``offset`` on.

        Raises:
            JobNotFound: The job does not exist, or it has expired.
        """
        return self._send(api_requests.job(job_id, offset, limit))

    def jobs(self, status: JobStatus | None = None) -> Iterator[Job]:
        """Yield the jobs that ``submit`` has made with this API key, or without keys all jobs.

        The newest comes first, and each is without its items. ``status``: only jobs in this state.
        """
        following: str | None = ""
        while following is not None:
            page = self._send(api_requests.jobs(status, following))
            yield from page.jobs
            following = page.next

    def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        on_progress: polling.OnProgress | None = None,
    ) -> Job:
        """Wait until every item of a job is finished; return the job with its first item.

        Args:
            job_id: From ``submit``.
            timeout_s: Seconds to wait at most; ``None`` to wait for ever.
            on_progress: Called with the job after each poll.

        Raises:
            JobNotFound: The job does not exist, or it has expired.
            WaitTimeout: The job is not finished after ``timeout_s``. It continues.
        """
        return self._run(polling.wait(job_id, timeout_s, on_progress))

    def results(self, job_id: str, *, timeout_s: float | None = None) -> Iterator[JobItem]:
        """Wait for a job, then yield its items in the order of the photos.

        Args:
            job_id: From ``submit``.
            timeout_s: Seconds to wait for the job at most; ``None`` to wait for ever.

        Raises:
            JobNotFound: The job does not exist, or it has expired.
            WaitTimeout: The job is not finished after ``timeout_s``. It continues.
        """
        total = self.wait(job_id, timeout_s=timeout_s).counts.total
        for offset in range(0, total, api_requests.PAGE_MAX):
            yield from self.job(job_id, offset=offset, limit=api_requests.PAGE_MAX).items

    def cancel(self, job_id: str) -> Job:
        """Cancel the items of a job that are still queued. Items that are running may finish.

        Raises:
            JobNotFound: The job does not exist, or it has expired.
        """
        return self._send(api_requests.cancel(job_id))

    def health(self) -> Health:
        """Return the state of broker, workers and queues, in a single attempt."""
        return self._once(api_requests.health())

    def model(self) -> ModelCard:
        """Return the model in use and its classes."""
        return self._send(api_requests.model())

    def _run(self, operation: polling.Operation[T]) -> T:
        response: Any = None
        while True:
            try:
                step = operation.send(response)
            except StopIteration as end:
                result: T = end.value
                return result
            response = None
            if isinstance(step, ApiRequest):
                try:
                    response = self._send(step)
                except ClassifierError as error:
                    operation.throw(error)
            else:
                time.sleep(step)

    def _send(self, request: ApiRequest[T]) -> T:
        result: T = tenacity.Retrying(**self._connection.retry_options())(self._once, request)
        return result

    def _once(self, request: ApiRequest[T]) -> T:
        try:
            response = self._http.send(self._connection.build(request, self._http))
        except httpx2.RequestError as error:
            raise self._connection.unreachable(error) from error
        return request.parse(response)
