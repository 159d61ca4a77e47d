"""The file of results: appended to job by job, whole after each, taken up where it stopped.

Depends on formats.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from image_classifier_client.cli.exits import ExitCode, Stop, undisturbed
from image_classifier_client.cli.finding import place
from image_classifier_client.cli.formats import Format, NotOurs, format_of
from image_classifier_client.cli.rows import Row

if sys.platform != "win32":
    import fcntl


class OutFile:
    """Results on disk; ``done`` has the absolute path of every photo that the file answers for.

    Args:
        path: Ends in .csv, .ndjson, .jsonl or .json.
        top_k: Classes per photo.
        retry_failed: Forget the photos that failed, so that they are classified again.

    Raises:
        Stop: The suffix means nothing, the file is something else's or another run's, or it
            cannot be opened.
    """

    def __init__(self, path: Path, top_k: int, *, retry_failed: bool = False) -> None:
        self.path = path
        self.done: set[str] = set()
        self.succeeded = self.failed = 0
        layout = format_of(path, top_k)
        if layout is None:
            raise Stop(ExitCode.USAGE, f"--out {path}: name it .csv, .ndjson or .json")
        self._format: Format = layout
        self._retry_failed = retry_failed

    def __enter__(self) -> Self:
        self._file = _open(self.path)
        try:
            self._take_up()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows; a photo whose job was cancelled is left out, so that it is still missing.

        Raises:
            OSError: They cannot be written; the file is as it was.
        """
        ended = [row for row in rows if row.status != "cancelled"]
        if not ended:
            return
        # interrupted between writing and counting, the next rows would be written over these
        with undisturbed():
            self._append(ended)

    def _append(self, rows: Sequence[Row]) -> None:
        layout = self._format
        data = self._before() + layout.between.join(layout.encode(row) for row in rows)
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
        self.done.add(place(path))
        self.succeeded += succeeded
        self.failed += not succeeded

    def _take_up(self) -> None:
        layout = self._format
        self._end = len(layout.head)
        with self.path.open("rb") as file:
            head = file.read(len(layout.head))
            if not layout.head.startswith(head):
                raise self._other(head)
            if head != layout.head or not file.read(1):  # new, or its writer got no further
                self._write_at(0, layout.head + layout.tail)
                return
            self._read(file)
        self._write_at(self._end, layout.tail)

    def _read(self, file: BinaryIO) -> None:
        """Count what the file has; without the failed ones it is written anew."""
        try:
            if not self._retry_failed:
                for record in self._format.records(file):
                    self._count(record.path, succeeded=record.succeeded)
                    self._end = record.end
                return
            with self._successor() as kept, self.path.open("rb") as source:
                kept.write(self._format.head)
                for record in self._format.records(file):
                    if record.succeeded:
                        source.seek(record.begin)
                        kept.write(self._before() + source.read(record.end - record.begin))
                        self._count(record.path, succeeded=True)
                self._end = kept.tell()
        except NotOurs as error:
            raise self._other() from error

    @contextmanager
    def _successor(self) -> Iterator[BinaryIO]:
        """A file that takes this one's place once it is whole."""
        path = self.path.with_name(f".{self.path.name}.new")
        try:
            with path.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            successor = _open(path)
            path.replace(self.path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._file.close()
        self._file = successor

    def _before(self) -> bytes:
        return self._format.between if self.done else self._format.first

    def _write_at(self, at: int, data: bytes) -> None:
        """Write at a place and end the file there, on the disk itself."""
        self._file.seek(at)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._file.truncate()
        os.fsync(self._file.fileno())

    def _other(self, head: bytes = b"") -> Stop:
        if head.startswith(b"path,status,"):
            text = "it was written with another --top-k: ask for the same, or name another file"
        else:
            text = "it holds something else than this command's results: name another file"
        return Stop(ExitCode.USAGE, f"--out {self.path}: {text}")


def _open(path: Path) -> FileIO:
    """Open, create and lock.

    Raises:
        Stop: It cannot be opened, or another run has it.
    """
    try:
        # unbuffered: what cannot be written must not be tried again when the file is closed
        file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
    except OSError as error:
        raise Stop(ExitCode.NOT_WRITTEN, f"--out {path}: {error.strerror}") from error
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise Stop(ExitCode.USAGE, f"--out {path}: another run writes to it") from error
    return file
