"""multipart/form-data as it streams: one part in memory at a time, each bounded.

Starlette's form parser stops at 1,000 files and spools them all before the handler sees the
first, so python-multipart's tokeniser is driven directly.
"""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.intake.filename import filename_of
from shared.errors import MalformedRequest

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

TRUNCATED = "The multipart body ends before its last boundary. Send it again, whole."


@dataclass
class Part:
    """One part of a form; ``too_large`` is set once its data outgrew the limit and was dropped."""

    name: str
    filename: str | None
    # both lower case
    content_type: bytes = b""
    transfer_encoding: bytes = b""
    data: bytearray = field(default_factory=bytearray, repr=False)
    too_large: bool = False
    complete: bool = False
    # of all its bytes, also of those that were dropped; absent unless it was asked for
    sha256: "hashlib._Hash | None" = field(default=None, repr=False)


class PartReader:
    """Turns chunks of a body into parts.

    Args:
        boundary: From the Content-Type header.
        max_part: Most bytes of one part's data.
        hashing: Hash each part's data as it comes.

    Raises:
        MalformedRequest: From any method, when the bytes are no form.
    """

    def __init__(self, boundary: bytes, max_part: int, *, hashing: bool = False) -> None:
        self._assembly = _Assembly(max_part, hashing=hashing)
        self._begun = False
        try:
            self._parser = MultipartParser(boundary, self._assembly.callbacks())
        except FormParserError as error:
            raise MalformedRequest(f"The multipart boundary cannot be used: {error}") from error

    def feed(self, chunk: bytes) -> list[Part]:
        """The parts that this chunk completed, and last the one that it left open, if any."""
        if not self._begun:
            # After a line break the parser passes over whatever else its chunk begins with, so that
            # the cuts between chunks would decide whether a form is one.
            chunk = chunk.lstrip(b"\r\n")
            self._begun = bool(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedRequest(f"The body is not multipart/form-data: {error}") from error
        return self._assembly.take()

    def close(self) -> None:
        """Say that no more bytes come."""
        if not self._assembly.ended:
            raise MalformedRequest(TRUNCATED)


class _Assembly:
    """What the parser calls, and the parts that come of it.

    It knows nothing of the parser: as one circle of references all parts of a refused form, photos
    included, would stay in memory until the garbage collector looks at its oldest objects.
    """

    def __init__(self, max_part: int, *, hashing: bool) -> None:
        self._max_part = max_part
        self._hashing = hashing
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._part: Part | None = None
        self._found: list[Part] = []
        self.ended = False

    def callbacks(self) -> "MultipartCallbacks":
        """As python-multipart wants them."""
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def take(self) -> list[Part]:
        """The parts completed since the last call, and last the open one, if any."""
        found, self._found = self._found, []
        return [*found, self._part] if self._part else found

    def _on_part_begin(self) -> None:
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _on_headers_finished(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition.decode("latin-1"))
        name = options.get(b"name")
        if name is None:
            raise MalformedRequest("A part of the form has no name in its Content-Disposition.")
        self._part = Part(
            name.decode(errors="replace"),
            filename_of(disposition, options.get(b"filename")),
            self._headers.get(b"content-type", b"").strip().lower(),
            self._headers.get(b"content-transfer-encoding", b"").strip().lower(),
            sha256=hashlib.sha256() if self._hashing else None,
        )

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part is None:
            return
        if part.sha256:
            part.sha256.update(memoryview(data)[start:end])
        if part.too_large:
            return
        if len(part.data) + end - start > self._max_part:
            part.too_large = True
            part.data = bytearray()
        else:
            part.data += memoryview(data)[start:end]

    def _on_part_end(self) -> None:
        if self._part is not None:
            self._part.complete = True
            self._found.append(self._part)
        self._part = None

    def _on_end(self) -> None:
        self.ended = True


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a multipart/form-data header, or ``None`` when it says anything else.

    Raises:
        MalformedRequest: It says multipart/form-data without a boundary.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return None
    boundary: bytes | None = options.get(b"boundary")
    if not boundary:
        raise MalformedRequest("The Content-Type has no boundary. Let the HTTP client set it.")
    return boundary


async def read_parts(
    chunks: AsyncIterable[bytes], boundary: bytes, max_part: int, *, hashing: bool = False
) -> AsyncIterator[Part]:
    """Each part once complete; before that also whenever a chunk leaves it open.

    The open ones let a caller refuse a part by its name or size before all of it has come.
    """
    reader = PartReader(boundary, max_part, hashing=hashing)
    async for chunk in chunks:
        for part in reader.feed(chunk):
            yield part
    reader.close()
