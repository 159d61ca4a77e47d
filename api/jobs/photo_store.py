"""PhotoStore: stores photos in the upload store, in threads, with a time limit for their turn."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared import log
from shared.errors import BrokerUnavailable
from shared.uploads import Piece, UploadStore

_log = log.get(__name__)

STORE_THREADS = 16
# Seconds that photos wait for a free thread; a store that hangs can occupy all threads.
STORE_TURN_S = 4.0
# Photos that a thread stores in one turn: others wait for it, and memory is held, for so many.
STORE_STEP = 8


class PhotoStore:
    """Stores and deletes photos without blocking the event loop.

    Args:
        uploads: The upload store.
    """

    def __init__(self, uploads: UploadStore) -> None:
        self._uploads = uploads
        self._storing = ThreadPoolExecutor(STORE_THREADS, "store")
        self._beside: set[asyncio.Task[None]] = set()

    async def store(self, photos: Mapping[str, Iterable[Piece]]) -> None:
        """Store photos' bytes, by upload key, until a worker has read them.

        Raises:
            BrokerUnavailable: The store refuses, is unreachable or exceeds its time limit. None of
                the photos stays stored.
        """
        keys = [*photos]
        for first in range(0, len(keys), STORE_STEP):
            step = {key: photos[key] for key in keys[first : first + STORE_STEP]}
            whole = len(step)
            try:
                await self._in_thread(self._put, step)
            except BaseException as error:
                begun = first or len(step) < whole
                step.clear()  # ends a call that has begun, and one that has not holds no photo
                if begun:
                    self._do_beside(self.discard(keys))
                if not isinstance(error, OSError):
                    raise
                _log.warning("cannot store an upload", reason=repr(error))
                raise BrokerUnavailable("Photos cannot be stored now. Try again later.") from error

    def _put(self, photos: dict[str, Iterable[Piece]]) -> None:
        """Store photos until there are none left; each leaves ``photos``."""
        while photos:
            try:
                key, pieces = photos.popitem()
            except KeyError:  # given up meanwhile
                return
            self._uploads.put(key, *pieces)

    async def discard(self, keys: Iterable[str]) -> None:
        """Delete uploads that no job will read; the sweeper deletes them if this fails."""
        try:
            await self._in_thread(self._uploads.delete, *keys)
        except OSError as error:
            _log.warning("uploads left to the sweeper", reason=repr(error))

    async def _in_thread(self, call: Callable[..., None], *args: Any) -> None:
        """Run a call of the store in a thread, at half the cost of ``anyio.to_thread``.

        Raises:
            TimeoutError: No thread was free in time, and the call will not begin. There is no limit
                here for a call that has begun: the store has its own for each photo.
        """
        work, late = self._storing.submit(call, *args), False

        def give_up() -> None:
            nonlocal late
            late = work.cancel()

        turn = asyncio.get_running_loop().call_later(STORE_TURN_S, give_up)
        try:
            await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            if late:
                raise TimeoutError from None
            raise
        finally:
            turn.cancel()

    def _do_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def close(self) -> None:
        """Begin no more calls; the sweeper deletes what is left."""
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        self._storing.shutdown(wait=False, cancel_futures=True)
