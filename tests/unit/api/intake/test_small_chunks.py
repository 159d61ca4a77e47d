"""A body that arrives two bytes at a time takes no more memory than one in large chunks."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.types import Message

from api.intake.body import MemoryBudget, MemoryLease, read_photo

SIZE = 80_000
PHOTO = b"\xff\xd8\xff" + bytes(range(256)) * (SIZE // 256)
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
BODIES = {
    "raw": ("image/jpeg", PHOTO),
    "form": ("multipart/form-data; boundary=b", HEAD + PHOTO + b"\r\n--b--\r\n"),
}


def peak_of(content_type: str, body: bytes, step: int) -> int:
    """The most bytes that were allocated while the photo was read."""

    async def messages() -> AsyncIterator[Message]:
        for start in range(0, len(body), step):
            yield {"type": "http.request", "body": body[start : start + step], "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    stream = messages()
    scope = {"type": "http", "headers": [(b"content-type", content_type.encode())]}
    request = Request(scope, lambda: anext(stream))
    tracemalloc.start()
    try:
        photo = asyncio.run(read_photo(request, len(body), MemoryLease(MemoryBudget())))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert photo.data.join() == PHOTO


@pytest.mark.parametrize(("content_type", "body"), BODIES.values(), ids=BODIES)
def test_small_chunks_take_no_more_memory(content_type: str, body: bytes) -> None:
    assert peak_of(content_type, body, 2) < 2 * peak_of(content_type, body, 65_536)
