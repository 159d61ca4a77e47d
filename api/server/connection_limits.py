"""What all connections of this process share: their number, their limits and a clock."""

import asyncio
import contextlib
import resource
from collections.abc import Callable
from typing import Any, Protocol

from api.server.cross_origin import RefusalHeaders
from shared.errors import RetryableError, ServiceError

# A refused connection stays for a moment, so that its answer arrives; so many beyond the limit.
SPARE = 64
# What the process opens besides: Redis, uploads, logs.
OTHER_FILES = 256
NEXT_PLACE_S = 1


class TooManyConnections(RetryableError):
    """As many connections are open as this process will hold."""

    slug, title = "too_many_connections", "Too many connections"


def too_many() -> TooManyConnections:
    """The refusal of one more."""
    detail = "All connections are in use. Keep fewer open, and try again."
    return TooManyConnections(detail, NEXT_PLACE_S)


class LimitedConnection(Protocol):
    """What a connection offers to :class:`ConnectionLimits`."""

    transport: Any

    def check(self) -> None:
        """Close or refuse when the client is too slow; called once a second."""

    def make_way(self) -> None:
        """Close in favour of another client; the service owes this one nothing."""

    def refuse(self, error: ServiceError) -> None:
        """Send the error and read no more."""


class ConnectionLimits:
    """Bounds the connections of one event loop.

    Args:
        most: Connections at a time.
        timeout_s: How long a client may take over a request's head, and how long it may be slow
            with a body or an answer.
        refused: Called with the slug of each refusal.
        refusal_headers: Which sites' pages may read a refusal.
    """

    def __init__(
        self,
        most: int,
        timeout_s: int,
        refused: Callable[[str], None],
        refusal_headers: RefusalHeaders,
    ) -> None:
        # Seconds that this loop has run: while it is stopped, no client is late.
        self.tick = 0
        self.timeout_s = timeout_s
        self.refused = refused
        self.refusal_headers = refusal_headers
        self.connections: dict[LimitedConnection, None] = {}
        # Those that the service owes nothing, the longest waiting first.
        self.waiting: dict[LimitedConnection, None] = {}
        self._most = most

    def admit(self, connection: LimitedConnection) -> None:
        """Take it in; when all places are taken, in place of one that the service owes nothing.

        So a client that opens many and sends nothing shuts out itself before others.
        """
        taken = len(self.connections)
        self.connections[connection] = None
        if taken >= self._most:
            if not self.waiting:
                self._turn_away(connection, quietly=taken >= self._most + SPARE)
                return
            next(iter(self.waiting)).make_way()
        self.waiting[connection] = None

    def _turn_away(self, connection: LimitedConnection, *, quietly: bool) -> None:
        if quietly:
            connection.transport.abort()
        else:
            connection.refuse(too_many())

    def forget(self, connection: LimitedConnection) -> None:
        """It is closed."""
        self.connections.pop(connection, None)
        self.waiting.pop(connection, None)

    async def run(self) -> None:
        """Look at every connection once a second, for ever."""
        _allow_files(self._most + SPARE + OTHER_FILES)
        while True:
            await asyncio.sleep(1)
            self.tick += 1
            for connection in tuple(self.connections):
                connection.check()


def _allow_files(wanted: int) -> None:
    """A shell often allows 1,024, at which accepting would fail before the limit refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
