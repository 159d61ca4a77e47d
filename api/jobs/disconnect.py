"""Wait for an event, for the client to hang up, or for time to run out."""

import asyncio
import contextlib
from typing import Self

from starlette.requests import Request


async def _gone(request: Request) -> None:
    # The body has been read, so the next message can only be the disconnect.
    while (await request.receive())["type"] != "http.disconnect":
        pass


class DisconnectWatch:
    """Watches for the client's hanging up while a request waits; use once the body is read."""

    def __init__(self, request: Request) -> None:
        self._request = request

    async def __aenter__(self) -> Self:
        self._watch = asyncio.create_task(_gone(self._request))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch

    @property
    def happened(self) -> bool:
        """Whether the client has gone."""
        return self._watch.done()

    async def or_event(self, event: asyncio.Event, within_s: float) -> bool:
        """Whether the event came, rather than the hang-up or the end of time."""
        self._watch.add_done_callback(lambda _: event.set())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0, within_s)):
                await event.wait()
        return event.is_set() and not self.happened and within_s > 0
