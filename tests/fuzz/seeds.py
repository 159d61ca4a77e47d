"""Small valid inputs that fuzzing begins with, one list per target."""

import io
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.hostile.heics import deep_heic, heic

_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n0123\r\n--b\r\n"
    b"Content-Disposition: form-data; name=files; filename*=UTF-8''%e2%82%ac.png\r\n\r\n\r\n"
    b"--b--\r\n"
)


def _photos() -> list[bytes]:
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    variants: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (colour, "JPEG", {}),
        (colour, "JPEG", {"progressive": True}),
        (colour, "JPEG", {"exif": exif, "comment": b"hello"}),
        (colour, "JPEG", {"restart_marker_blocks": 1, "subsampling": 0}),
        (colour.convert("CMYK"), "JPEG", {}),
        (colour.convert("L"), "JPEG", {}),
        (colour, "PNG", {"exif": exif}),
        (colour.convert("RGBA"), "PNG", {}),
        (colour.convert("LA"), "PNG", {}),
        (colour.convert("P"), "PNG", {"transparency": 3}),
        (colour.convert("1"), "PNG", {}),
        (colour.convert("I;16"), "PNG", {}),
        (colour.convert("L"), "PNG", {"transparency": 9}),
        (colour, "PNG", {"pnginfo": _text(), "icc_profile": b"no profile"}),
        (colour, "WEBP", {"lossless": True, "exif": exif}),
        (colour.convert("RGBA"), "WEBP", {}),
        (colour, "WEBP", {"save_all": True, "append_images": [colour.rotate(180)]}),
        (colour, "AVIF", {"speed": 10, "exif": exif}),
        (colour.convert("RGBA"), "AVIF", {"speed": 10}),
        (colour, "PNG", {"save_all": True, "append_images": [colour.rotate(90)]}),
    ]
    heics = [
        heic(colour),
        heic(colour.convert("RGBA")),
        heic(colour.resize((160, 90)), tile_size=64),
        deep_heic(colour),
    ]
    return [_saved(*variant) for variant in variants] + heics


def _text() -> PngInfo:
    info = PngInfo()
    info.add_text("Comment", "compressed", zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x/>", zip=True)
    return info


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def seeds(target: str) -> list[bytes]:
    """The inputs to begin with."""
    if target == "decoder":
        return _photos()
    if target == "structure":
        return [photo[3:] for photo in _photos()] + [photo[8:] for photo in _photos()]
    if target == "multipart":
        return [b"\x00" + _FORM, b"\x07" + _FORM]
    if target == "json_photo":
        uri = b'{"image": "data:image/jpeg;base64,/9j%2F4AAQ", "x": [1, {}, null, "\\u0041"]}'
        return [b'{"image": "/9j/4AAQ"}', uri]
    return [
        b"multipart/form-data; boundary=abc",
        b'multipart/form-data; boundary="a\\"b"; charset=utf-8',
        b'respond-async, wait=10; x="y,z"',
        b"C:\\photos\\..\\cat.jpg",
    ]
