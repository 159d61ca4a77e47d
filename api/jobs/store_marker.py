"""Keeps a marker in the upload store, by which workers recognize the store."""

import asyncio

from anyio import to_thread
from redis.asyncio import Redis

from shared import log
from shared.redis_client import REDIS_DOWN
from shared.uploads import UploadStore
from shared.uploads.identity import marker_key, store_id

_log = log.get(__name__)

# An operator may empty the store, or Redis may lose its data.
PERIOD_S = 60.0
RETRY_S = 1.0
WITHIN_S = 10.0


class StoreMarker:
    """Writes the marker, and writes it again within a minute if it is missing.

    Args:
        client: Reads the store's id from Redis.
        uploads: The upload store.
    """

    def __init__(self, client: Redis, uploads: UploadStore) -> None:
        self._client = client
        self._uploads = uploads

    async def write(self) -> bool:
        """Write the marker; ``False`` if Redis or the store does not respond."""
        try:
            async with asyncio.timeout(WITHIN_S):
                key = marker_key(await store_id(self._client))
                await to_thread.run_sync(self._ensure, key, abandon_on_cancel=True)
        except REDIS_DOWN as error:  # TimeoutError is an OSError
            _log.debug("the upload store could not be marked", reason=type(error).__name__)
            return False
        return True

    def _ensure(self, key: str) -> None:
        try:
            self._uploads.get(key)
        except OSError:  # without permission to list, S3 refuses to read a missing object
            # only if it is missing: a bucket may keep every version
            self._uploads.put(key, b"")

    async def run(self) -> None:
        """Write the marker until cancelled."""
        while True:
            pause = PERIOD_S if await self.write() else RETRY_S
            await asyncio.sleep(pause)
