"""The file of results: complete after every write, and continued by the next run."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from image_classifier_client.cli.exit_codes import CommandError, ExitCode, defer_signals
from image_classifier_client.cli.photos.discovery import absolute
from image_classifier_client.cli.results.formats import BOM, Format, NotResults, format_for
from image_classifier_client.cli.results.rows import Row

if sys.platform != "win32":
    import fcntl


class ResultsFile:
    """Results on disk. ``done`` has the absolute path of every photo in the file.

    Args:
        path: Ends in .csv, .ndjson, .jsonl or .json.
        top_k: Classes per photo.
        bom: Begin a new CSV file with a byte order mark.
        retry_failed: Remove the photos that failed, so that they are classified again.
        sync: Writes a file's data to the disk.

    Raises:
        CommandError: The suffix is unknown, the file has other content, another run writes to it,
            or it cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        top_k: int,
        *,
        bom: bool = False,
        retry_failed: bool = False,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        self.path = path
        self.done: set[str] = set()
        self.succeeded = self.failed = 0
        self._top_k = top_k
        self._bom = bom
        self._format = self._format_of(bom=bom)
        self._retry_failed = retry_failed
        self._sync = sync

    def __enter__(self) -> Self:
        self._file = _open(self.path)
        try:
            self._resume()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def classified(self) -> Iterator[Row]:
        """Yield the photos in the file that were classified: path, concept and classes.

        Of the classes a CSV file yields only the first. Nothing may be appended in the meantime.

        Raises:
            CommandError: The file was changed by hand.
        """
        with self.path.open("rb") as file:
            for record in self._format.records(file):
                try:
                    row = self._format.decode(record.data) if record.succeeded else None
                except (ValueError, LookupError, TypeError) as error:
                    raise self._wrong_content() from error
                if row:
                    yield row

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows, except those of cancelled jobs: their photos are still to be classified.

        Raises:
            OSError: They cannot be written; the file is unchanged.
        """
        finished = [row for row in rows if row.status != "cancelled"]
        if not finished:
            return
        # interrupted between writing and counting, the next rows would overwrite these
        with defer_signals():
            self._append(finished)

    def _append(self, rows: Sequence[Row]) -> None:
        if not _is_open_at(self._file, self.path):
            raise OSError(f"{self.path} was moved, deleted or replaced during the run")
        layout = self._format
        data = self._separator() + layout.between.join(layout.encode(row) for row in rows)
        try:
            self._write_at(self._end, data + layout.tail)
        except OSError:
            with suppress(OSError):
                self._write_at(self._end, layout.tail)
            raise
        self._end += len(data)
        for row in rows:
            self._count(row.path, succeeded=row.status == "succeeded")

    def _count(self, path: str, *, succeeded: bool) -> None:
        self.done.add(absolute(path))
        self.succeeded += succeeded
        self.failed += not succeeded

    def _resume(self) -> None:
        with self.path.open("rb") as file:
            self._detect_bom(file.read(len(BOM)))
            expected = self._format.head
            file.seek(0)
            head = file.read(len(expected))
            if not expected.startswith(head):
                raise self._wrong_content(head)
            is_new = head != expected or not file.read(1)  # or its writer got no further
            if not is_new and not self._retry_failed:
                self._read(file)
        if is_new:
            self._end = len(expected)
            self._write_at(0, expected + self._format.tail)
            return
        if self._retry_failed:
            self._remove_failed()
        self._write_at(self._end, self._format.tail)

    def _detect_bom(self, start: bytes) -> None:
        """An existing file stays as it is, with or without a byte order mark."""
        has_bom = BOM.startswith(start) if start else self._bom
        if self._bom and not has_bom:
            text = "it has no byte order mark: omit --bom, or name another file"
            raise CommandError(ExitCode.USAGE, f"--out {self.path}: {text}")
        self._format = self._format_of(bom=has_bom)

    def _format_of(self, *, bom: bool) -> Format:
        layout = format_for(self.path, self._top_k, bom=bom)
        if layout is None:
            text = f"--out {self.path}: its name must end in .csv, .ndjson or .json"
            raise CommandError(ExitCode.USAGE, text)
        return layout

    def _read(self, file: BinaryIO) -> None:
        """Count the records of the file."""
        self._end = len(self._format.head)
        try:
            for record in self._format.records(file):
                self._count(record.path, succeeded=record.succeeded)
                self._end = record.end
        except NotResults as error:
            raise self._wrong_content() from error

    def _remove_failed(self) -> None:
        """Replace the file by one without the photos that failed."""
        target = self.path.resolve()
        new = target.with_name(f".{target.name}.new")
        try:
            with new.open("wb") as kept, target.open("rb") as file:
                kept.write(self._format.head)
                for record in self._format.records(file):
                    if record.succeeded:
                        kept.write(self._separator() + record.data)
                        self._count(record.path, succeeded=True)
                self._end = kept.tell()
                kept.flush()
                self._sync(kept.fileno())
            self._file.close()  # Windows does not replace a file that is open
            new.replace(target)
        except NotResults as error:
            new.unlink(missing_ok=True)
            raise self._wrong_content() from error
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        self._file = _open(self.path)

    def _separator(self) -> bytes:
        return self._format.between if self.done else self._format.first

    def _write_at(self, position: int, data: bytes) -> None:
        """Write, end the file there, and write it to the disk."""
        self._file.seek(position)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._file.truncate()
        self._sync(self._file.fileno())

    def _wrong_content(self, head: bytes = b"") -> CommandError:
        if head.removeprefix(BOM).startswith(b"index,path,status,"):
            text = (
                "it was written with another --top-k or by an earlier version: use the same "
                "--top-k, or name another file"
            )
        else:
            text = "it contains something other than results: name another file"
        return CommandError(ExitCode.USAGE, f"--out {self.path}: {text}")


def _is_open_at(file: FileIO, path: Path) -> bool:
    """Whether the file is still the one at the path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _open(path: Path) -> FileIO:
    """Open a file, create it if necessary, and lock it.

    Raises:
        CommandError: It cannot be opened, or another run has locked it.
    """
    try:
        # unbuffered: closing the file must not repeat a write that failed
        file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
    except OSError as error:
        raise CommandError(ExitCode.NOT_WRITTEN, f"--out {path}: {error.strerror}") from error
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            text = f"--out {path}: another run is writing to it"
            raise CommandError(ExitCode.USAGE, text) from error
    return file
