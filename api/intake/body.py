"""Reads one photo from a request body, within limits; its format is detected from its content.

One limit is of a photo's size. Another is of the bytes that all requests together hold in this
process: they are counted as they arrive, so a client that declares a large body and sends little
uses little of the budget.
"""

import asyncio
import re
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from api.http.retry_after import RETRY_BODIES_S
from api.intake import wrong_content
from api.intake.json_body import PREDICT_JSON, JsonPhoto
from api.intake.multipart import Part, boundary_of, check_form, read_parts
from api.intake.photo import Photo, clean_filename, too_large
from api.intake.pieces import HEAD_BYTES, Pieces
from api.settings import BUDGET_BYTES
from shared.errors import MalformedRequest, QueueFull, RequestTimeout, UploadTooLarge
from shared.photo_formats import DEFAULT_FORMATS, PhotoFormats

Decoded = TypeVar("Decoded")

PREDICT_FIELD = "file"
_LIST_INDEX = re.compile(r"\[\d{0,6}\]$")
# Less than the sweeper's SPARE_S: a body's first photos must still be stored when its last arrives.
BODY_WITHIN_S = 3600.0
# Each thread holds the interpreter lock while it parses: more threads would delay other requests.
_JSON_THREADS = CapacityLimiter(2)
# Bytes that a form may add to its photo: boundaries and headers of parts.
FORM_OVERHEAD = 64 * 1024


class MemoryLease:
    """The bytes that one request holds."""

    def __init__(self, budget: "MemoryBudget") -> None:
        self._budget = budget
        self.bytes = 0

    def set(self, size: int) -> None:
        """Record that the request now holds ``size`` bytes.

        Raises:
            QueueFull: All requests together would hold too many bytes.
        """
        total = self._budget.reserved_bytes + size - self.bytes
        if size > self.bytes and total > self._budget.most:
            raise QueueFull(
                "The service is receiving too many uploads at the moment. Try again in a second.",
                RETRY_BODIES_S,
            )
        self._budget.reserved_bytes = total
        self.bytes = size


class MemoryBudget:
    """The budget that the requests of one event loop share; it needs no lock."""

    def __init__(self, most_bytes: int = BUDGET_BYTES) -> None:
        self.most = most_bytes
        self.reserved_bytes = 0

    @contextmanager
    def lease(self) -> Iterator[MemoryLease]:
        """Give the request a lease; its bytes are returned to the budget when the block ends."""
        lease = MemoryLease(self)
        try:
            yield lease
        finally:
            lease.set(0)


