"""Parses multipart/form-data as it arrives, with the parts of one chunk in memory at a time.

Starlette's form parser stops at 1,000 files and stores all files before the handler sees the
first, so this module uses python-multipart's tokenizer directly.
"""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.intake.photo import filename_of
from api.intake.pieces import Pieces
from api.intake.wrong_content import compressed_body
from shared.errors import MalformedRequest

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

TRUNCATED = "The multipart body ends before its last boundary. Send the whole body again."


@dataclass
class Part:
    """One part of a form; if its data exceeds the limit, the data is dropped."""

    name: str
    filename: str | None
    # both lower case
    content_type: bytes = b""
    transfer_encoding: bytes = b""
    # once the part is complete
    data: Pieces = field(default_factory=Pieces, repr=False)
    # of the data so far
    size: int = 0
    too_large: bool = False
    complete: bool = False
    # of all bytes, including dropped ones; only with ``hashing``
    sha256: "hashlib._Hash | None" = field(default=None, repr=False)

    def release(self) -> None:
        """Let go of the data of a complete part."""
        if self.complete:
            self.data, self.size = Pieces(), 0


class PartReader:
    """Turns chunks of a body into parts.

    Args:
        boundary: From the Content-Type header.
        max_part: Maximum size of one part's data, in bytes.
        hashing: Whether to hash each part's data as it arrives.

    Raises:
        MalformedRequest: From any method, if the body is not a valid form.
    """

    def __init__(self, boundary: bytes, max_part: int, *, hashing: bool = False) -> None:
        self._assembly = _Assembly(max_part, hashing=hashing)
        self._begun = False
        self._first_line = b"--" + boundary
        self._start = bytearray()
        try:
            self._parser = MultipartParser(boundary, self._assembly.callbacks())
        except FormParserError as error:
            raise MalformedRequest(f"The multipart boundary cannot be used: {error}") from error

    def feed(self, chunk: bytes) -> list[Part]:
        """The parts that this chunk completed, followed by the incomplete part, if any."""
        if not self._begun:
            # After a leading line break the parser ignores other data at the start of its chunk, so
            # a form's validity would depend on how it is split into chunks.
            chunk = chunk.lstrip(b"\r\n")
            self._begun = bool(chunk)
        if len(self._start) <= len(self._first_line):
            self._start += chunk[: len(self._first_line) + 1]
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedRequest(self._why_no_form(error)) from error
        return self._assembly.take()

    def _why_no_form(self, error: FormParserError) -> str:
        if not self._start.startswith(self._first_line[: len(self._start)]):
            return (
                "The body does not begin with the boundary of its Content-Type. "
                "Let the HTTP client set the Content-Type."
            )
        if self._start.startswith(self._first_line + b"\n"):
            return "The lines of the form end with LF. End them with CR LF (RFC 2046, 5.1.1)."
        return f"The body is not multipart/form-data: {error}"

    def close(self) -> None:
        """Check, after the last chunk, that the form is complete."""
        if not self._assembly.ended:
            raise MalformedRequest(TRUNCATED)


class _Assembly:
    """The parser's callbacks, which assemble the parts.

    This class has no reference to the parser. With a reference cycle, all parts of a refused form,
    photos included, would stay in memory until the garbage collector's next full run.
    """

    def __init__(self, max_part: int, *, hashing: bool) -> None:
        self._max_part = max_part
        self._hashing = hashing
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._part: Part | None = None
        self._found: list[Part] = []
        self._pieces = Pieces()
        self.ended = False

    def callbacks(self) -> "MultipartCallbacks":
        """The callbacks, in the form that python-multipart expects."""
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
        """The parts completed since the last call, followed by the incomplete part, if any."""
        found, self._found = self._found, []
        self._pieces.settle()
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
        if part.size + end - start > self._max_part:
            part.too_large, part.size = True, 0
            self._pieces = Pieces()
        else:
            part.size += end - start
            self._pieces.add(memoryview(data)[start:end])

    def _on_part_end(self) -> None:
        if self._part is not None:
            self._part.complete = True
            self._part.data, self._pieces = self._pieces, Pieces()
            self._found.append(self._part)
        self._part = None

    def _on_end(self) -> None:
        self.ended = True


def boundary_of(content_type: str) -> bytes | None:
    """The boundary in a multipart/form-data header, or ``None`` for another content type.

    Raises:
        MalformedRequest: The header has no boundary.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return None
    boundary: bytes | None = options.get(b"boundary")
    if not boundary:
        raise MalformedRequest("The Content-Type has no boundary. Let the HTTP client set it.")
    return boundary


def check_form(head: bytes, headers: Mapping[str, str]) -> None:
    """Refuse a body that is compressed, though its Content-Type is that of a form.

    Raises:
        UnsupportedMediaType: It is compressed.
    """
    # some clients name a coding and send the form as it is
    is_form = head.lstrip(b"\r\n").startswith(b"--")
    if not is_form and (error := compressed_body(head, headers)):
        raise error


async def read_parts(
    chunks: AsyncIterable[bytes], boundary: bytes, max_part: int, *, hashing: bool = False
) -> AsyncIterator[list[Part]]:
    """For each chunk, the parts that it completed, followed by the one that it left incomplete.

    From an incomplete part the caller can refuse its name or size before the rest arrives.
    """
    reader = PartReader(boundary, max_part, hashing=hashing)
    async for chunk in chunks:
        yield reader.feed(chunk)
    reader.close()
