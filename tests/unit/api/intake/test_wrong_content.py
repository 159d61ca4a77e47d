"""What was sent instead of a photo is named, with what to do."""

import base64
import gzip
import json

import pytest

from api.http.responses import respond_error
from shared.errors import MalformedRequest, ServiceError, UnsupportedMediaType
from tests.support.photos import jpeg
from tests.unit.api.intake.sending import as_form, take

PHOTO = jpeg()
TEXT = base64.b64encode(PHOTO)
NOT_PADDED = TEXT.rstrip(b"=")
assert NOT_PADDED != TEXT
URL_ENCODED = "application/x-www-form-urlencoded"
FORM = "multipart/form-data; boundary=b0undary"


def curl_d(data: bytes) -> bytes:
    """What `curl -d @FILE` sends of a file."""
    return data.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")


def png() -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0"


BODIES = {
    "gzip, by its bytes": (gzip.compress(PHOTO), "image/jpeg", {}, "compressed (gzip)"),
    "brotli, by its header": (
        b"\x8b\x02\x80",
        "image/jpeg",
        {"content-encoding": "br"},
        "compressed (br)",
    ),
    "a gzipped form": (
        gzip.compress(as_form({"file": PHOTO})),
        FORM,
        {"content-encoding": "gzip"},
        "compressed (gzip)",
    ),
    "a gzipped form that does not say so": (gzip.compress(PHOTO), FORM, {}, "compressed (gzip)"),
    "a form in brotli": (b"\x8b\x02\x80", FORM, {"content-encoding": "br"}, "compressed (br)"),
    "JSON in UTF-16BE": ('\ufeff{"image": ""}'.encode("utf-16-be"), "", {}, "UTF-16"),
    "the address of a photo": (b'{"image": "https://a.example/cat.jpg"}', "", {}, "is a URL"),
    "an address in S3": (b'{"image": "s3://bucket/cat.jpg"}', "", {}, "is a URL"),
    "the path of a photo": (b'{"image": "photos/cat.jpg"}', "", {}, "not valid base64"),
    "curl -d of a JPEG": (curl_d(PHOTO), URL_ENCODED, {}, "from the JPEG: `curl -d` removes"),
    "curl -d of a PNG": (curl_d(png()), URL_ENCODED, {}, "from the PNG: `curl -d` removes"),
    "url-encoded base64": (b"image=%2F9j%2F4AAQ" * 9, URL_ENCODED, {}, "URL-encoded"),
    "url-encoded file[]": (b"file%5B%5D=abc", URL_ENCODED, {}, "URL-encoded"),
    "a JSON string": (json.dumps(TEXT.decode()).encode(), "application/json", {}, "not an object"),
    "a JSON list": (b'["' + TEXT + b'"]', "application/json", {}, "not an object"),
    "a data: URI": (b"data:image/jpeg;base64," + TEXT, "text/plain", {}, "data: URI"),
    "DATA: in capitals": (b"DATA:image/jpeg;base64," + TEXT, "", {}, "data: URI"),
    "base64 text": (TEXT, "image/jpeg", {}, "base64 text"),
    "base64 of a short file": (base64.b64encode(png()), "", {}, "base64 text"),
    "a form under image/jpeg": (as_form({"file": PHOTO}), "image/jpeg", {}, "multipart form"),
    "a form under no type": (as_form({"file": PHOTO}), "", {}, "multipart form"),
    "a JPEG read as text": (PHOTO.decode(errors="replace").encode(), "", {}, "read as text"),
    "a PNG read as text": (png().decode(errors="replace").encode(), "", {}, "read as text"),
    "a JPEG taken for Latin-1": (PHOTO.decode("latin-1").encode(), "", {}, "read as text"),
    "a PNG taken for Latin-1": (png().decode("latin-1").encode(), "", {}, "read as text"),
    "a PNG with Unix line ends": (png().replace(b"\r\n", b"\n"), "", {}, "line ends"),
    "a PNG with Windows line ends": (png().replace(b"\n", b"\r\n"), "", {}, "line ends"),
    "a line break before a JPEG": (b"\r\n" + PHOTO, "image/jpeg", {}, "before the photo"),
    "a byte order mark before a PNG": (b"\xef\xbb\xbf" + png(), "", {}, "before the photo"),
    "JSON in UTF-16": ('{"image": ""}'.encode("utf-16"), "application/json", {}, "UTF-16"),
    "JSON in UTF-16 without a mark": ('{"image": ""}'.encode("utf-16-le"), "", {}, "UTF-16"),
    "the repr of bytes": (json.dumps({"image": str(TEXT)}).encode(), "", {}, "decode()"),
    "an address": (b'{"image": "https://example.org/cat.jpg"}', "", {}, "is a URL"),
    "a file's address on a phone": (b"file:///data/cache/cat.jpg", "image/jpeg", {}, "is text"),
    "a script's object": (b"object Object", "image/jpeg", {}, "is text"),
    "notes": (b"Photos of cats:\r\n\tone, two\n" * 9, "", {}, "is text"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0", "", {}, "a HEIC image"),
    "HEIC-sequence": (b"\0\0\0\x18ftyphevc\0\0\0\0", "", {}, "a HEIC image"),
    "AVIF": (b"\0\0\0\x1cftypavif\0\0\0\0", "", {}, "an AVIF image"),
    "a video": (b"\0\0\0\x20ftypisom\0\0\2\0", "", {}, "a video"),
    "WebP": (b"RIFF\x24\0\0\0WEBPVP8 ", "", {}, "a WebP image"),
    "GIF": (b"GIF89a" + bytes(50), "", {}, "a GIF image"),
    "a saved page": (b"\n<!doctype html><html>", "", {}, "an HTML, SVG or XML document"),
    "a PDF": (b"%PDF-1.7\n", "", {}, "a PDF document"),
}


@pytest.mark.parametrize(("body", "kind", "headers", "expected"), BODIES.values(), ids=BODIES)
def test_the_error_names_what_the_body_is(
    body: bytes, kind: str, headers: dict[str, str], expected: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        take(body, content_type=kind, **headers)
    assert isinstance(refused.value, UnsupportedMediaType | MalformedRequest)
    assert expected in refused.value.detail


@pytest.mark.parametrize(
    ("body", "kind", "named"),
    [
        (gzip.compress(PHOTO), "image/jpeg", "identity"),
        (gzip.compress(PHOTO), FORM, "identity"),
        # RFC 9110 15.5.16: only where the coding is the cause
        (b"GIF89a" + bytes(50), "image/gif", None),
    ],
)
def test_a_refused_coding_names_those_that_are_accepted(
    body: bytes, kind: str, named: str | None
) -> None:
    with pytest.raises(ServiceError) as refused:
        take(body, content_type=kind)
    assert respond_error(refused.value).headers.get("accept-encoding") == named


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        # `curl --data-binary` says so of every file
        (PHOTO, URL_ENCODED),
        (png(), URL_ENCODED),
        (b"\xef\xbb\xbf" + json.dumps({"image": TEXT.decode()}).encode(), "application/json"),
        (json.dumps({"image": base64.urlsafe_b64encode(PHOTO).decode()}).encode(), ""),
        (json.dumps({"image": NOT_PADDED.decode()}).encode(), ""),
    ],
    ids=[
        "--data-binary",
        "--data-binary of a PNG",
        "JSON with a BOM",
        "url-safe base64",
        "no padding",
    ],
)
def test_what_only_looks_wrong_is_accepted(body: bytes, kind: str) -> None:
    assert take(body, content_type=kind).data.join() in (PHOTO, png())


