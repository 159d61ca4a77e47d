"""Everything that can be passed as a photo, and how its bytes and its name are read."""

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeGuard, cast

from image_classifier_client.images import (
    PillowImage,
    PixelArray,
    encode_array,
    encode_image,
    is_one_image,
)

_ACCEPTED = (
    "a photo is a path, the bytes of a photo's file, a file opened with mode 'rb', a Photo, "
    "a Pillow image or a uint8 array of shape (height, width, 3)"
)


@dataclass(frozen=True)
class Photo:
    """The bytes of a photo's file, and the name that results give it."""

    data: bytes = field(repr=False)
    filename: str = "photo"


PhotoLike = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | Photo
    | PillowImage
    | PixelArray
)


def load_photo(source: PhotoLike) -> Photo:
    """Read one photo.

    Args:
        source: A path, the bytes of a photo's file, an open binary file, a ``Photo``, a Pillow
            image, or a uint8 array of shape (height, width), (height, width, 3) in RGB or
            (height, width, 4) in RGBA. Images and arrays are sent as PNG.

    Raises:
        OSError: The file cannot be read.
        TypeError: It is something else.
    """
    if isinstance(source, Photo):
        return Photo(_as_bytes(source.data), source.filename)
    if isinstance(source, bytes | bytearray | memoryview):
        return Photo(bytes(source))
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return Photo(path.read_bytes(), path.name)
    if isinstance(source, PillowImage):
        return Photo(encode_image(source), _name_of(source, "filename"))
    if isinstance(source, PixelArray):
        return Photo(encode_array(source))
    if _is_file(source):
        return Photo(_as_bytes(source.read()), _name_of(source, "name"))
    raise TypeError(f"cannot send {_type_of(source)}: {_ACCEPTED}")


def load_photos(source: PhotoLike | Iterable[PhotoLike]) -> list[Photo]:
    """Read several photos, or a single one.

    Raises:
        OSError: A file cannot be read.
        TypeError: One is not a photo: see ``load_photo``.
        ValueError: There are none.
    """
    if _is_single(source):
        return [load_photo(source)]
    photos = [load_photo(photo) for photo in cast("Iterable[PhotoLike]", source)]
    if not photos:
        raise ValueError("there are no photos to submit")
    return photos


def sendable_name(name: str) -> str:
    """The file name in characters that UTF-8 can encode; others become ``?``."""
    return name.encode(errors="replace").decode() or "photo"


def _is_single(source: PhotoLike | Iterable[PhotoLike]) -> TypeGuard[PhotoLike]:
    """Whether it is one photo. Files, bytes and arrays can be iterated over, too."""
    if isinstance(source, PixelArray):
        return is_one_image(source)
    if isinstance(source, str | bytes | bytearray | memoryview | io.IOBase) or _is_file(source):
        return True
    return not isinstance(source, Iterable)


def _is_file(source: object) -> TypeGuard[BinaryIO]:
    if isinstance(source, io.TextIOBase):
        raise TypeError("the file was opened as text: open it with mode 'rb'")
    return callable(getattr(source, "read", None))


def _as_bytes(data: object) -> bytes:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"cannot send {_type_of(data)} as the bytes of a photo: {_ACCEPTED}")
    return bytes(data)


def _name_of(source: object, attribute: str) -> str:
    name = getattr(source, attribute, None)
    return (Path(name).name if isinstance(name, str) else "") or "photo"


def _type_of(source: object) -> str:
    kind = type(source)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
