"""uvicorn's HTTP connection, with the rules of RFC 9110 and RFC 9112 that it leaves out."""

from contextvars import Context
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.server.http_rules import UnchunkedResponse, check_host, head_without_upgrade


class HttpConnection(HttpToolsProtocol):
    """One client's connection.

    Args:
        server: What uvicorn passes to a protocol.
    """

    def __init__(self, **server: Any) -> None:
        super().__init__(**server)
        self.headers = []
        # Whether the parser has stopped at an offer to change the protocol.
        self.offered_upgrade = False

    def parse(self, data: bytes) -> None:
        """Parse bytes from the client; an offer to change the protocol is ignored.

        Raises:
            httptools.HttpParserError: They are not HTTP, or a callback raised.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stopped:
                data = self._head_again() + data[stopped.args[0] :]
            else:
                return

    def _head_again(self) -> bytes:
        """The head that the parser has just read, for a new parser and without the offer."""
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self.offered_upgrade = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return head_without_upgrade(method, self.url, version, self.headers)

    def on_headers_complete(self) -> None:
        """A head is complete; raises MalformedRequest where its Host is not valid."""
        self.offered_upgrade = self.parser.should_upgrade() and (
            self.parser.get_method() != b"CONNECT"
        )
        if self.offered_upgrade:
            return
        version = self.parser.get_http_version()
        check_host(self.headers, version)
        if version == "1.0":  # RFC 9110, section 10.1.1
            self.expect_100_continue = False
        super().on_headers_complete()

    def _should_upgrade_to_ws(self) -> bool:
        return False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.scope["http_version"] == "1.0":
            app = UnchunkedResponse(app, cycle)
        # A pipelined request starts in the task of the one before it, whose log fields it would
        # take over.
        Context().run(super()._start_asgi_task, cycle, app)
