"""Reads the images of an Open Inference Protocol request: one BYTES tensor of image files.

The tensor is JSON with base64, or binary after the JSON: the "binary tensor data" extension, where
the header ``Inference-Header-Content-Length`` says how long the JSON is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import prod

from pydantic import Field, ValidationError
from starlette.requests import Request

from api.http.tensors import JSON_LENGTH
from api.intake.body import (
    FORM_OVERHEAD,
    MemoryLease,
    PeekedBody,
    body_chunks,
    decoded,
    json_limit,
)
from api.intake.json_body import StrictJson, WholeNumber, decode_base64, describe, parse_json
from api.intake.multipart import check_form
from api.intake.photo import Photo
from api.intake.pieces import HEAD_BYTES, Pieces
from api.intake.wrong_content import wrong_content
from shared.errors import MalformedRequest, UploadTooLarge
from shared.messages import TOP_K_DEFAULT, TOP_K_MAX
from shared.photo_formats import DEFAULT_FORMATS, PhotoFormats

INPUT, DATATYPE = "image", "BYTES"
# A small batch; more images are a job.
MAX_IMAGES = 16
_LENGTH_BYTES = 4
_FORM = (
    f'{{"inputs": [{{"name": "{INPUT}", "shape": [1], "datatype": "{DATATYPE}", '
    '"data": ["<base64>"]}]}'
)


class _Parameters(StrictJson):
    top_k: WholeNumber = Field(default=TOP_K_DEFAULT, ge=1, le=TOP_K_MAX)
    binary_data_output: bool = False


class _InputParameters(StrictJson):
    binary_data_size: WholeNumber | None = Field(default=None, ge=0)


class _Input(StrictJson):
    name: str
    shape: list[WholeNumber]
    datatype: str
    parameters: _InputParameters = _InputParameters()
    data: list[str | list[str]] | None = None


class _OutputParameters(StrictJson):
    binary_data: bool = False


class RequestedOutput(StrictJson):
    """An output that the client wants, and whether as binary data."""

    name: str
    parameters: _OutputParameters = _OutputParameters()


class _Request(StrictJson):
    id: str | None = None
    model_name: str | None = None  # from kserve's client, which also puts it into the path
    parameters: _Parameters = _Parameters()
    inputs: list[_Input]
    outputs: list[RequestedOutput] | None = None


@dataclass(frozen=True)
class TensorRequest:
    """The images of a request and what its response has.

    ``binary`` is how outputs are sent that the client does not name.
    """

    photos: list[Photo]
    id: str | None
    top_k: int
    outputs: list[RequestedOutput] | None
    binary: bool


async def read_tensor(
    request: Request,
    max_bytes: int,
    lease: MemoryLease,
    formats: PhotoFormats = DEFAULT_FORMATS,
) -> TensorRequest:
    """The request, whose images together have at most ``max_bytes``.

    Raises:
        MalformedRequest: The body is not a request with one tensor of images.
        InvalidParameter: A parameter is unknown or out of range.
        RequestTimeout: The body takes too long to arrive.
        UploadTooLarge: Too many bytes or images.
        UnsupportedMediaType, InvalidImage: One of the images is not a photo; the error names it.
        QueueFull: All requests together hold too many bytes.
    """
    limit = json_limit(max_bytes)
    chunks = PeekedBody(body_chunks(request, limit, lambda _: _too_large(max_bytes), lease))
    check_form(await chunks.peek(HEAD_BYTES), request.headers)
    body = (await chunks.rest(limit)).join()
    return await decoded(partial(_decode, request.headers, max_bytes, formats), body)


def _too_large(most: int) -> UploadTooLarge:
    return UploadTooLarge(
        f"The images of a request may together have at most {most} bytes. Send fewer at a time."
    )


def _decode(
    headers: Mapping[str, str], max_bytes: int, formats: PhotoFormats, body: bytes
) -> TensorRequest:
    length = _json_length(headers, len(body))
    try:
        content = parse_json(
            body[:length], _Request, f"The JSON has too many values. Send {_FORM}."
        )
    except ValidationError as error:
        raise describe(error, _FORM) from error
    tensor, count = _tensor(content.inputs)
    images = _images(tensor, count, memoryview(body)[length:])
    if sum(map(len, images)) > max_bytes:
        raise _too_large(max_bytes)
    for number, image in enumerate(images, 1):
        if not formats.begin(image):
            wrong = wrong_content(image, formats)
            raise type(wrong)(f"Image {number} of {count}: {wrong.detail}")
    return TensorRequest(
        [Photo(None, Pieces(image)) for image in images],
        content.id,
        content.parameters.top_k,
        content.outputs,
        content.parameters.binary_data_output,
    )


def _json_length(headers: Mapping[str, str], size: int) -> int:
    text = headers.get(JSON_LENGTH)
    if text is None:
        return size
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= size):
        raise MalformedRequest(
            "Inference-Header-Content-Length must be the number of bytes of JSON at the start of "
            f"the body. The body has {size} bytes."
        )
    if int(text) > FORM_OVERHEAD:
        raise MalformedRequest(
            f"The JSON before binary data may have at most {FORM_OVERHEAD} bytes. Put the "
            "images after it."
        )
    return int(text)


def _tensor(inputs: list[_Input]) -> tuple[_Input, int]:
    """The only input, and how many images it has by its shape."""
    if len(inputs) != 1 or inputs[0].name != INPUT or inputs[0].datatype != DATATYPE:
        raise MalformedRequest(
            f"Send one input, named '{INPUT}', with the datatype {DATATYPE}. Its elements are "
            "image files."
        )
    shape = inputs[0].shape
    if not shape or min(shape) < 1 or prod(shape) != shape[0]:
        raise MalformedRequest(
            f"The shape of '{INPUT}' must be [N] or [N, 1] for N images, with N of at least 1."
        )
    if shape[0] > MAX_IMAGES:
        raise UploadTooLarge(
            f"A request may have at most {MAX_IMAGES} images. Send more to POST /jobs."
        )
    return inputs[0], shape[0]


def _images(tensor: _Input, count: int, binary: memoryview) -> list[bytes]:
    size = tensor.parameters.binary_data_size
    if (size is None) is (tensor.data is None):
        raise MalformedRequest(
            f"'{INPUT}' must have either 'data' with base64, or the parameter 'binary_data_size' "
            "with the bytes after the JSON."
        )
    if (size or 0) != len(binary):
        raise MalformedRequest(
            f"'binary_data_size' is {size or 0}, but {len(binary)} bytes follow the JSON. "
            "Set it to the number of bytes that follow."
        )
    if tensor.data is None:
        images = _split(binary)
    else:
        rows = [row if isinstance(row, list) else [row] for row in tensor.data]
        images = [decode_base64(text) for row in rows for text in row]
    if len(images) != count:
        raise MalformedRequest(
            f"The shape says {count} images, but the data has {len(images)}. Correct one of them."
        )
    return images


def _split(binary: memoryview) -> list[bytes]:
    """The elements of a binary BYTES tensor: each follows its length, little-endian."""
    images: list[bytes] = []
    at = 0
    while at < len(binary) and len(images) <= MAX_IMAGES:
        start = at + _LENGTH_BYTES
        length = int.from_bytes(binary[at:start], "little")
        if length > len(binary) - start:
            raise MalformedRequest(
                f"Element {len(images) + 1} of '{INPUT}' should have {length} bytes, but only "
                f"{max(0, len(binary) - start)} follow."
            )
        images.append(bytes(binary[start : start + length]))
        at = start + length
    return images
