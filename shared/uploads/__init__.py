"""UploadStore: photo bytes in, photo bytes out, kept away from the broker's memory.

``UPLOADS_URL=file:///folder`` keeps one file per photo, ``s3://bucket/prefix`` one object.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

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


class FileUploadStore:
    """One folder, one file per photo; api and workers see the same folder.

    Args:
        folder: Created when the first photo is stored.
        durable: Return from `put` only when a power failure can no longer lose the photo.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self._durable = durable

    def put(self, key: str, data: bytes | bytearray) -> None:
        """Write beside, then rename: a reader never sees half a photo."""
        part = self.folder / f"{key}.part"
        try:
            self._write(part, data)
            part.rename(self.folder / key)
            if self._durable:
                _sync(self.folder)
        except OSError:
            # on a full disk the half file would be in the way until it is swept
            part.unlink(missing_ok=True)
            raise

    def _write(self, part: Path, data: bytes | bytearray) -> None:
        try:
            part.write_bytes(data)
        except FileNotFoundError:
            self._make_folder()
            part.write_bytes(data)
        if self._durable:
            _sync(part)

    def _make_folder(self) -> None:
        missing = [folder for folder in (self.folder, *self.folder.parents) if not folder.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._durable:
            for folder in missing:
                _sync(folder.parent)

    def get(self, key: str) -> bytes:
        """Read the whole file."""
        return (self.folder / key).read_bytes()

    def delete(self, *keys: str) -> None:
        """Unlink the files that are there."""
        for key in keys:
            (self.folder / key).unlink(missing_ok=True)

    def old_keys(self, age_s: float) -> Iterator[str]:
        """Every file, half-written ones included, last written more than ``age_s`` ago."""
        if not self.folder.is_dir():
            return
        os.utime(self.folder)  # tells the file system's own time; this process's may be hours off
        limit = self.folder.stat().st_mtime - age_s
        with os.scandir(self.folder) as entries:
            for entry in entries:
                try:
                    if entry.is_file() and entry.stat().st_mtime < limit:
                        yield entry.name
                except FileNotFoundError:
                    continue


def _sync(path: Path) -> None:
    """Have the disk keep a file's bytes, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
