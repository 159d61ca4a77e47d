"""The client for ordinary code. Its twin for asyncio is in ``aio``; both share calls and flows."""

import time
import uuid
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import tenacity

from image_classifier_client import calls, flows
from image_classifier_client.connection import Connection, OnRetry
from image_classifier_client.models import Health, Job, JobItem, ModelCard, PredictAnswer
from image_classifier_client.photos import PhotoLike, photo_of

T = TypeVar("T")


class ImageClassifier:
    """A connection to the service; close it, or use it in a ``with`` block.

    Every method raises ``ServiceUnreachable`` when nothing answers, ``ServiceUnavailable`` when
    the service is too busy or a part of it is away (both after trying again for ``retry_for_s``,
    as ``Retry-After`` says), ``Unauthorized`` without a good key, another ``ProblemError`` for
    what the service refuses, and ``UnexpectedAnswer`` when the URL is something else's. All are
    ``ClassifierError``.

    Args:
        url: Of the service; default ``CLASSIFIER_URL``, else ``http://127.0.0.1:8000``.
        api_key: Default ``CLASSIFIER_API_KEY``, else none.
        timeout_s: Seconds without a byte after which a request has failed.
        retry_for_s: Seconds for which a request is tried again; 0 is once only.
        on_retry: Called with the error and the seconds to wait before each new try.

    Raises:
        ValueError: The URL or the key is none.
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
        self._http = httpx.Client(**self._connection.options())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def predict(self, photo: PhotoLike, *, top_k: int = 3, explain: bool = False) -> PredictAnswer:
        """Classify one photo and wait for the answer.

        Args:
            photo: A path, a file's bytes, an open binary file, or a ``Photo``.
            top_k: How many classes to answer, 1 to 100.
            explain: Whether each class is to come with a class activation map, for
                which ``top_k`` is at most 10.

        Raises:
            ProblemError: ``unsupported_media_type``, ``invalid_image``, ``upload_too_large``,
                or how the photo ended: ``worker_lost``, ``item_timeout``, ``inference_failed``.
            OSError: The file cannot be read.
        """
        return self._run(flows.predict(photo_of(photo), top_k, explain=explain))

    def submit(
        self,
        photos: Iterable[PhotoLike],
        *,
        top_k: int = 3,
        explain: bool = False,
        idempotency_key: str | None = None,
    ) -> Job:
        """Have many photos classified; returns at once, with the job to wait for.

        The photos' bytes are held until the service has them: send a large folder as several jobs
        of some hundred photos.

        Args:
            photos: In the order in which ``results`` will have them.
            top_k: How many classes to answer, 1 to 100.
            explain: Whether each class is to come with a class activation map, for
                which ``top_k`` is at most 10.
            idempotency_key: Sent again under one key, the same photos are the same job; default a
                new one, which makes trying again safe within this call.

        Raises:
            ProblemError: ``upload_too_large``: send it as several jobs.
            OSError: A file cannot be read.
        """
        sent = [photo_of(photo) for photo in photos]
        key = idempotency_key or uuid.uuid4().hex
        return self._send(calls.submit(sent, top_k, key, explain=explain))

    def job(self, job_id: str, *, offset: int = 0, limit: int = 100) -> Job:
        """Where a job stands, with at most ``limit`` (1,000) items from ``offset`` on.

        Raises:
            JobNotFound: There is none, or it has expired.
        """
        return self._send(calls.job(job_id, offset, limit))

    def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        on_progress: flows.OnProgress | None = None,
    ) -> Job:
        """Wait until every item of a job has ended; returns it with its first item.

        Args:
            job_id: From ``submit``.
            timeout_s: Seconds to wait at the most.
            on_progress: Called with the job each time it was looked at.

        Raises:
            JobNotFound: There is none, or it has expired.
            WaitTimeout: It takes longer.
        """
        return self._run(flows.wait(job_id, timeout_s, on_progress))

    def results(self, job_id: str) -> Iterator[JobItem]:
        """Wait for a job, then every item in the order in which the photos were sent.

        Raises:
            JobNotFound: There is none, or it has expired.
        """
        total = self.wait(job_id).counts.total
        for offset in range(0, total, calls.PAGE_MAX):
            yield from self.job(job_id, offset=offset, limit=calls.PAGE_MAX).items

    def cancel(self, job_id: str) -> Job:
        """Drop what is queued of a job; what runs may finish.

        Raises:
            JobNotFound: There is none, or it has expired.
        """
        return self._send(calls.cancel(job_id))

    def health(self) -> Health:
        """How broker, workers and queues are; asked once, also when nothing answers."""
        return self._once(calls.health())

    def model(self) -> ModelCard:
        """The model that answers, and its classes."""
        return self._send(calls.model())

    def _run(self, flow: flows.Flow[T]) -> T:
        answer: Any = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = None
            if isinstance(step, calls.Call):
                answer = self._send(step)
            else:
                time.sleep(step)

    def _send(self, call: calls.Call[T]) -> T:
        answer: T = tenacity.Retrying(**self._connection.retrying())(self._once, call)
        return answer

    def _once(self, call: calls.Call[T]) -> T:
        try:
            response = self._http.send(call.request(self._http))
        except httpx.RequestError as error:
            raise self._connection.unreachable(error) from error
        return call.parse(response)
