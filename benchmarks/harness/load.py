"""The load generator: an HTTP client that sends photos repeatedly over persistent connections.

It takes some 0.1 ms of CPU time per request, so that the service limits the throughput.
``python -m benchmarks.harness.load`` runs the closed loop that measures the servers.

When the time is up, it waits for the responses to requests that it has sent, and counts the time
until the last one. Otherwise a server that responds to all clients at once would look slower.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

NO_ANSWER = 0  # instead of a status
_BOUNDARY = "0f0e3d6c4ab1"


@dataclass
class Seen:
    """Time of the end and duration of each request, in seconds, by status."""

    ends: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, status: int, began: float) -> None:
        """Add a request that has just ended."""
        now = time.monotonic()
        self.ends.setdefault(status, []).append((now, now - began))

    def per_s(self, status: int, since: float, until: float) -> float:
        """Responses per second between two times of the monotonic clock."""
        return sum(since <= at < until for at, _ in self.ends.get(status, [])) / (until - since)

    def took_ms(self, status: int, share: float) -> float:
        """A quantile of the latency of these responses; ``share`` is 0 to 1."""
        times = sorted(took for _, took in self.ends.get(status, []))
        return times[int(share * (len(times) - 1))] * 1000 if times else float("nan")


def as_body(url: str, photo: bytes) -> bytes:
    """An HTTP request with the photo as its body."""
    return _post(url, "image/jpeg", photo)


def as_form(url: str, photo: bytes) -> bytes:
    """An HTTP request with the photo as the field ``file`` of a multipart form."""
    disposition = 'form-data; name="file"; filename="photo.jpg"'
    head = f"--{_BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: image/jpeg"
    body = f"{head}\r\n\r\n".encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return _post(url, f"multipart/form-data; boundary={_BOUNDARY}", body)


def _post(url: str, kind: str, body: bytes) -> bytes:
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: {kind}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def _skip_body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"transfer-encoding: chunked" not in head:
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        return
    while length := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        await reader.readexactly(length + 2)
    await reader.readuntil(b"\r\n")


class Client:
    """An HTTP client that sends the same requests in turn.

    Args:
        url: ``http://host:port`` of the service.
        requests: Results of `as_body` or `as_form`.
    """

    def __init__(self, url: str, requests: Sequence[bytes]) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._requests = itertools.cycle(requests)
        self._idle: deque[Connection] = deque()

    async def ask(self, seen: Seen, began: float) -> None:
        """Send one request on an idle connection, or on a new one.

        Args:
            seen: Records the result.
            began: When the request was due. Latency counts from then, so that a load generator
                that is late does not make the service look faster.
        """
        try:
            seen.add(await self._exchange(*await self._connection()), began)
        except (OSError, EOFError):
            seen.add(NO_ANSWER, began)

    async def _connection(self) -> Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():  # the server closes connections that are idle for long
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.write(next(self._requests))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await _skip_body(reader, head)
        if b"connection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(head[9:12])

    async def closed_loop(self, clients: int, seconds: float) -> Seen:
        """Run clients, each of which waits for its response before it sends the next request."""
        seen, end = Seen(), time.monotonic() + seconds

        async def one() -> None:
            while (began := time.monotonic()) < end:
                await self.ask(seen, began)

        await asyncio.gather(*(one() for _ in range(clients)))
        return seen

    async def open_loop(self, per_s: float, seconds: float) -> Seen:
        """Send requests at a fixed rate, without waiting for responses."""
        seen, began = Seen(), time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(per_s * seconds)):
                due = began + number / per_s
                if (delay := due - time.monotonic()) > 0:
                    await asyncio.sleep(delay)
                tasks.create_task(self.ask(seen, due))
        return seen

    def close(self) -> None:
        """Close the idle connections."""
        for _, writer in self._idle:
            writer.close()


def main() -> None:
    """Run a closed loop and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("list", type=Path, help="file with the paths of the photos, one per line")
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    photos = [Path(name).read_bytes() for name in options.list.read_text().splitlines()]
    client = Client(options.url, [as_form(options.url, photo) for photo in photos])
    began, used = time.monotonic(), time.process_time()
    seen = asyncio.run(client.closed_loop(options.connections, options.seconds))
    seconds = time.monotonic() - began
    result = {
        "requests": len(seen.ends.get(200, [])),
        "seconds": seconds,
        # not counting the start of this process, during which the servers are idle
        "generator_cores": (time.process_time() - used) / seconds,
        **{f"p{share}_ms": seen.took_ms(200, share / 100) for share in (50, 95, 99)},
        "errors": sum(len(ends) for status, ends in seen.ends.items() if status != 200),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
