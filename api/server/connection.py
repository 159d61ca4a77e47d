"""uvicorn's HTTP connection, with limits on what a client sends and how slowly.

uvicorn itself waits without a limit and buffers request headers of any size;
docs/decisions/0009 explains why the limits are here and not in a proxy. Time is counted in ticks
of ConnectionLimits, so that a request needs no timer.
"""

from asyncio import Transport
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from api.server.connection_errors import (
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    cause_of,
    raw_response,
    too_large,
)
from api.server.connection_limits import ConnectionLimits, too_many
from api.server.http_connection import HttpConnection
from shared.errors import MalformedRequest, RequestTimeout, ServiceError

MAX_PIPELINED = 8
# Minimum rate of a body or a response, averaged over each timeout.
LEAST_BYTES_PER_S = 500
LINGER_S = 2

# What a connection waits for: the rest of a head, the rest of a body, a response, a next request.
HEAD, BODY, ANSWER, IDLE = range(4)


class Connection(HttpConnection):
    """One client's connection.

    Args:
        limits: The limits that all connections share.
        server: Arguments that uvicorn passes to a protocol.
    """

    def __init__(self, limits: ConnectionLimits, **server: Any) -> None:
        super().__init__(**server)
        self._limits = limits
        self._phase = HEAD
        self._since = limits.tick
        self._received = 0
        # Bytes received of an incomplete head, chunk extension or trailer.
        self._pending = 0
        self._unsent, self._unsent_since = 0, limits.tick
        self._running: RequestResponseCycle | None = None
        self._refused = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """The connection is open."""
        super().connection_made(transport)
        self._limits.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by either side."""
        self._limits.forget(self)
        self._abandon()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """The client has read enough of the response for more to be sent."""
        self._unsent = 0
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the client; refuse them if they exceed a limit."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        if self._phase == IDLE:
            self._enter(HEAD)
        self._received += len(data)
        self._pending += len(data)
        try:
            self.parse(data)
        except httptools.HttpParserError as error:
            self.refuse(cause_of(error))
        else:
            if self._pending > MAX_HEAD_BYTES or len(self.headers) > MAX_FIELDS:
                self.refuse(too_large())

    def on_headers_complete(self) -> None:
        """A request head is complete.

        Raises:
            HeadersTooLarge: The head exceeds the limits.
            MalformedRequest: Too many pipelined requests.
        """
        if len(self.headers) > MAX_FIELDS or (
            self._pending > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES
        ):
            raise too_large()
        if len(self.pipeline) >= MAX_PIPELINED:
            raise MalformedRequest(
                "Too many pipelined requests. Wait for a response before sending more."
            )
        super().on_headers_complete()
        if self.offered_upgrade:
            return
        self._limits.waiting.pop(self, None)
        self._pending = 0
        self._enter(BODY)

    def on_body(self, body: bytes) -> None:
        """A chunk of a body has arrived."""
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete."""
        if self.offered_upgrade:
            return
        self._pending = 0
        super().on_message_complete()
        self._enter(ANSWER)
        self._rest()

    def on_response_complete(self) -> None:
        """A response is complete."""
        super().on_response_complete()
        self._rest()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _enter(self, phase: int) -> None:
        self._phase = phase
        self._since = self._limits.tick
        self._received = 0

    def _rest(self) -> None:
        """If the response is complete, wait for the next request.

        A connection whose body continues after the response waits too; otherwise clients that send
        the bodies of refused requests for hours could occupy all connections.
        """
        if self.cycle.response_complete:
            if self._phase == ANSWER:
                self._enter(IDLE)
            self._limits.waiting[self] = None

    def check(self) -> None:
        """Close or refuse if the client is too slow; called once a second."""
        if self._is_stuck():
            self.transport.abort()
        elif self._refused:
            if self._is_late(LINGER_S):
                self.transport.abort()
        elif self._phase == HEAD:
            self._check_head()
        elif self._phase == BODY:
            self._check_body()
        elif self._phase == IDLE and self._is_late(self.timeout_keep_alive + 1):
            # uvicorn sets no timer for a body that ends after its answer
            self.transport.close()

    def _is_late(self, after_s: int) -> bool:
        return self._limits.tick - self._since >= after_s

    def _check_head(self) -> None:
        if self._is_answering():  # the previous request has no complete response yet
            self._since = self._limits.tick
        elif self._is_late(self._limits.timeout_s):
            if self._received:
                self.refuse(
                    RequestTimeout("The request headers arrived too slowly. Send them faster.")
                )
            else:  # browsers open connections in advance
                self.transport.close()

    def _check_body(self) -> None:
        cycle = self.cycle
        unasked = cycle.waiting_for_100_continue and not cycle.response_complete
        if self.flow.read_paused or unasked:  # the client waits for the server
            self._enter(BODY)
        elif self._is_late(self._limits.timeout_s):
            if self._received < LEAST_BYTES_PER_S * self._limits.timeout_s:
                self.refuse(
                    RequestTimeout("The body arrives too slowly. Try again on a faster connection.")
                )
            else:
                self._enter(BODY)

    def _is_stuck(self) -> bool:
        """Whether the client does not read the response."""
        size, now = self.transport.get_write_buffer_size(), self._limits.tick
        if not (size and self._unsent):
            self._unsent, self._unsent_since = size, now
        elif now - self._unsent_since >= self._limits.timeout_s:
            if self._unsent - size < LEAST_BYTES_PER_S * self._limits.timeout_s:
                return True
            self._unsent, self._unsent_since = size, now
        return False

    def give_up_place(self) -> None:
        """Close for another client; no response is due to this client."""
        if self._phase == HEAD and self._received:
            self.refuse(too_many())
        self._limits.waiting.pop(self, None)
        self.transport.close()

    def refuse(self, error: ServiceError) -> None:
        """Send the error and stop reading; close after the client closes, or after ``LINGER_S``."""
        if self._refused:
            return
        self._limits.refused(error.slug)
        self._limits.waiting.pop(self, None)
        self._refused = True
        self._since = self._limits.tick
        answerable = self._is_answerable()
        self.pipeline.clear()
        self._abandon()
        if not answerable:
            self.transport.abort()
            return
        cross_origin = self._limits.refusal_headers.fields(self.headers)
        more = [*self.server_state.default_headers, *cross_origin]
        self.transport.write(raw_response(error, more, self.url))
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _abandon(self) -> None:
        """Report the disconnect to the app; uvicorn does so only for the last request."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def _is_answerable(self) -> bool:
        """Whether a response sent now would belong to the request that the client waits for."""
        if self._is_answering():
            return not (self.pipeline or self.cycle.response_started)
        return self._phase != BODY

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
