"""Recognizes what a client sent instead of a photo, for an error that says what to do."""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping

from api.intake.pieces import Pieces
from shared.errors import InvalidImage, MalformedRequest, ServiceError, UnsupportedMediaType
from shared.photo_formats import DEFAULT_FORMATS, PhotoFormats, is_moved_webp

# `curl -d` removes line ends and zero bytes from a file
_STRIPPED_PNG = b"\x89PNG\x1a"
# what these bytes become when they are decoded as text and encoded again: by U+FFFD, by Latin-1
_READ_AS_TEXT = ("\ufffd".encode(), "\xff\xd8\xff".encode(), "\x89PNG".encode())
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_URL_ENCODED = "application/x-www-form-urlencoded"
_TEXT = re.compile(rb"[\t\r\n -~]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}[=\s]*")
# Query parameters that clients often send as form fields by mistake.
QUERY_PARAMETERS = ("top_k", "min_confidence", "explain")
# First bytes of other formats that clients often send; ISO media files have a brand at byte 8.
_FORMATS = {
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"II*\0": "a TIFF image or a camera's raw file",
    b"MM\0*": "a TIFF image or a camera's raw file",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\0\0\x01\0": "an icon",
    b"\xff\x0a": "a JPEG XL image",
    b"\0\0\0\x0cJXL ": "a JPEG XL image",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 image",
}
_BRANDS = {
    b"avif": "an AVIF image",
    b"avis": "an AVIF image",
    b"heic": "a HEIC image",
    b"heix": "a HEIC image",
    b"hevc": "a HEIC image",
    b"hevx": "a HEIC image",
    b"mif1": "a HEIC image",
    b"msf1": "a HEIC image",
}
# What to do with a file that cannot be converted into a photo; {} is "JPEG or PNG".
_NO_PICTURES = {
    "a PDF document": "Send its photos, each as a {}.",
    "a ZIP archive": "Unpack it and send its photos.",
    "a video": "Send a {}.",
    "an HTML, SVG or XML document": "Send a {}.",
}
_CURL_D = (
    "`curl -d` removes line breaks and zero bytes. Use `--data-binary @FILE` or `-F file=@FILE`."
)
_SEND_BYTES = (
    'Send the bytes (`--data-binary @FILE`), a form (`-F file=@FILE`), or JSON: {"%s": "<base64>"}.'
)


def wrong_content(
    data: bytes | bytearray,
    formats: PhotoFormats = DEFAULT_FORMATS,
    send: str = "Send the bytes of the file.",
) -> ServiceError:
    """The error for a file that is empty or of no accepted format; 64 bytes of it are enough.

    ``send`` says what to do instead of sending base64 text.
    """
    head = bytes(data[:64])
    if not head:
        return InvalidImage(f"The file is empty. Send a {formats.either}.")
    if _BASE64.fullmatch(head):
        return UnsupportedMediaType(f"The content is base64 text. {send}")
    if head.startswith(_STRIPPED_PNG):
        return UnsupportedMediaType(f"Bytes are missing from the PNG: {_CURL_D}")
    if damage := _damage_on_the_way(head, formats):
        return UnsupportedMediaType(damage)
    if format_ := _format_of(head):
        advice = _NO_PICTURES.get(format_, "Convert it to {}.").format(formats.either)
        return UnsupportedMediaType(f"The content is {format_}. {advice}")
    return UnsupportedMediaType(
        f"The content is text. Send the bytes of a {formats.either}."
        if _TEXT.fullmatch(head)
        else f"The content is {formats.neither}. Convert it to {formats.either}."
    )


def _damage_on_the_way(head: bytes, formats: PhotoFormats) -> str | None:
    if head.startswith(_READ_AS_TEXT):
        return "The file was read as text, which damages it. Read and send it as bytes."
    if head.startswith(b"\x89PNG"):
        return "The line ends in the PNG were changed. Send it as bytes."
    if "webp" in formats.accepted and is_moved_webp(head):
        return f"The bytes of the WebP were changed. Send the file as it is: {_CURL_D}"
    if formats.begin(head.lstrip(b"\r\n" + BOM_UTF8)):
        return "There is a line break or byte order mark before the photo. Send the file as it is."
    if head.startswith(_BYTE_ORDER_MARKS):
        return f"The content is UTF-16 text. Send the bytes of a {formats.either}."
    return None


