"""What may be given as a photo → its bytes and its name. Depends on the standard library."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Photo:
    """A JPEG or PNG file's bytes, and the name under which answers speak of it."""

    data: bytes = field(repr=False)
    filename: str = "photo"


PhotoLike = str | os.PathLike[str] | bytes | BinaryIO | Photo


def photo_of(source: PhotoLike) -> Photo:
    """Read a photo.

    Args:
        source: A path, a file's bytes, an open binary file, or a ``Photo``.

    Raises:
        OSError: The file cannot be read.
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, bytes):
        return Photo(source)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return Photo(path.read_bytes(), sendable_name(path.name))
    name = getattr(source, "name", None)
    return Photo(source.read(), sendable_name(Path(name).name if isinstance(name, str) else ""))


def sendable_name(name: str) -> str:
    """A file's name as UTF-8 can carry it: what the file system could not decode becomes ``?``."""
    return name.encode(errors="replace").decode() or "photo"
