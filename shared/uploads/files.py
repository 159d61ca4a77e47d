"""Uploads in a folder, one file per photo."""

import os
from collections.abc import Iterator
from pathlib import Path


class FileUploadStore:
    """One folder, one file per photo; api and workers see the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, key: str, data: bytes | bytearray) -> None:
        """Write beside, then rename: a reader never sees half a photo."""
        part = self.folder / f"{key}.part"
        try:
            self._write(part, data)
            part.rename(self.folder / key)
        except OSError:
            # on a full disk the half file would be in the way until it is swept
            part.unlink(missing_ok=True)
            raise

    def _write(self, part: Path, data: bytes | bytearray) -> None:
        try:
            part.write_bytes(data)
        except FileNotFoundError:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)

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
