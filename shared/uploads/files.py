"""Uploads in a folder, one file per photo."""

import os
from collections.abc import Iterator
from pathlib import Path


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
