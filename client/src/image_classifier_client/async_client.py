"""The client for asyncio: the same methods as ``client``, to be awaited."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
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


class AsyncImageClassifier:
    """``ImageClassifier`` for asyncio, with the same arguments, results and errors.

    Close it with ``aclose``, or use it in an ``async with`` block. Files are read in a thread.
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
        self._http = httpx2.AsyncClient(**self._connection.options())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def predict(
        self,
        photo: PhotoLike,
        *,
        top_k: int = 3,
        explain: bool = False,
        min_confidence: float = 0.0,
        timeout_s: float | None = PREDICT_TIMEOUT_S,
    ) -> PredictAnswer:
        """See ``ImageClassifier.predict``."""
        loaded = await asyncio.to_thread(load_photo, photo)
        wait_s = self._connection.predict_wait_s
        return await self._run(
            polling.predict(
                loaded, top_k, wait_s, timeout_s, explain=explain, min_confidence=min_confidence
            )
        )

    async def submit(
        self,
        photos: PhotoLike | Iterable[PhotoLike],
        *,
        top_k: int = 3,
        explain: bool = False,
        min_confidence: float = 0.0,
        idempotency_key: str | None = None,
    ) -> Job:
        """See ``ImageClassifier.submit``."""
        loaded = await asyncio.to_thread(load_photos, photos)
        key = idempotency_key or uuid.uuid4().hex
        return await self._send(
            api_requests.submit(loaded, top_k, key, explain=explain, min_confidence=min_confidence)
        )

    async def job(self, job_id: str, *, offset: int = 0, limit: int = 100) -> Job:
        """See ``ImageClassifier.job``."""
        return await self._send(api_requests.job(job_id, offset, limit))

    async def jobs(self, status: JobStatus | None = None) -> AsyncIterator[Job]:
        """See ``ImageClassifier.jobs``."""
        following: str | None = ""
        while following is not None:
            page = await self._send(api_requests.jobs(status, following))
            for job in page.jobs:
                yield job
            following = page.next

    async def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        on_progress: polling.OnProgress | None = None,
    ) -> Job:
        """See ``ImageClassifier.wait``."""
        return await self._run(polling.wait(job_id, timeout_s, on_progress))

    async def results(
        self, job_id: str, *, timeout_s: float | None = None
    ) -> AsyncIterator[JobItem]:
        """See ``ImageClassifier.results``."""
        total = (await self.wait(job_id, timeout_s=timeout_s)).counts.total
        for offset in range(0, total, api_requests.PAGE_MAX):
            page = await self.job(job_id, offset=offset, limit=api_requests.PAGE_MAX)
            for item in page.items:
                yield item

    async def cancel(self, job_id: str) -> Job:
        """See ``ImageClassifier.cancel``."""
        return await self._send(api_requests.cancel(job_id))

    async def health(self) -> Health:
        """See ``ImageClassifier.health``."""
        return await self._once(api_requests.health())

    async def model(self) -> ModelCard:
        """See ``ImageClassifier.model``."""
        return await self._send(api_requests.model())

    async def _run(self, operation: polling.Operation[T]) -> T:
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
                    response = await self._send(step)
                except ClassifierError as error:
                    operation.throw(error)
            else:
                await asyncio.sleep(step)

    async def _send(self, request: ApiRequest[T]) -> T:
        retrying = tenacity.AsyncRetrying(**self._connection.retry_options())
        return await retrying(self._once, request)

    async def _once(self, request: ApiRequest[T]) -> T:
        try:
            response = await self._http.send(self._connection.build(request, self._http))
        except httpx2.RequestError as error:
            raise self._connection.unreachable(error) from error
        return request.parse(response)
