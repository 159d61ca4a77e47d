"""A photo's file → its bytes, or the reason why it is not sent. Depends on finding and the SDK."""

from dataclasses import dataclass, replace
from pathlib import Path

from image_classifier_client.cli.finding import JPEG, PNG
from image_classifier_client.models import Problem
from image_classifier_client.photos import Photo, sendable_name

# No photo that the service would take is larger, and one at a time is held in memory.
MAX_PHOTO_BYTES = 100 * 1024 * 1024
CONVERT = "The service takes JPEG and PNG: convert it, as `magick {name} photo.jpg` does"
# what other formats begin with, at which byte
FORMATS = [
    (b"ftypavif", 4, "an AVIF"),
    (b"ftyp", 4, "a HEIC"),
    (b"WEBP", 8, "a WebP"),
    (b"GIF8", 0, "a GIF"),
    (b"BM", 0, "a BMP"),
    (b"II*\0", 0, "a TIFF or raw"),
    (b"MM\0*", 0, "a TIFF or raw"),
    (b"%PDF", 0, "a PDF"),
]


@dataclass(frozen=True)
class Entry:
    """One file: a photo to send, or a problem that says why it is none."""

    path: str
    photo: Photo | None = None
    problem: Problem | None = None

    def failed(self, problem: Problem) -> "Entry":
        """The same file, not to be sent."""
        return replace(self, photo=None, problem=problem)

    def sent(self) -> "Entry":
        """The same file without its bytes, which the service has by now."""
        return replace(self, photo=None)


def read(path: str) -> Entry:
    """Read a file."""
    entry = Entry(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_PHOTO_BYTES + 1)
    except OSError as error:
        return entry.failed(_problem("unreadable", f"cannot be read: {error.strerror or error}"))
    if len(data) > MAX_PHOTO_BYTES:
        most = f"{MAX_PHOTO_BYTES // 1024**2} MiB"
        return entry.failed(_problem("upload_too_large", f"larger than {most}: make it smaller"))
    if not data.startswith((JPEG, PNG)):
        return entry.failed(_problem("unsupported_media_type", _what(data, path)))
    return replace(entry, photo=Photo(data, sendable_name(Path(path).name)))


def _what(data: bytes, path: str) -> str:
    if not data:
        return "the file is empty"
    for mark, at, name in FORMATS:
        if data.startswith(mark, at):
            convert = CONVERT.format(name=Path(path).name)
            phone = ", or set the phone's camera to `Most Compatible`" if name == "a HEIC" else ""
            return f"{name} file. {convert}{phone}"
    return "neither JPEG nor PNG"


def _problem(slug: str, detail: str) -> Problem:
    return Problem(
        type=f"/problems/{slug}", title=slug.replace("_", " ").capitalize(), detail=detail
    )
