"""How results stand in a file: CSV, one JSON object a line, or a JSON array of such lines.

Each format can be appended to and be read back record by record with its place, so that a file
whose writer was killed can be taken up after its last whole record. Depends on rows.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Protocol

from image_classifier_client.cli.rows import Row, as_csv, as_json, csv_columns, csv_record

# What every line of JSON begins with, whole or torn.
OBJECT = b'{"path": '


class NotOurs(Exception):
    """The file holds something else than results."""


@dataclass(frozen=True)
class Record:
    """One photo's record in a file, from its first byte to the one after its last."""

    path: str
    succeeded: bool
    begin: int
    end: int


class Format(Protocol):
    """How records are written and found again.

    ``head`` begins a file, ``first`` or ``between`` stands before a record, ``tail`` ends it.
    """

    head: bytes
    first: bytes
    between: bytes
    tail: bytes

    def encode(self, row: Row) -> bytes:
        """A record."""

    def records(self, file: BinaryIO) -> Iterator[Record]:
        """Every whole record of a file that begins with ``head``.

        Raises:
            NotOurs: A record other than the last is none of ours.
        """


class Lines:
    """NDJSON, and with another frame around it the JSON array."""

    head = b""
    first = b""
    between = b""
    tail = b""
    after = b"\n"

    def encode(self, row: Row) -> bytes:
        """One JSON object on one line."""
        return as_json(row).encode() + self.after

    def records(self, file: BinaryIO) -> Iterator[Record]:
        """Every object; the last line may be torn."""
        at = file.seek(len(self.head))
        torn = False
        for line in file:
            text = line.strip().rstrip(b",")
            if text not in {b"", b"]"}:
                record = self._record(line, text, at)
                if torn or not (record or text.startswith(OBJECT[: len(text)])):
                    raise NotOurs
                torn = record is None
                if record:
                    yield record
            at += len(line)

    def _record(self, line: bytes, text: bytes, at: int) -> Record | None:
        if self.after and not line.endswith(self.after):
            return None
        try:
            value = json.loads(text)
            path, status = value["path"], value["status"]
        except (ValueError, TypeError, KeyError):
            return None
        begin = at + line.index(text)
        return Record(path, status == "succeeded", begin, begin + len(text) + len(self.after))


class Array(Lines):
    """A JSON array, whole after every write."""

    head, first, between, tail, after = b"[", b"\n", b",\n", b"\n]\n", b""


class Csv:
    """CSV with a line of column names.

    Args:
        top_k: How many classes a record has columns for.
    """

    first = between = tail = b""

    def __init__(self, top_k: int) -> None:
        self._top_k = top_k
        self.head = csv_record(csv_columns(top_k)).encode() + b"\n"

    def encode(self, row: Row) -> bytes:
        """One record; a path keeps the bytes that the file system could not decode."""
        return as_csv(row, self._top_k).encode(errors="surrogateescape") + b"\n"

    def records(self, file: BinaryIO) -> Iterator[Record]:
        """Every record; the last may be torn. A quoted path may hold line ends."""
        self._at = begin = file.seek(len(self.head))
        self._at_end = False
        reader = csv.reader(self._whole_lines(file), strict=True)
        try:
            for values in reader:
                if len(values) < 2 or values[1] not in {"succeeded", "failed"}:
                    raise NotOurs
                yield Record(values[0], values[1] == "succeeded", begin, self._at)
                begin = self._at
        except csv.Error as error:
            if not self._at_end:
                raise NotOurs from error

    def _whole_lines(self, file: BinaryIO) -> Iterator[str]:
        for line in file:
            if line.endswith(b"\n"):
                self._at += len(line)
                yield line.decode(errors="surrogateescape")
        self._at_end = True


def format_of(path: PurePath, top_k: int) -> Format | None:
    """By the file's suffix; ``None`` for one that means nothing here."""
    match path.suffix.lower():
        case ".csv":
            return Csv(top_k)
        case ".ndjson" | ".jsonl":
            return Lines()
        case ".json":
            return Array()
        case _:
            return None
