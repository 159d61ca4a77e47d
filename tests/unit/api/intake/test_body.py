"""A body in any form, any chunks: the photo, or a refusal that says what to do."""

import asyncio
import base64
import contextlib
import gc
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from api.intake import body as intake
from api.intake.body import MemoryBudget, MemoryLease, read_photo
from api.intake.multipart import Part
from api.intake.photo import Photo
from api.intake.tensors import read_tensor
from shared.errors import (
    InvalidImage,
    MalformedRequest,
    RequestTimeout,
    UnsupportedMediaType,
    UploadTooLarge,
)

LIMIT = 500
CLIENTS_FAULT = (MalformedRequest, UploadTooLarge, UnsupportedMediaType, InvalidImage)
JPEG = b"\xff\xd8\xff\xe0"


def request(chunks: list[bytes], content_type: str = "", **headers: str) -> Request:
    async def messages() -> AsyncIterator[Message]:
        for chunk in chunks:
            yield {"type": "http.request", "body": chunk, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    stream = messages()
    given = {"content-type": content_type, **headers}
    scope = {
        "type": "http",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    return Request(scope, lambda: anext(stream))


def take(body: bytes, cuts: list[int] | None = None, content_type: str = "") -> Photo:
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts or []), len(body)]
    chunks = [body[start:end] for start, end in pairwise(edges)]
    return asyncio.run(
        read_photo(request(chunks, content_type), LIMIT, MemoryLease(MemoryBudget()))
    )


photos = st.binary(max_size=LIMIT - len(JPEG)).map(lambda rest: JPEG + rest)
cuts = st.lists(st.integers(0), max_size=5)


@given(photos, cuts, st.sampled_from(["", "image/png", "application/json", "text/plain"]))
def test_a_raw_photo_is_taken_under_any_header(photo: bytes, cuts: list[int], header: str) -> None:
    assert take(photo, cuts, header).data.join() == photo


@given(photos, cuts, st.booleans())
def test_a_photo_in_json_is_decoded(photo: bytes, cuts: list[int], uri: bool) -> None:
    text = base64.b64encode(photo).decode()
    image = f"data:image/jpeg;base64,{text}" if uri else text
    assert take(json.dumps({"image": image}).encode(), cuts).data.join() == photo


@given(photos, cuts)
def test_a_photo_in_a_form_is_found(photo: bytes, cuts: list[int]) -> None:
    head = b'--b0undary\r\nContent-Disposition: form-data; name="file"; filename="a/b.jpg"\r\n\r\n'
    body = head + photo + b"\r\n--b0undary--\r\n"
    found = take(body, cuts, "multipart/form-data; boundary=b0undary")
    assert (found.data.join(), found.filename) == (photo, "b.jpg")


@given(st.binary(), cuts, st.sampled_from(["", "multipart/form-data; boundary=x"]))
def test_any_bytes_are_accepted_or_refused(body: bytes, cuts: list[int], header: str) -> None:
    with contextlib.suppress(*CLIENTS_FAULT):
        take(body, cuts, header)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_accepted_or_refused(value: object) -> None:
    with contextlib.suppress(*CLIENTS_FAULT):
        take(json.dumps({"image": value}).encode())


def test_the_limit_is_exact_in_every_form() -> None:
    photo = JPEG + bytes(LIMIT - len(JPEG))
    for body in (photo, json.dumps({"image": base64.b64encode(photo).decode()}).encode()):
        assert take(body).data.join() == photo
    for over in (photo + b"x", json.dumps({"image": base64.b64encode(photo + b"x").decode()})):
        with pytest.raises(UploadTooLarge):
            take(over if isinstance(over, bytes) else over.encode())


def test_a_declared_length_beyond_the_limit_is_refused_before_a_byte_is_read() -> None:
    def never() -> None:
        raise AssertionError("the body was read")

    scope = {"type": "http", "headers": [(b"content-length", b"10000000000")]}
    with pytest.raises(UploadTooLarge):
        asyncio.run(read_photo(Request(scope, never), LIMIT, MemoryLease(MemoryBudget())))  # type: ignore[arg-type]


def test_no_bytes_are_a_malformed_request_and_an_empty_file_is_an_invalid_image() -> None:
    with pytest.raises(MalformedRequest):
        take(b"")
    with pytest.raises(InvalidImage):
        take(b'{"image": ""}')


def test_nothing_of_a_refused_form_waits_for_the_garbage_collector() -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + JPEG + b"\r\n"
    form = request([part * 2 + b"--x--\r\n"], "multipart/form-data; boundary=x")

    async def refuse() -> None:
        with contextlib.suppress(MalformedRequest):
            await read_photo(form, LIMIT, MemoryLease(MemoryBudget()))
        await asyncio.sleep(0)  # the loop closes what was left in the middle

    gc.collect()
    gc.disable()
    try:
        asyncio.run(refuse())
        # by its type: isinstance asks what only pretends to be something, and that may warn
        assert not [found for found in gc.get_objects() if type(found) is Part]
    finally:
        gc.enable()


def test_a_client_that_goes_away_is_no_error_of_its_body() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        asyncio.run(
            read_photo(
                Request({"type": "http", "headers": []}, gone), LIMIT, MemoryLease(MemoryBudget())
            )
        )


@pytest.mark.parametrize("read", [read_photo, read_tensor])
def test_a_body_that_arrives_for_too_long_is_refused(
    read: Callable[[Request, int, MemoryLease], Coroutine[Any, Any, object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "BODY_WITHIN_S", -1.0)
    with pytest.raises(RequestTimeout, match="took too long"):
        asyncio.run(read(request([JPEG, bytes(20)]), LIMIT, MemoryLease(MemoryBudget())))
