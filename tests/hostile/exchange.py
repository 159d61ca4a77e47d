"""One request that no ordinary client makes, and what such requests are made of."""

from typing import Any, NamedTuple

NO_JOB = "0" * 32
FORM = {"content-type": "multipart/form-data; boundary=x"}


class Exchange(NamedTuple):
    """One request as httpx takes it."""

    name: str
    method: str
    path: str
    options: dict[str, Any]


def part(head: bytes, data: bytes) -> bytes:
    return b"--x\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data + b"\r\n"