FIELDS = {
    "no @": ({"file": b"cat.jpg"}, None, "`-F file=@FILE`"),
    "a path without @": ({"file": b"/home/me/cat.jpg"}, None, "with an @"),
    "top_k as a field": ({"file": PHOTO, "top_k": b"5"}, None, "POST /predict?top_k="),
    "min_confidence": ({"file": PHOTO, "min_confidence": b"0"}, None, "/predict?min_confidence="),
    "explain as a field": ({"file": PHOTO, "explain": b"true"}, None, "POST /predict?explain="),
    "another field": ({"image": PHOTO}, None, "the photo goes into 'file'"),
    "several files in one": (
        {"file": b"--m\r\n"},
        "Content-Type: multipart/mixed; boundary=m",
        "Repeat the field",
    ),
    "a part in base64": (
        {"file": TEXT},
        "Content-Transfer-Encoding: base64",
        "encoded (base64)",
    ),
    "a quoted-printable part": (
        {"file": TEXT},
        "Content-Transfer-Encoding: Quoted-Printable",
        "quoted-printable",
    ),
    "base64 in a file": ({"file": TEXT}, "X: y", "base64 text. Send the bytes of the file."),
    "UTF-16 in a file": ({"file": b"\xff\xfen\0"}, "X: y", "UTF-16 text. Send the bytes of a JPEG"),
    "an archive": ({"file": b"PK\x03\x04"}, "X: y", "a ZIP archive. Unpack it"),
    "a video": ({"file": b"\0\0\0\x20ftypisom"}, "X: y", "a video. Send a JPEG or PNG."),
    "a document": ({"file": b"%PDF-1.7"}, "X: y", "a PDF document. Send its photos"),
    "a web page": ({"file": b"<html>"}, "X: y", "XML document. Send a JPEG or PNG."),
    "a GIF": ({"file": b"GIF89a"}, "X: y", "a GIF image. Convert it to JPEG or PNG."),
}


@pytest.mark.parametrize(("fields", "header", "expected"), FIELDS.values(), ids=FIELDS)
def test_a_form_that_holds_no_photo_says_how_to_send_one(
    fields: dict[str, bytes], header: str | None, expected: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        take(as_form(fields, header), content_type=FORM)
    assert expected in refused.value.detail


@pytest.mark.parametrize("name", ["file", "file[]", "file[0]", "file[17]"])
def test_the_field_may_be_named_as_a_list(name: str) -> None:
    assert take(as_form({name: PHOTO}), content_type=FORM).data.join() == PHOTO


@pytest.mark.parametrize("name", ["file[a]", "file[0", "files]", "file[-1]", "[0]file"])
def test_another_name_is_another_name(name: str) -> None:
    with pytest.raises(MalformedRequest, match="Unknown form field"):
        take(as_form({name: PHOTO}), content_type=FORM)
