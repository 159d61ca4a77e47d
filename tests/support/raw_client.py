"""An HTTP client that sends arbitrary bytes, also requests that no library would send."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

ANSWER_S = 20.0


@dataclass(frozen=True)
class RawAnswer:
    """One HTTP response, as received."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def slug(self) -> str:
        """The slug of a problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["detail"]
        return str(document["type"].removeprefix("/problems/"))


class RawClient:
    """A TCP connection to the service."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._got = b""

    def send(self, data: bytes) -> bool:
        """Send bytes; returns whether the other side still accepted them."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, TimeoutError):
            return False
        return True

    def trickle(self, piece: bytes, every_s: float, for_s: float) -> None:
        """Send ``piece`` repeatedly until the other side responds or closes, or time is up."""
        end = time.monotonic() + for_s
        while time.monotonic() < end and not self._is_answered() and self.send(piece):
            time.sleep(every_s)

    def _is_answered(self) -> bool:
        self.socket.setblocking(False)
        try:
            piece = self.socket.recv(65_536)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        finally:
            self.socket.settimeout(ANSWER_S)
        self._got += piece
        return True

    def answer(self) -> RawAnswer:
        """Receive the next response."""
        while b"\r\n\r\n" not in self._got:
            self._more()
        head, _, self._got = self._got.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (f.partition(": ") for f in fields)}
        length = int(headers.get("content-length", 0))
        while len(self._got) < length:
            self._more()
        body, self._got = self._got[:length], self._got[length:]
        return RawAnswer(int(line.split()[1]), headers, body)

    def _more(self) -> None:
        piece = self.socket.recv(65_536)
        assert piece, f"closed after {self._got!r}"
        self._got += piece

    def rest(self) -> bytes:
        """Receive everything until the other side closes."""
        while piece := self.socket.recv(65_536):
            self._got += piece
        return self._got

    @property
    def is_answered(self) -> bool:
        """Whether the other side has responded or closed."""
        return bool(self._got) or self._is_answered()

    def is_closed(self, within_s: float) -> bool:
        """Whether the other side closes within ``within_s``; received bytes are discarded."""
        self.socket.settimeout(0.2)
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            try:
                if not self.socket.recv(65_536):
                    return True
            except TimeoutError:
                continue
            except ConnectionError:
                return True
        return False


@contextmanager
def raw(port: int, receive_buffer: int | None = None) -> Iterator[RawClient]:
    """Open a connection to a port of this machine."""
    with socket.socket() as connection:
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(ANSWER_S)
        connection.connect(("127.0.0.1", port))
        yield RawClient(connection)
