"""The client for asyncio: the methods of ``client``, awaited."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import tenacity

from image_classifier_client import calls, flows
from image_classifier_client.connection import Connection, OnRetry
from image_classifier_client.models import Health, Job, JobItem, ModelCard, PredictAnswer
from image_classifier_client.photos import Photo, PhotoLike, photo_of

T = TypeVar("T")


class AsyncImageClassifier:
    """``ImageClassifier`` for asyncio: the same arguments, answers and errors.

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
        self._http = httpx.AsyncClient(**self._connection.options())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def predict(
        self, photo: PhotoLike, *, top_k: int = 3, explain: bool = False
    ) -> PredictAnswer:
        """As ``ImageClassifier.predict``."""
        read = await asyncio.to_thread(photo_of, photo)
        return await self._run(flows.predict(read, top_k, explain=explain))

    async def submit(
        self,
        photos: Iterable[PhotoLike],
        *,
        top_k: int = 3,
        explain: bool = False,
        idempotency_key: str | None = None,
    ) -> Job:
        """As ``ImageClassifier.submit``."""
        sent = await asyncio.to_thread(_read_all, photos)
        key = idempotency_key or uuid.uuid4().hex
        return await self._send(calls.submit(sent, top_k, key, explain=explain))

    async def job(self, job_id: str, *, offset: int = 0, limit: int = 100) -> Job:
        """As ``ImageClassifier.job``."""
        return await self._send(calls.job(job_id, offset, limit))

    async def wait(
        self,
        job_id: str,
        *,
        timeout_s: float | None = None,
        on_progress: flows.OnProgress | None = None,
    ) -> Job:
        """As ``ImageClassifier.wait``."""
        return await self._run(flows.wait(job_id, timeout_s, on_progress))

    async def results(self, job_id: str) -> AsyncIterator[JobItem]:
        """As ``ImageClassifier.results``."""
        total = (await self.wait(job_id)).counts.total
        for offset in range(0, total, calls.PAGE_MAX):
            page = await self.job(job_id, offset=offset, limit=calls.PAGE_MAX)
            for item in page.items:
                yield item

    async def cancel(self, job_id: str) -> Job:
        """As ``ImageClassifier.cancel``."""
        return await self._send(calls.cancel(job_id))

    async def health(self) -> Health:
        """As ``ImageClassifier.health``."""
        return await self._once(calls.health())

    async def model(self) -> ModelCard:
        """As ``ImageClassifier.model``."""
        return await self._send(calls.model())

    async def _run(self, flow: flows.Flow[T]) -> T:
        answer: Any = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = None
            if isinstance(step, calls.Call):
                answer = await self._send(step)
            else:
                await asyncio.sleep(step)

    async def _send(self, call: calls.Call[T]) -> T:
        return await tenacity.AsyncRetrying(**self._connection.retrying())(self._once, call)

    async def _once(self, call: calls.Call[T]) -> T:
        try:
            response = await self._http.send(call.request(self._http))
        except httpx.RequestError as error:
            raise self._connection.unreachable(error) from error
        return call.parse(response)


def _read_all(photos: Iterable[PhotoLike]) -> list[Photo]:
    return [photo_of(photo) for photo in photos]
