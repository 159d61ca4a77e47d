"""Requests without a server: a body in any chunks, and the photo that is read from it."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.requests import Request
from starlette.types import Message

from api.intake.body import MemoryBudget, MemoryLease, read_photo
from api.intake.photo import Photo

LIMIT = 1_000_000


def request(chunks: list[bytes], content_type: str = "", **headers: str) -> Request:
    async def messages() -> AsyncIterator[Message]:
        for chunk in chunks:
            yield {"type": "http.request", "body": chunk, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    stream = messages()
    fields = {"content-type": content_type, **headers}
    scope = {
        "type": "http",
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
    }
    return Request(scope, lambda: anext(stream))


def take(body: bytes, content_type: str = "", **headers: str) -> Photo:
    """The photo in a body that comes in one piece."""
    sent = request([body], content_type, **headers)
    return asyncio.run(read_photo(sent, LIMIT, MemoryLease(MemoryBudget())))


def as_form(fields: Mapping[str, bytes], header: str | None = None) -> bytes:
    """A multipart body; with ``header``, each part has it and a file name."""
    parts = []
    for name, data in fields.items():
        file = f'; filename="cat.jpg"\r\n{header}' if header else ""
        head = f'--b0undary\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    return b"".join(parts) + b"--b0undary--\r\n"
