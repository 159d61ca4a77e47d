"""A TCP forwarder that makes the other side seem some milliseconds away."""

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Self

from tests.support.photos import free_port

PIECE = 65_536


class Delay:
    """Forwards ``port`` to another port of this machine; each direction takes ``one_way_s``."""

    def __init__(self, to: int, one_way_s: float) -> None:
        self.port = free_port()
        self._to = to
        self._one_way_s = one_way_s
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        serve = asyncio.start_server(self._forward, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(serve, self._loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        both = {writer, there_writer}
        self._writers |= both
        await asyncio.gather(self._pipe(reader, there_writer), self._pipe(there_reader, writer))
        self._writers -= both

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each piece leaves a fixed time after it came, the end too."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)

        async def read() -> None:
            piece = b"begin"
            while piece:
                try:
                    piece = await reader.read(PIECE)
                except ConnectionError:
                    piece = b""
                await pieces.put((loop.time() + self._one_way_s, piece))

        task = asyncio.create_task(read())
        with contextlib.suppress(ConnectionError):
            while True:
                at, piece = await pieces.get()
                await asyncio.sleep(max(0, at - loop.time()))
                if not piece:
                    break
                writer.write(piece)
                await writer.drain()
        task.cancel()
        writer.close()
