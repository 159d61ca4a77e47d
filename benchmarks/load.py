"""A cheap HTTP client: one photo, sent again and again over kept connections.

Costs some 0.1 ms of CPU a request, so that the service is what is measured. Depends on the standard
library alone.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Seen:
    """When each request ended and how long it took, in seconds, by status."""

    ends: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, status: int, began: float) -> None:
        """One answer."""
        now = time.monotonic()
        self.ends.setdefault(status, []).append((now, now - began))

    def per_s(self, status: int, since: float, until: float) -> float:
        """Answers a second between two moments of the monotonic clock."""
        return sum(since <= at < until for at, _ in self.ends.get(status, [])) / (until - since)

    def took_ms(self, status: int, share: float) -> float:
        """The time within which this share of these answers came."""
        times = sorted(took for _, took in self.ends.get(status, []))
        return times[int(share * (len(times) - 1))] * 1000 if times else float("nan")


class Client:
    """Sends ``POST /predict`` with one photo as the body.

    Args:
        url: ``http://host:port`` of the service.
        photo: A JPEG or PNG file.
    """

    def __init__(self, url: str, photo: bytes) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        head = f"POST /predict HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-length: {len(photo)}"
        self._request = f"{head}\r\n\r\n".encode() + photo
        self._idle: deque[Connection] = deque()

    async def ask(self, seen: Seen) -> None:
        """One request on an idle connection, or on a new one."""
        began = time.monotonic()
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        seen.add(int(head[9:12]), began)
        if b"connection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))

    async def closed_loop(self, clients: int, seconds: float) -> Seen:
        """So many clients, each of which waits for its answer before it asks again."""
        seen, end = Seen(), time.monotonic() + seconds

        async def one() -> None:
            while time.monotonic() < end:
                await self.ask(seen)

        await asyncio.gather(*(one() for _ in range(clients)))
        return seen

    async def open_loop(self, per_s: float, seconds: float) -> Seen:
        """Requests at a fixed rate, whatever becomes of them."""
        seen, began = Seen(), time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(per_s * seconds)):
                delay = began + number / per_s - time.monotonic()
                if delay > 0:
                    await asyncio.sleep(delay)
                tasks.create_task(self.ask(seen))
        return seen

    def close(self) -> None:
        """Drop the idle connections."""
        for _, writer in self._idle:
            writer.close()
