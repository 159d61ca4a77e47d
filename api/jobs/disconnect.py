"""Notices that a client disconnects while its request waits for a job.

`api.routes.predict` cancels the job of such a client.
"""

import asyncio
import contextlib
from typing import Self

from starlette.requests import Request


async def _gone(request: Request) -> None:
    # The body has been read, so the next message can only be the disconnect.
    while (await request.receive())["type"] != "http.disconnect":
        pass


class DisconnectWatch:
    """Sets an event when the client disconnects; enter it after the body was read.

    Args:
        request: The request of the client.
        event: The event that the request waits for.
    """

    def __init__(self, request: Request, event: asyncio.Event) -> None:
        self._request = request
        self._event = event

    async def __aenter__(self) -> Self:
        self._watch = asyncio.create_task(_gone(self._request))
        self._watch.add_done_callback(lambda _: self._event.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch

    @property
    def happened(self) -> bool:
        """Whether the client has disconnected."""
        return self._watch.done()

    async def event_within(self, seconds: float) -> bool:
        """Wait for the event; ``False`` if the client disconnects or the time runs out first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0, seconds)):
                await self._event.wait()
        return self._event.is_set() and not self.happened and seconds > 0
