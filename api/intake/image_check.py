"""What a photo's bytes and name may be, as far as the api looks: not into the picture."""

from dataclasses import dataclass, field

from shared.errors import InvalidImage, UnsupportedMediaType, UploadTooLarge

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
MAX_FILENAME = 200


@dataclass(frozen=True)
class Photo:
    """Bytes that begin like a JPEG or PNG, and the name that the client gave them."""

    filename: str | None
    data: bytes | bytearray = field(repr=False)


def looks_like_photo(data: bytes | bytearray) -> bool:
    """Whether the first bytes are those of a JPEG or PNG."""
    return data.startswith((JPEG, PNG))


def check_photo(data: bytes | bytearray) -> None:
    """Refuse what a worker could only refuse later.

    Raises:
        InvalidImage: There are no bytes.
        UnsupportedMediaType: They are of neither kind.
    """
    if not data:
        raise InvalidImage("The file is empty. Send a JPEG or PNG.")
    if not looks_like_photo(data):
        raise UnsupportedMediaType("The content is neither JPEG nor PNG. Convert it to one.")


def too_large(limit: int) -> UploadTooLarge:
    """The error for a photo of more than ``limit`` bytes."""
    return UploadTooLarge(f"A photo may have at most {limit} bytes. Send a smaller one.")


def clean_filename(name: str | None) -> str | None:
    """The last part of a client's path, printable and bounded; it is shown, never opened."""
    if name is None:
        return None
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable()).strip()[:MAX_FILENAME] or None