async def body_chunks(
    request: Request,
    limit: int,
    error: Callable[[int], UploadTooLarge],
    lease: MemoryLease | None = None,
) -> AsyncIterator[bytes]:
    """The body as it arrives; refused by its declared length, or once it exceeds the limit.

    Each chunk is added to the lease.

    Raises:
        QueueFull: All requests together hold too many bytes.
        UploadTooLarge: ``error(limit)``, if the body has more than ``limit`` bytes.
        RequestTimeout: The body takes longer than ``BODY_WITHIN_S`` seconds to arrive.
        starlette.requests.ClientDisconnect: The client disconnected.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise error(limit)
    seen = 0
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BODY_WITHIN_S
    async for chunk in request.stream():  # the connection limits the time between two chunks
        seen += len(chunk)
        if seen > limit:
            raise error(limit)
        if loop.time() > deadline:
            raise RequestTimeout(
                "Sending the body took too long. Send fewer or smaller photos in a request."
            )
        if lease:
            lease.set(lease.bytes + len(chunk))
        yield chunk


async def read_photo(
    request: Request,
    max_bytes: int,
    lease: MemoryLease,
    formats: PhotoFormats = DEFAULT_FORMATS,
    json: JsonPhoto = PREDICT_JSON,
) -> Photo:
    """The photo of a ``/predict`` body: a form, JSON or the bytes themselves.

    ``formats`` are accepted; ``json`` decodes a JSON body.

    Raises:
        MalformedRequest: The body contains no photo, or the form or JSON is invalid.
        RequestTimeout: The body takes too long to arrive.
        UploadTooLarge: More than ``max_bytes``; raised as soon as that is known.
        UnsupportedMediaType: The photo is of no accepted format.
        InvalidImage: The file is empty.
        QueueFull: All requests together hold too many bytes.
    """
    boundary = boundary_of(request.headers.get("content-type", ""))
    chunks = PeekedBody(
        body_chunks(request, json_limit(max_bytes), lambda _: too_large(max_bytes), lease)
    )
    head = await chunks.peek(HEAD_BYTES)
    if not head:
        raise MalformedRequest(f"The body is empty. Send a {formats.either}.")
    if boundary and not formats.begin(head):
        check_form(head, request.headers)
        photo = await _from_form(chunks, boundary, max_bytes, formats)
    elif head.removeprefix(BOM_UTF8).lstrip()[:1] == b"{":
        body = (await chunks.rest(json_limit(max_bytes))).join()
        photo = Photo(None, Pieces(await decoded(json.decode, body)))
    elif formats.begin(head):
        photo = Photo(None, await chunks.rest(max_bytes))
        if damage := wrong_content.damage_of(photo.data, request.headers):
            raise damage
    else:
        raise wrong_content.wrong_body(head, request.headers, formats, json.field)
    if photo.data.size > max_bytes:
        raise too_large(max_bytes)
    if not formats.begin(photo.data.head):
        raise wrong_content.wrong_content(photo.data.head, formats)
    return photo


def json_limit(max_bytes: int) -> int:
    """How many bytes a body may have that holds ``max_bytes`` of photos as base64."""
    return max_bytes * 4 // 3 + max_bytes // 32 + FORM_OVERHEAD


class PeekedBody:
    """The chunks of a body; its first bytes can be read before the rest is consumed."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._head = b""

    async def peek(self, size: int) -> bytes:
        """At least ``size`` bytes, or the whole body if it is shorter."""
        while len(self._head) < size and (chunk := await anext(self._chunks, None)) is not None:
            self._head += chunk
        return self._head

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._head:
            yield self._taken_head()
        async for chunk in self._chunks:
            yield chunk

    def _taken_head(self) -> bytes:
        head, self._head = self._head, b""  # not held for the rest of the body
        return head

    async def rest(self, limit: int) -> Pieces:
        """The whole body, if it has at most ``limit`` bytes."""
        body = Pieces()
        async for chunk in self:
            body.add(chunk)
            if body.size > limit:
                raise too_large(limit)
        return body


def base_name(field: str) -> str:
    """A field's name without the index that PHP and axios add: ``files[0]``, ``files[]``."""
    return _LIST_INDEX.sub("", field)


def check_part(part: Part, formats: PhotoFormats = DEFAULT_FORMATS) -> None:
    """Refuse a part that, by its headers or first bytes, contains no photo.

    Raises:
        MalformedRequest: The part contains several files.
        UnsupportedMediaType: The part is encoded, or contains text instead of a file.
    """
    plain = not part.transfer_encoding and not part.content_type.startswith(b"multipart/")
    begins = formats.begin(part.data.head)
    if plain and begins:
        return
    head = b"" if begins else part.data.head
    problem = wrong_content.wrong_part(
        part.name, part.filename, part.content_type, part.transfer_encoding, head
    )
    if problem:
        raise problem


async def _from_form(
    chunks: PeekedBody, boundary: bytes, max_bytes: int, formats: PhotoFormats
) -> Photo:
    photo: Photo | None = None
    async for parts in read_parts(chunks, boundary, max_bytes):
        for part in parts:
            if base_name(part.name) != PREDICT_FIELD:
                raise wrong_content.wrong_field(
                    clean_filename(part.name) or "", PREDICT_FIELD, "/predict"
                )
            if part.too_large:
                raise too_large(max_bytes)
            if photo is not None:
                raise MalformedRequest(
                    "POST /predict accepts one photo. Send several to POST /jobs."
                )
            if part.complete:
                check_part(part, formats)
                photo = Photo(clean_filename(part.filename), part.data)
    if photo is None:
        raise MalformedRequest("The form has no field 'file'. Send the photo in that field.")
    return photo


async def decoded(decode: Callable[[bytes], Decoded], body: bytes) -> Decoded:
    """``decode(body)``; a large body does not delay other requests."""
    if len(body) < FORM_OVERHEAD:
        return decode(body)
    return await to_thread.run_sync(decode, body, limiter=_JSON_THREADS)
