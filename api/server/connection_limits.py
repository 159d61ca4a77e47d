"""The limits, the clock and the count that all connections of this process share."""

import asyncio
import contextlib
import resource
from collections.abc import Callable
from typing import Any, Protocol

from api.http.retry_after import RETRY_CONNECTION_S
from api.server.cross_origin import RefusalHeaders
from shared.errors import RetryableError, ServiceError

# Connections beyond the limit: a refused connection stays open until its response has arrived.
SPARE = 64
# Other open files of the process: Redis, uploads, logs.
OTHER_FILES = 256


class TooManyConnections(RetryableError):
    """This process has as many open connections as allowed."""

    slug, title = "too_many_connections", "Too many connections"


def too_many() -> TooManyConnections:
    """The error for a connection beyond the limit."""
    detail = (
        "The service has no free connection. Close your idle connections, if you have any, and try "
        "again in a second."
    )
    return TooManyConnections(detail, RETRY_CONNECTION_S)


class LimitedConnection(Protocol):
    """The methods of a connection that :class:`ConnectionLimits` calls."""

    transport: Any

    def check(self) -> None:
        """Close or refuse when the client is too slow; called once a second."""

    def give_up_place(self) -> None:
        """Close for another client; no response is due to this client."""

    def refuse(self, error: ServiceError) -> None:
        """Send the error and stop reading."""


class ConnectionLimits:
    """Limits the connections of one event loop.

    Args:
        most: Maximum number of connections.
        timeout_s: How long a request head may take, and how long a client may send a body or read
            a response too slowly.
        refused: Called with the slug of each error.
        refusal_headers: CORS headers for the errors.
    """

    def __init__(
        self,
        most: int,
        timeout_s: int,
        refused: Callable[[str], None],
        refusal_headers: RefusalHeaders,
    ) -> None:
        # Seconds that the loop has run: while the process is stopped, no client becomes late.
        self.tick = 0
        self.timeout_s = timeout_s
        self.refused = refused
        self.refusal_headers = refusal_headers
        self.connections: dict[LimitedConnection, None] = {}
        # Connections to which no response is due, the longest waiting first.
        self.waiting: dict[LimitedConnection, None] = {}
        self._most = most

    def admit(self, connection: LimitedConnection) -> None:
        """Accept a connection; at the limit, first close a connection to which no response is due.

        So a client that opens many connections and sends nothing loses its own connections first.
        """
        taken = len(self.connections)
        self.connections[connection] = None
        if taken >= self._most:
            if not self.waiting:
                self._turn_away(connection, quietly=taken >= self._most + SPARE)
                return
            next(iter(self.waiting)).give_up_place()
        self.waiting[connection] = None

    def _turn_away(self, connection: LimitedConnection, *, quietly: bool) -> None:
        if quietly:
            connection.transport.abort()
        else:
            connection.refuse(too_many())

    def forget(self, connection: LimitedConnection) -> None:
        """Remove a closed connection."""
        self.connections.pop(connection, None)
        self.waiting.pop(connection, None)

    async def run(self) -> None:
        """Check every connection once a second, until cancelled."""
        _allow_files(self._most + SPARE + OTHER_FILES)
        while True:
            await asyncio.sleep(1)
            self.tick += 1
            for connection in tuple(self.connections):
                connection.check()


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files; the usual 1,024 would be reached before ``most``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
