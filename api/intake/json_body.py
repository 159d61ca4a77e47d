"""Reads a photo from a JSON body, in at most a few times the memory of the body.

A client chooses the content of the JSON. Without the limits below, parsing 26 MB of zeros took
870 MB of memory, and decoding 26 MB of escapes in a data: URI took 2 GB.
"""

import base64
import binascii
from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from shared.errors import InvalidParameter, MalformedRequest, ServiceError

# Every JSON value except the first follows one of these; base64 contains none of them.
_SEPARATORS = (b",", b"[", b"{")
MAX_SEPARATORS = 1_000
# How many characters of a field's name an error repeats.
_SHOWN = 100
_ONLY_IMAGE = (
    'The JSON body may only contain the field "image". Send top_k, min_confidence and explain '
    "as query parameters."
)
_UTF_16 = "The body is UTF-16 text. Send JSON in UTF-8."
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_WHITE_SPACE = b" \t\r\n\v\f"
# Characters of base64 that URIs escape. unquote() would split the text at each of them.
_ESCAPED = b"+/=" + _WHITE_SPACE


class StrictJson(BaseModel):
    """Base of every JSON body: it has only the fields that are described."""

    # Cached keys would stay in memory for ever, and keep whole memory blocks from being freed.
    model_config = ConfigDict(
        cache_strings="none", extra="forbid", strict=True, protected_namespaces=()
    )


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# JSON has one type of numbers: for JSON Schema, 3.0 is an integer too.
WholeNumber = Annotated[int, BeforeValidator(_whole)]
Body = TypeVar("Body", bound=StrictJson)


class _JsonBody(StrictJson):
    image: str


def decode_json(body: bytes) -> bytes:
    """The photo's bytes.

    Raises:
        MalformedRequest: The body is not JSON, has no "image", or the image is not base64.
    """
    try:
        # no name for the text, so that it is freed as soon as its bytes are there
        return decode_base64(parse_json(body, _JsonBody, _ONLY_IMAGE).image)
    except ValidationError as error:
        if any(fault["type"] == "extra_forbidden" for fault in error.errors(include_input=False)):
            raise MalformedRequest(_ONLY_IMAGE) from error
        raise MalformedRequest('The JSON must be {"image": "<base64 or data: URI>"}.') from error


def parse_json(body: bytes, model: type[Body], too_many: str) -> Body:
    """The body as a model, in bounded memory.

    Raises:
        MalformedRequest: The body is UTF-16, or has more values than a request needs: ``too_many``.
        pydantic.ValidationError: The body is not JSON, or not as the model describes it.
    """
    body = body.removeprefix(BOM_UTF8)
    if b"\0" in body[:2]:
        raise MalformedRequest(_UTF_16)
    if sum(map(body.count, _SEPARATORS)) > MAX_SEPARATORS:
        raise MalformedRequest(too_many)
    return model.model_validate_json(body)


def describe(error: ValidationError, form: str) -> ServiceError:
    """The error for a JSON body that is not of this form: names the field, never its value."""
    fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(map(str, fault["loc"]))[:_SHOWN]
    if not where:
        return MalformedRequest(f"The JSON must be {form}.")
    if "parameters" in fault["loc"]:
        return InvalidParameter(f"{where}: {fault['msg']}")
    return MalformedRequest(f"{where}: {fault['msg']}. The JSON must be {form}.")


def decode_base64(text: str) -> bytes:
    """The bytes of base64, standard or URL-safe, or of a data: URI.

    Raises:
        MalformedRequest: The text is neither.
    """
    try:
        if text[:5].lower() == "data:":
            head, _, text = text.partition(",")
            if not head.lower().endswith(";base64"):
                raise MalformedRequest("The data: URI must be of the form data:...;base64,...")
            data = _unescaped(text.encode("ascii"))
        else:
            data = text.encode("ascii")
        # url-safe base64 too: the two alphabets differ in two characters
        data = data.translate(_TO_STANDARD, _WHITE_SPACE)
        # often left out, above all of url-safe base64
        if len(data) % 4 and not data.endswith(b"="):
            data += b"=" * (-len(data) % 4)
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedRequest(_why_not_base64(text[:20])) from error


def _why_not_base64(start: str) -> str:
    if start.startswith(("b'", 'b"')):
        return "The image is the text of a Python bytes object. Call decode() on it, not str()."
    if "://" in start:
        return "The image is a URL, which is not fetched. Send the bytes of the file as base64."
    return "The image is not valid base64 (RFC 4648). Encode the bytes of the file."


def _unescaped(data: bytes) -> bytes:
    if b"%" in data:
        for value in _ESCAPED:
            escape = b"%%%02X" % value
            data = data.replace(escape, bytes([value])).replace(escape.lower(), bytes([value]))
    return data


@dataclass(frozen=True)
class JsonPhoto:
    """How a JSON body holds its photo.

    Attributes:
        field: The name of the photo's field.
        decode: The photo's bytes from the body.
    """

    field: str
    decode: Callable[[bytes], bytes]


PREDICT_JSON = JsonPhoto("image", decode_json)
