"""Wakes a request that waits for its job: the job is finished, or the client has disconnected.

One pub/sub connection per process serves all requests. When a job is finished, a worker publishes
the job's id, and the result of its one photo, on the channel that is stored in the job. No request
polls. After a lost connection, every waiting request is woken once and reads its job.

If the client disconnects first, its job is cancelled, and the photos that still wait are not
classified. Its request ends with `ClientDisconnect`.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Iterator
from typing import Self

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from starlette.requests import ClientDisconnect, Request

from api.jobs.service import JobService
from api.redis_client import own_time_within
from shared import log, redis_keys
from shared.errors import BrokerUnavailable
from shared.redis_client import REDIS_DOWN

_log = log.get(__name__)

LISTEN_S = 1.0
# redis-py never notices a half-open connection, so a silent connection is pinged and then dropped.
# Unanswered pings are counted, not seconds: a process that was paused has received nothing
# meanwhile, although the connection works.
SILENT_PINGS = 3
SILENT_S = 3.0
RECONNECT_S = 0.2


class Completion(asyncio.Event):
    """Set when the job may be finished.

    ``ended`` is the item's state and result, if the message contained them.
    """

    ended: str | None = None


class CompletionListener:
    """Wakes the requests that wait for a job.

    Args:
        client: An asyncio client whose sockets have no read timeout.
    """

    def __init__(self, client: Redis) -> None:
        self.channel = redis_keys.DONE_CHANNEL + uuid.uuid4().hex
        self.subscribed = asyncio.Event()
        self._client = client
        self._waiting: dict[str, Completion] = {}

    @property
    def count(self) -> int:
        """How many requests of this process are waiting."""
        return len(self._waiting)

    @contextlib.contextmanager
    def expect(self, job_id: str) -> Iterator[Completion]:
        """An event that is set when the job is finished; enter before creating the job."""
        event = self._waiting[job_id] = Completion()
        try:
            yield event
        finally:
            del self._waiting[job_id]

    async def run(self) -> None:
        """Listen until cancelled; reconnect after every outage of Redis."""
        while True:
            pubsub = self._client.pubsub()
            try:
                await self._listen(pubsub)
            except REDIS_DOWN as error:
                if self.subscribed.is_set():
                    _log.warning("subscription lost", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - without a listener every request would time out
                _log.exception("listener failed, trying again")
            finally:
                self.subscribed.clear()
                await _drop(pubsub)
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self, pubsub: PubSub) -> None:
        async with own_time_within(SILENT_S):
            await pubsub.subscribe(self.channel)
        unanswered = 0
        while True:
            message = await pubsub.get_message(timeout=LISTEN_S)
            if message is not None:
                unanswered = 0
                self._handle(message["type"], message["data"])
            elif unanswered == SILENT_PINGS:
                raise TimeoutError
            else:
                unanswered += 1
                async with own_time_within(SILENT_S):
                    await pubsub.ping()

    def _handle(self, kind: str, data: str) -> None:
        if kind == "message":
            job_id, _, ended = data.partition(" ")
            if call := self._waiting.get(job_id):
                call.ended = ended or None
                call.set()
        elif kind == "subscribe":
            self.subscribed.set()
            # Messages published before the subscription are lost, so every request reads its job.
            for event in self._waiting.values():
                event.set()


async def _drop(pubsub: PubSub) -> None:
    with contextlib.suppress(*REDIS_DOWN):
        await pubsub.aclose()  # type: ignore[no-untyped-call]


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

    async def cancel_if_happened(self, jobs: JobService, job_id: str) -> None:
        """Cancel the job if the client has disconnected.

        Raises:
            starlette.requests.ClientDisconnect: It has.
        """
        if self.happened:
            await cancel_unwanted(jobs, job_id)
            raise ClientDisconnect


async def cancel_unwanted(jobs: JobService, job_id: str) -> None:
    """Cancel a job that no client waits for; log a failure, since no client can see it."""
    try:
        await jobs.cancel(job_id)
    except BrokerUnavailable as error:
        _log.warning("could not cancel a job that no client waits for", reason=error.detail)
