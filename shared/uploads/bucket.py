"""Uploads in a bucket of S3 or another service that obstore supports, one object per photo.

Imported only if ``UPLOADS_URL`` is a bucket. obstore reads the endpoint and the credentials from
its own variables (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``, …).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store, from_url

from shared.loopback import reach_directly
from shared.uploads import Piece

if TYPE_CHECKING:  # obstore has this name for type checkers only
    from obstore.store import S3Config

# Together these limit a request: 1 s to connect, 5 s for a try, no new try after 1 s.
CONNECT = timedelta(seconds=1)
TRY = timedelta(seconds=5)
TRIES_WITHIN = timedelta(seconds=1)
# The sweeper writes this object to read the store's clock; no other response contains it.
CLOCK_KEY = ".clock"
# Errors of a store that is unreachable or out of order. After any other error of a bulk delete the
# store may still delete single objects: it does not support or permit DeleteObjects.
_OUT_OF_ORDER = re.compile(r"HTTP error|NoSuchBucket|status code: 5(?!01)")
_CODE = re.compile(r"<Code>(\w+)</Code>")


class BucketUploadStore:
    """Objects below one prefix of a bucket; each request ends within about six seconds.

    Args:
        url: ``s3://bucket/prefix``, or the same with ``gs://`` or ``az://``.

    Raises:
        ValueError: The environment variables of the store are incomplete or invalid.
    """

    def __init__(self, url: str) -> None:
        store = _open(url)
        self._store = store
        # S3 deletes with one request for many objects, unless AWS_DISABLE_BULK_DELETE is set.
        self._deleting = store
        self._one_by_one = store
        if isinstance(store, S3Store):
            self._one_by_one = _open(url, {"disable_bulk_delete": True})

    def put(self, key: str, *pieces: Piece) -> None:
        """Store the object with one request, so that the store never keeps half a photo."""
        with _os_errors():
            obstore.put(self._store, key, b"".join(pieces), use_multipart=False)

    def get(self, key: str) -> bytes:
        """Read the whole object."""
        with _os_errors():
            return obstore.get(self._store, key).bytes().to_bytes()

    def delete(self, *keys: str) -> None:
        """Delete the objects, with as many per request as the store allows."""
        if not keys:
            return
        try:
            with _os_errors():
                self._delete(list(keys))
        except FileNotFoundError:  # from other stores; S3 ignores missing objects
            for key in keys if len(keys) > 1 else ():
                self.delete(key)

    def _delete(self, keys: list[str]) -> None:
        try:
            obstore.delete(self._deleting, keys)
        except (BaseError, FileNotFoundError) as error:
            if self._deleting is self._one_by_one or _OUT_OF_ORDER.search(str(error)):
                raise
            obstore.delete(self._one_by_one, keys)
            self._deleting = self._one_by_one  # single deletes work, so keep using them

    def old_keys(self, age_s: float) -> Iterator[str]:
        """All objects directly below the prefix, last written at least ``age_s`` seconds ago."""
        limit = self._now() - timedelta(seconds=age_s)
        pages = obstore.list(self._store)
        while True:
            with _os_errors():
                page = next(pages, None)
            if page is None:
                return
            for found in page:
                key = found["path"]
                if found["last_modified"] <= limit and "/" not in key and key != CLOCK_KEY:
                    yield key

    def _now(self) -> datetime:
        with _os_errors():
            obstore.put(self._store, CLOCK_KEY, b"")
            written = obstore.head(self._store, CLOCK_KEY)["last_modified"]
            self._delete([CLOCK_KEY])
            return written


def _open(url: str, config: "S3Config | None" = None) -> S3Store | GCSStore | AzureStore:
    reach_directly()
    try:
        store = from_url(
            url,
            # the scheme of the endpoint decides about TLS, as for Redis
            client_options={"allow_http": True, "connect_timeout": CONNECT, "timeout": TRY},
            retry_config={"max_retries": 3, "retry_timeout": TRIES_WITHIN},
            config=config,
        )
    except (BaseError, ValueError, OSError) as error:
        raise ValueError(f"the bucket's settings (AWS_…): {_first_line(error)}") from None
    assert isinstance(store, S3Store | GCSStore | AzureStore)  # noqa: S101 - for the types
    return store


@contextmanager
def _os_errors() -> Iterator[None]:
    """Turn obstore's errors into FileNotFoundError for a missing object, else OSError."""
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):  # the photo may exist once the bucket is back
            raise OSError(_first_line(error)) from None
        raise FileNotFoundError(_first_line(error)) from None
    except (BaseError, OSError, ValueError) as error:
        raise OSError(_first_line(error)) from None


def _first_line(error: Exception) -> str:
    """The error without the store's response, which may repeat the request with its tokens."""
    text = str(error)
    code = _CODE.search(text)
    line = text.splitlines()[0].partition(": <")[0] if text else type(error).__name__
    return f"{line} ({code[1]})" if code else line
