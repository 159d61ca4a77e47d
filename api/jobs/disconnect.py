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
    """Sets an event when the client hangs up; use it once the body is read.

    Args:
        request: Whose client is watched.
        event: Also set by whatever else the request waits for.
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
        """Whether the client has gone."""
        return self._watch.done()

    async def event_within(self, seconds: float) -> bool:
        """Wait for the event; ``False`` when the client has gone or time has run out."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0, seconds)):
                await self._event.wait()
        return self._event.is_set() and not self.happened and seconds > 0
