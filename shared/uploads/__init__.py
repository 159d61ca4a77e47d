"""UploadStore: photo bytes in, photo bytes out, kept away from the broker's memory.

``UPLOADS_URL=file:///folder`` keeps one file per photo, ``s3://bucket/prefix`` one object.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from shared.uploads.files import FileUploadStore

# What obstore brings and this service serves; S3 is the one that is tested.
BUCKETS = frozenset({"s3", "gs", "az"})


class UploadStore(Protocol):
    """Where photos wait for a worker; keys are made by :func:`upload_key`."""

    def put(self, key: str, data: bytes | bytearray) -> None:
        """Store the bytes whole or not at all; raises OSError when the store refuses."""

    def get(self, key: str) -> bytes:
        """The bytes; raises FileNotFoundError when they are gone, OSError when out of reach."""

    def delete(self, *keys: str) -> None:
        """Remove the bytes; nothing happens when they are gone already; raises OSError."""

    def old_keys(self, age_s: float) -> Iterator[str]:
        """Keys of everything older than ``age_s`` seconds."""


def upload_key(job_id: str, index: int) -> str:
    """The key of one photo; the sweeper reads job and index back out of it."""
    return f"{job_id}.{index}"


def parse_upload_key(key: str) -> tuple[str, int] | None:
    """Job id and index, or ``None`` for a name that this service did not make."""
    job_id, _, index = key.partition(".")
    return (job_id, int(index)) if job_id and index.isdecimal() else None


def open_uploads(url: str, *, durable: bool = False) -> UploadStore:
    """The store that ``UPLOADS_URL`` names; nothing is asked of it yet.

    Args:
        url: ``file:///folder`` or ``s3://bucket/prefix``.
        durable: A stored photo survives a power failure. A bucket decides that by itself.

    Raises:
        ValueError: The scheme is not one that is served, or the rest does not name a place.
    """
    parts = urlsplit(url)
    if parts.scheme in BUCKETS:
        if "@" in parts.netloc or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("UPLOADS_URL must be s3://bucket/prefix; keys go into AWS_… variables")
        # here, because it takes 11 MB that a folder does not need
        from shared.uploads.bucket import BucketUploadStore  # noqa: PLC0415

        return BucketUploadStore(url)
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or parts.netloc or not path.is_absolute():
        raise ValueError("UPLOADS_URL must be file:///absolute/folder or s3://bucket/prefix")
    return FileUploadStore(path, durable=durable)
