"""uvicorn's HTTP connection, with limits on what a client sends and how slowly.

uvicorn itself waits for ever and keeps an endless head; docs/decisions/0009 says why the limits
are here rather than in a proxy. Time is counted in the ticks of ConnectionLimits, so that a
request sets no timer.
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
# Of a body or an answer, over each timeout.
LEAST_BYTES_PER_S = 500
LINGER_S = 2

# What a connection waits for: the rest of a head or of a body, an answer, or another request.
HEAD, BODY, ANSWER, IDLE = range(4)


class Connection(HttpConnection):
    """One client's connection.

    Args:
        limits: What all connections share.
        server: What uvicorn passes to a protocol.
    """

    def __init__(self, limits: ConnectionLimits, **server: Any) -> None:
        super().__init__(**server)
        self._limits = limits
        self._phase = HEAD
        self._since = limits.tick
        self._received = 0
        # Received since the parser last made something of it: of a head, a chunk's extension or
        # a trailer.
        self._pending = 0
        self._unsent, self._unsent_since = 0, limits.tick
        self._running: RequestResponseCycle | None = None
        self._refused = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Opened."""
        super().connection_made(transport)
        self._limits.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed, by whichever side."""
        self._limits.forget(self)
        self._abandon()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """The client has read on."""
        self._unsent = 0
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
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
        """A head is complete; raises where it is beyond the limits."""
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
        """A piece of a body."""
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
        """An answer is complete."""
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
        """Wait for another request, once both this one and its answer are complete.

        So does a body that continues after its answer, or refused requests that send theirs for
        hours would take every place.
        """
        if self.cycle.response_complete:
            if self._phase == ANSWER:
                self._enter(IDLE)
            self._limits.waiting[self] = None

    def check(self) -> None:
        """Once a second: is the client too slow?"""
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
        if self._is_answering():  # the request before this one
            self._since = self._limits.tick
        elif self._is_late(self._limits.timeout_s):
            if self._received:
                self.refuse(
                    RequestTimeout("The request headers arrived too slowly. Send them at once.")
                )
            else:  # browsers open some in advance
                self.transport.close()

    def _check_body(self) -> None:
        cycle = self.cycle
        unasked = cycle.waiting_for_100_continue and not cycle.response_complete
        if self.flow.read_paused or unasked:  # it waits for us
            self._enter(BODY)
        elif self._is_late(self._limits.timeout_s):
            if self._received < LEAST_BYTES_PER_S * self._limits.timeout_s:
                self.refuse(
                    RequestTimeout("The body arrives too slowly. Try again on a faster connection.")
                )
            else:
                self._enter(BODY)

    def _is_stuck(self) -> bool:
        """Whether the client does not read what it asked for."""
        size, now = self.transport.get_write_buffer_size(), self._limits.tick
        if not (size and self._unsent):
            self._unsent, self._unsent_since = size, now
        elif now - self._unsent_since >= self._limits.timeout_s:
            if self._unsent - size < LEAST_BYTES_PER_S * self._limits.timeout_s:
                return True
            self._unsent, self._unsent_since = size, now
        return False

    def make_way(self) -> None:
        """Close for another's sake; the service owes this client nothing."""
        if self._phase == HEAD and self._received:
            self.refuse(too_many())
        self._limits.waiting.pop(self, None)
        self.transport.close()

    def refuse(self, error: ServiceError) -> None:
        """Answer at once and read no more; close when the client has closed, or in a moment."""
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
        self.transport.write(raw_response(error, more))
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _abandon(self) -> None:
        """Tell the app that the client is gone; uvicorn does so only for the last request."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def _is_answerable(self) -> bool:
        """Whether an answer now is the one that the client waits for, and no other is under way."""
        if self._is_answering():
            return not (self.pipeline or self.cycle.response_started)
        return self._phase != BODY

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
