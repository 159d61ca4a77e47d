"""Reads a photo's file, or finds the reason why it is not sent."""

from dataclasses import dataclass, replace
from pathlib import Path

from image_classifier_client.cli.photos.accepted import AcceptedFormats
from image_classifier_client.cli.photos.discovery import JPEG, PNG
from image_classifier_client.models import Problem
from image_classifier_client.photos import Photo, sendable_name

JPEG_AND_PNG = AcceptedFormats()
# The service accepts no larger photo.
MAX_PHOTO_BYTES = 100 * 1024 * 1024
CONVERT = "The service accepts JPEG and PNG: convert it, for example with `magick {name} photo.jpg`"
# how other formats begin: bytes, offset, name; and how the service names those that it may accept
FORMATS = [
    (b"ftypavif", 4, "an AVIF"),
    (b"ftypavis", 4, "an AVIF"),
    (b"ftyp", 4, "a HEIC"),
    (b"WEBP", 8, "a WebP"),
    (b"GIF8", 0, "a GIF"),
    (b"BM", 0, "a BMP"),
    (b"II*\0", 0, "a TIFF or raw"),
    (b"MM\0*", 0, "a TIFF or raw"),
    (b"%PDF", 0, "a PDF"),
]
ACCEPTED_AS = {"a WebP": "webp", "an AVIF": "avif", "a HEIC": "heic"}


@dataclass(frozen=True)
class PhotoFile:
    """A file: its photo, or the problem for which it is not sent; neither after it was sent."""

    path: str
    photo: Photo | None = None
    problem: Problem | None = None

    def failed(self, problem: Problem) -> "PhotoFile":
        """The same file with a problem."""
        return replace(self, photo=None, problem=problem)

    def without_photo(self) -> "PhotoFile":
        """The same file without the bytes of its photo, once the service has them."""
        return replace(self, photo=None)


def read(path: str, accepted: AcceptedFormats = JPEG_AND_PNG) -> PhotoFile:
    """Read a file; an error becomes its problem.

    Args:
        path: The file.
        accepted: The formats that the service accepts.

    Raises:
        ClassifierError: The service is asked for its formats and does not respond.
    """
    file = PhotoFile(path)
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_PHOTO_BYTES + 1)
    except OSError as error:
        return file.failed(_problem("unreadable", f"cannot be read: {error.strerror or error}"))
    if len(data) > MAX_PHOTO_BYTES:
        most = f"{MAX_PHOTO_BYTES // 1024**2} MiB"
        return file.failed(_problem("upload_too_large", f"larger than {most}: reduce its size"))
    if not data.startswith((JPEG, PNG)) and (why := _why_not(data, path, accepted)):
        return file.failed(_problem("unsupported_media_type", why))
    return replace(file, photo=Photo(data, sendable_name(Path(path).name)))


def _why_not(data: bytes, path: str, accepted: AcceptedFormats) -> str | None:
    """Why a file that is neither JPEG nor PNG is not sent; ``None`` if the service accepts it."""
    if not data:
        return "the file is empty"
    for mark, at, name in FORMATS:
        if data.startswith(mark, at):
            if name in ACCEPTED_AS and ACCEPTED_AS[name] in accepted.formats:
                return None
            convert = CONVERT.format(name=Path(path).name)
            phone = ", or set the phone's camera to `Most Compatible`" if name == "a HEIC" else ""
            return f"{name} file. {convert}{phone}"
    return "neither JPEG nor PNG"


def _problem(slug: str, detail: str) -> Problem:
    return Problem(
        type=f"/problems/{slug}", title=slug.replace("_", " ").capitalize(), detail=detail
    )
