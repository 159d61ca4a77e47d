"""UploadStore: keeps photos outside Redis until a worker has read them.

``UPLOADS_URL=file:///folder`` stores one file per photo, ``s3://bucket/prefix`` one object.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

# Bucket URL schemes that obstore supports and this service accepts; only S3 is tested.
BUCKETS = frozenset({"s3", "gs", "az"})

# A part of a photo's bytes.
Piece = bytes | bytearray | memoryview

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
# As many as Linux takes in one call.
_MOST_PIECES = 1024


class UploadStore(Protocol):
    """A store in which photos wait for a worker; :func:`upload_key` makes the keys."""

    def put(self, key: str, *pieces: Piece) -> None:
        """Store the bytes, in order; until this returns, a reader may find a part of them.

        So a photo is stored before the record that tells a worker of it. After an error, nothing
        is left.

        Raises:
            OSError: The store refuses or is unreachable.
        """

    def get(self, key: str) -> bytes:
        """Read the bytes.

        Raises:
            FileNotFoundError: The store does not have the key.
            OSError: The store is unreachable.
        """

    def delete(self, *keys: str) -> None:
        """Delete the keys; missing keys are ignored.

        Raises:
            OSError: The store refuses or is unreachable.
        """

    def old_keys(self, age_s: float) -> Iterator[str]:
        """Keys that are older than ``age_s`` seconds."""


def upload_key(job_id: str, index: int) -> str:
    """The key of one photo; `parse_upload_key` reverses it."""
    return f"{job_id}.{index}"


def parse_upload_key(key: str) -> tuple[str, int] | None:
    """Job id and index, or ``None`` if the key is not from `upload_key`."""
    job_id, _, index = key.partition(".")
    return (job_id, int(index)) if job_id and index.isdecimal() else None


def open_uploads(url: str, *, durable: bool = False) -> UploadStore:
    """The store at ``UPLOADS_URL``; opens no connection.

    Args:
        url: ``file:///folder`` or ``s3://bucket/prefix``.
        durable: Whether a stored photo must survive a power failure. Buckets ignore this.

    Raises:
        ValueError: The scheme is unknown, or the URL has no absolute folder or bucket.
    """
    parts = urlsplit(url)
    if parts.scheme in BUCKETS:
        if "@" in parts.netloc or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("UPLOADS_URL must be s3://bucket/prefix; keys go into AWS_… variables")
        # imported here because it needs 11 MB, which a folder does not need
        from shared.uploads.bucket import BucketUploadStore  # noqa: PLC0415

        return BucketUploadStore(url)
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or parts.netloc or not path.is_absolute():
        raise ValueError("UPLOADS_URL must be file:///absolute/folder or s3://bucket/prefix")
    return FileUploadStore(path, durable=durable)


class FileUploadStore:
    """A folder with one file per photo; the API and all workers must see the same folder.

    Args:
        folder: The folder; created when the first photo is stored.
        durable: Whether `put` returns only after the photo is safe from a power failure.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self._path = str(folder)
        self._durable = durable

    def put(self, key: str, *pieces: Piece) -> None:
        """Write a file."""
        try:
            self._write(key, pieces)
        except FileNotFoundError:
            self._make_folder()
            self._write(key, pieces)

    def _write(self, key: str, pieces: Iterable[Piece]) -> None:
        try:
            descriptor = os.open(f"{self._path}/{key}", _NEW_FILE, 0o666)
            try:
                _write_all(descriptor, pieces)
                if self._durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if self._durable:
                _sync(self.folder)
        except OSError:
            # on a full disk, half a file would take up space until it is swept
            self.delete(key)
            raise

    def _make_folder(self) -> None:
        missing = [folder for folder in (self.folder, *self.folder.parents) if not folder.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._durable:
            for folder in missing:
                _sync(folder.parent)

    def get(self, key: str) -> bytes:
        """Read the whole file."""
        with open(f"{self._path}/{key}", "rb", buffering=0) as file:  # noqa: PTH123 - faster
            return file.readall()

    def delete(self, *keys: str) -> None:
        """Delete the files; missing files are ignored."""
        for key in keys:
            with suppress(FileNotFoundError):
                os.unlink(f"{self._path}/{key}")  # noqa: PTH108 - faster

    def old_keys(self, age_s: float) -> Iterator[str]:
        """All files last written more than ``age_s`` seconds ago."""
        if not self.folder.is_dir():
            return
        os.utime(
            self.folder
        )  # sets the time of the file system's clock, which may differ from this process's clock
        limit = self.folder.stat().st_mtime - age_s
        with os.scandir(self.folder) as entries:
            for entry in entries:
                try:
                    if entry.is_file() and entry.stat().st_mtime < limit:
                        yield entry.name
                except FileNotFoundError:
                    continue


def _write_all(descriptor: int, pieces: Iterable[Piece]) -> None:
    left = [memoryview(piece) for piece in pieces if piece]
    while left:
        written = os.writev(descriptor, left[:_MOST_PIECES])
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]


def _sync(path: Path) -> None:
    """Write a file's bytes, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
