"""The formats of a file of results: CSV, NDJSON and a JSON array.

Each format can be appended to, and its records can be read back one by one, so that a run that
was killed continues after its last complete record.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Protocol

from image_classifier_client.cli.results.rows import (
    Row,
    as_csv,
    as_json,
    csv_columns,
    csv_record,
    from_csv,
    from_json,
)

BOM = b"\xef\xbb\xbf"
# Every JSON record begins so, also one that was cut.
OBJECT = b'{"path": '


class NotResults(Exception):
    """The file contains something other than results."""


@dataclass(frozen=True)
class Record:
    """The record of one photo.

    Attributes:
        data: Its bytes in the file.
        end: The position of the byte after it.
    """

    path: str
    succeeded: bool
    data: bytes
    end: int


class Format(Protocol):
    """How records are written and read back.

    A file is ``head``, records, ``tail``; before a record stands ``first`` or ``between``.
    """

    head: bytes
    first: bytes
    between: bytes
    tail: bytes

    def encode(self, row: Row) -> bytes:
        """Encode a record."""

    def decode(self, data: bytes) -> Row:
        """Decode the record of a photo that was classified: its path, its concept and its classes.

        Raises:
            ValueError, LookupError, TypeError: It has other content.
        """

    def records(self, file: BinaryIO) -> Iterator[Record]:
        """Yield every complete record of a file that begins with ``head``.

        Raises:
            NotResults: A record other than the last one cannot be read.
        """


class Ndjson:
    """One JSON object per line."""

    head = first = between = tail = b""
    line_end = b"\n"

    def encode(self, row: Row) -> bytes:
        """Encode a record as one line."""
        return as_json(row).encode() + self.line_end

    def decode(self, data: bytes) -> Row:
        """Decode one line."""
        return from_json(data)

    def records(self, file: BinaryIO) -> Iterator[Record]:
        """Yield every object; the last line may be cut."""
        position = file.seek(len(self.head))
        cut = False
        for line in file:
            text = line.strip().rstrip(b",")
            if text not in {b"", b"]"}:
                record = self._record(line, text, position)
                if cut or not (record or text.startswith(OBJECT[: len(text)])):
                    raise NotResults
                cut = record is None
                if record:
                    yield record
            position += len(line)

    def _record(self, line: bytes, text: bytes, position: int) -> Record | None:
        if self.line_end and not line.endswith(self.line_end):
            return None
        try:
            value = json.loads(text)
            path, status = value["path"], value["status"]
        except (ValueError, TypeError, KeyError):
            return None
        data = text + self.line_end
        return Record(path, status == "succeeded", data, position + line.index(text) + len(data))


class JsonArray(Ndjson):
    """A JSON array with one object per line, complete after every write."""

    head, first, between, tail, line_end = b"[", b"\n", b",\n", b"\n]\n", b""


class Csv:
    """CSV with a line of column names. Records are numbered from 0.

    Args:
        top_k: How many classes a record has columns for.
        bom: Whether the file begins with a byte order mark.
    """

    first = between = tail = b""

    def __init__(self, top_k: int, *, bom: bool = False) -> None:
        self._top_k = top_k
        self._next_index = 0
        self.head = BOM * bom + csv_record(csv_columns(top_k)).encode() + b"\n"

    def encode(self, row: Row) -> bytes:
        """Encode a record; a path keeps bytes that are not valid text."""
        record = as_csv(row, self._next_index, self._top_k)
        self._next_index += 1
        return record.encode(errors="surrogateescape") + b"\n"

    def decode(self, data: bytes) -> Row:
        """Decode a record; of the classes only the first."""
        return from_csv(data.decode(errors="surrogateescape"))

    def records(self, file: BinaryIO) -> Iterator[Record]:
        """Yield every record; the last may be cut. A quoted path may contain line ends."""
        position = file.seek(len(self.head))
        lines = _CompleteLines(file)
        try:
            for values in csv.reader(lines, strict=True):
                data = lines.take()
                if not _is_record(values):
                    raise NotResults
                position += len(data)
                self._next_index = int(values[0]) + 1
                yield Record(values[1], values[2] == "succeeded", data, position)
        except csv.Error as error:
            if not lines.at_end:
                raise NotResults from error


def _is_record(values: list[str]) -> bool:
    return len(values) > 2 and values[0].isdecimal() and values[2] in {"succeeded", "failed"}


class _CompleteLines:
    """The lines of a file as text, without a last one that was cut."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._taken: list[bytes] = []
        self.at_end = False

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            if line.endswith(b"\n"):
                self._taken.append(line)
                yield line.decode(errors="surrogateescape")
        self.at_end = True

    def take(self) -> bytes:
        """The bytes of all lines since the last call."""
        data = b"".join(self._taken)
        self._taken.clear()
        return data


def format_for(path: PurePath, top_k: int, *, bom: bool = False) -> Format | None:
    """Choose the format by the file's suffix; ``None`` for an unknown one."""
    match path.suffix.lower():
        case ".csv":
            return Csv(top_k, bom=bom)
        case ".ndjson" | ".jsonl":
            return Ndjson()
        case ".json":
            return JsonArray()
        case _:
            return None