def _format_of(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP image"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "a video")
    if head.lstrip().startswith(b"<"):
        return "an HTML, SVG or XML document"
    return next((name for start, name in _FORMATS.items() if head.startswith(start)), None)


def _is_url_encoded(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == _URL_ENCODED


def wrong_body(
    head: bytes,
    headers: Mapping[str, str],
    formats: PhotoFormats = DEFAULT_FORMATS,
    field: str = "image",
) -> ServiceError:
    """The error for a request body that is not a photo, a form or a JSON object.

    Args:
        head: The body's first bytes: at least 64, or the whole body if it is shorter.
        headers: The headers of the request.
        formats: The accepted formats.
        field: The name of the photo's field in JSON.
    """
    if compressed := compressed_body(head, headers):
        return compressed
    start = head.lstrip()
    if start[:5].lower() == b"data:":
        return UnsupportedMediaType(
            f'The body is a data: URI. Put it into JSON: {{"{field}": "data:..."}}.'
        )
    if start.startswith((b'"', b"[")):
        return MalformedRequest(
            f'The body is JSON, but not an object. Send {{"{field}": "<base64 or data: URI>"}}.'
        )
    if start.startswith(b"--") and b"ontent-" in head:
        return UnsupportedMediaType(
            "The body is a multipart form, but its Content-Type is not multipart/form-data. "
            "Let the HTTP client set the Content-Type."
        )
    if _is_url_encoded(headers) and re.match(rb"[\w.\[\]%-]{1,32}=", start):
        return UnsupportedMediaType(f"The body is URL-encoded. {_SEND_BYTES % field}")
    return wrong_content(head, formats, _SEND_BYTES % field)


def compressed_body(head: bytes, headers: Mapping[str, str]) -> UnsupportedMediaType | None:
    """The error for a compressed request body, or ``None``."""
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding == "identity" and not head.startswith(b"\x1f\x8b"):
        return None
    name = "gzip" if encoding == "identity" else encoding[:20]
    return UnsupportedMediaType(
        f"The body is compressed ({name}). Send it uncompressed, without Content-Encoding.",
        accept_encoding="identity",
    )


def damage_of(data: Pieces, headers: Mapping[str, str]) -> ServiceError | None:
    """The error for a JPEG that `curl -d` has changed, or ``None`` for any other photo."""
    if not _is_url_encoded(headers):
        return None
    if any(byte in bytes(block) for block in data.blocks for byte in (b"\0", b"\r", b"\n")):
        return None
    return UnsupportedMediaType(f"Bytes are missing from the JPEG: {_CURL_D}")


def wrong_field(name: str, right: str, path: str) -> ServiceError:
    """The error for a form field other than the photo's.

    Args:
        name: The field that the client sent.
        right: The field for the photo.
        path: The path of the request.
    """
    if name in QUERY_PARAMETERS:
        return MalformedRequest(
            f"'{name}' is a query parameter, not a form field: POST {path}?{name}=..."
        )
    return MalformedRequest(f"Unknown form field '{name}': the photo goes into '{right}'.")


def wrong_part(
    name: str, filename: str | None, content_type: bytes, encoding: bytes, head: bytes
) -> ServiceError | None:
    """The error for a part that, by its headers or first bytes, contains no photo, or ``None``.

    Args:
        name: The name of the form field.
        filename: The file name that the client sent, or ``None``.
        content_type: The part's Content-Type, lower case.
        encoding: The part's Content-Transfer-Encoding, lower case.
        head: The first bytes of the part's data; empty if a photo begins with them.
    """
    if content_type.startswith(b"multipart/mixed"):
        return MalformedRequest(
            f"Several files in one field. Repeat the field: -F {name}=@a.jpg -F {name}=@b.jpg."
        )
    if encoding in {b"base64", b"quoted-printable"}:
        return UnsupportedMediaType(
            f"The part is encoded ({encoding.decode()}). Send the file's bytes as they are."
        )
    if filename is None and head and head[:64].isascii():
        return UnsupportedMediaType(
            f"The field '{name}' contains text. To send a file use `-F {name}=@FILE`, with an @."
        )
    return None
