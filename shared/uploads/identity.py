"""Detects whether a worker reads the upload store that the API writes to.

The API keeps a marker in its store, named after an id in Redis. If a worker does not find a photo,
it looks for the marker: if the marker exists, the photo is lost; if not, the worker uses another
store.
"""

import uuid

import redis
import redis.asyncio

from shared import redis_keys
from shared.uploads import UploadStore

_PREFIX = ".store-"


def marker_key(store_id: str) -> str:
    """The marker's key in the store; no photo's key begins with a dot."""
    return _PREFIX + store_id


async def store_id(client: redis.asyncio.Redis) -> str:
    """The id of this service's upload store; the first API process chooses it.

    Raises:
        redis.exceptions.RedisError: Redis does not respond.
    """
    await client.set(redis_keys.UPLOADS_ID, uuid.uuid4().hex, nx=True)
    return str(await client.get(redis_keys.UPLOADS_ID))


class StoreIdentity:
    """Compares a worker's upload store with the API's.

    Args:
        client: A synchronous client with ``decode_responses=True``.
        uploads: The worker's store.
    """

    def __init__(self, client: redis.Redis, uploads: UploadStore) -> None:
        self._client = client
        self._uploads = uploads

    def matches(self) -> bool | None:
        """Whether both stores are the same; ``None`` before an API process has chosen an id.

        Raises:
            redis.exceptions.RedisError: Redis does not respond.
            OSError: The store does not respond.
        """
        chosen = self._client.get(redis_keys.UPLOADS_ID)
        if chosen is None:
            return None
        try:
            self._uploads.get(marker_key(str(chosen)))
        except FileNotFoundError:
            return False
        return True
