"""What the api checks of a photo: not the picture, only its first bytes."""

from dataclasses import dataclass, field

from api.intake.diagnosis import looks_like_photo, of_content
from shared.errors import InvalidImage, UploadTooLarge


@dataclass(frozen=True)
class Photo:
    """Bytes that begin like a JPEG or PNG, and the name that the client gave them."""

    filename: str | None
    data: bytes | bytearray = field(repr=False)


def check_photo(data: bytes | bytearray) -> None:
    """Refuse what a worker could only refuse later.

    Raises:
        InvalidImage: There are no bytes.
        UnsupportedMediaType: They are neither JPEG nor PNG; says what they are where that is known.
    """
    if not data:
        raise InvalidImage("The file is empty. Send a JPEG or PNG.")
    if not looks_like_photo(data):
        raise of_content(data)


def too_large(limit: int) -> UploadTooLarge:
    """The error for a photo of more than ``limit`` bytes."""
    return UploadTooLarge(f"A photo may have at most {limit} bytes. Send a smaller one.")
