"""Both clients of the SDK behind one face."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable
from typing import Any

from image_classifier_client import (
    AsyncImageClassifier,
    ImageClassifier,
)


class Awaited:
    """The asyncio client behind the methods of the other one, so that one test asks both."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._loop = asyncio.Runner()
        self._client = AsyncImageClassifier(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            result = getattr(self._client, name)(*arguments, **options)
            if inspect.isasyncgen(result):
                return self._loop.run(_all(result))
            return self._loop.run(_await(result))

        return call

    def close(self) -> None:
        self._loop.run(self._client.aclose())
        self._loop.close()


async def _await(result: Awaitable[Any]) -> Any:
    return await result


async def _all(results: AsyncIterator[Any]) -> list[Any]:
    return [result async for result in results]


Client = ImageClassifier | Awaited


KINDS: list[type[Client]] = [ImageClassifier, Awaited]
