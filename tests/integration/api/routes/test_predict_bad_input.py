"""Whatever a client sends to /predict: 4xx with the reason, and nothing stays stored."""

import base64
from collections.abc import Iterator

import httpx
import pytest

from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg

pytestmark = pytest.mark.usefixtures("worker")

PHOTO = jpeg()
OVER_LIMIT = b"\xff\xd8\xff" + bytes(200_000)
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}
BAD = {
    "an empty body": ({"content": b""}, 400, "malformed_request"),
    "an empty file": ({"files": {"file": b""}}, 422, "invalid_image"),
    "text": ({"content": b"this is no photo"}, 415, "unsupported_media_type"),
    "text in a form": ({"files": {"file": b"no photo"}}, 415, "unsupported_media_type"),
    "a GIF": ({"content": b"GIF89a" + bytes(50)}, 415, "unsupported_media_type"),
    "the wrong field": ({"files": {"photo": PHOTO}}, 400, "malformed_request"),
    "a field beside it": ({"files": {"file": PHOTO}, "data": {"x": "1"}}, 400, "malformed_request"),
    "two files": ({"files": [("file", PHOTO), ("file", PHOTO)]}, 400, "malformed_request"),
    "no boundary": (
        {"content": b"--x", "headers": {"content-type": "multipart/form-data"}},
        400,
        "malformed_request",
    ),
    "another boundary": (
        {"content": b"--y\r\n\r\n--y--", "headers": MULTIPART},
        400,
        "malformed_request",
    ),
    "a form cut off": (
        {
            "content": b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + PHOTO,
            "headers": MULTIPART,
        },
        400,
        "malformed_request",
    ),
    "a part without a name": (
        {"content": b"--x\r\nA: b\r\n\r\n1\r\n--x--\r\n", "headers": MULTIPART},
        400,
        "malformed_request",
    ),
    "an empty form": ({"content": b"--x--\r\n", "headers": MULTIPART}, 400, "malformed_request"),
    "bad base64": ({"json": {"image": "*not base64*"}}, 400, "malformed_request"),
    "base64 beyond ASCII": ({"json": {"image": "é"}}, 400, "malformed_request"),
    "a data: URI in text": ({"json": {"image": "data:,hello"}}, 400, "malformed_request"),
    "JSON without an image": ({"json": {"picture": ""}}, 400, "malformed_request"),
    "JSON with a number": ({"json": {"image": 5}}, 400, "malformed_request"),
    "JSON cut off": ({"content": b'{"image": "'}, 400, "malformed_request"),
    "deep JSON": ({"content": b'{"image": ' + b"[" * 50_000}, 400, "malformed_request"),
    "JSON of many values": (
        {"json": {"image": base64.b64encode(PHOTO).decode(), "x": [0] * 1_001}},
        400,
        "malformed_request",
    ),
    "empty base64": ({"json": {"image": ""}}, 422, "invalid_image"),
    "text in base64": ({"json": {"image": "bm8gcGhvdG8="}}, 415, "unsupported_media_type"),
    "too many bytes": ({"content": OVER_LIMIT}, 413, "upload_too_large"),
    "too many bytes in a form": ({"files": {"file": OVER_LIMIT}}, 413, "upload_too_large"),
    "too many bytes in JSON": (
        {"json": {"image": base64.b64encode(OVER_LIMIT).decode()}},
        413,
        "upload_too_large",
    ),
    "top_k 0": ({"content": PHOTO, "params": {"top_k": 0}}, 422, "invalid_parameter"),
    "top_k 101": ({"content": PHOTO, "params": {"top_k": 101}}, 422, "invalid_parameter"),
    "top_k in words": ({"content": PHOTO, "params": {"top_k": "all"}}, 422, "invalid_parameter"),
}


@pytest.mark.parametrize(("request_", "status", "expected"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_its_reason(
    api: ApiProcess, request_: dict[str, object], status: int, expected: str
) -> None:
    before = api.stored()
    answer = api.client.post("/predict", **request_)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert slug(answer) == expected
    assert api.stored() == before


def test_too_many_bytes_are_refused_while_they_stream(api: ApiProcess) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield PHOTO
        while sent < 100_000_000:
            sent += 10_000
            yield bytes(10_000)

    with httpx.Client(timeout=30, trust_env=False) as client:
        answer = client.post(f"{api.url}/predict", content=endless())
    assert answer.status_code == 413
    assert slug(answer) == "upload_too_large"
    assert answer.headers["connection"] == "close"
