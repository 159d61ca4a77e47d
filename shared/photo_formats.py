"""The photo formats that a service accepts, and how a file of each begins."""

from dataclasses import dataclass
from functools import cached_property

JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx"})

# Every format that can be accepted, and its name in texts.
NAMES = {"jpeg": "JPEG", "png": "PNG", "webp": "WebP", "avif": "AVIF", "heic": "HEIC"}
# The page's sample photos are JPEGs, and clients send images in memory as PNGs.
ALWAYS = ("jpeg", "png")


@dataclass(frozen=True)
class PhotoFormats:
    """The accepted formats: the setting `PHOTO_FORMATS`.

    Attributes:
        accepted: Keys of `NAMES`, in its order.
    """

    accepted: tuple[str, ...] = ALWAYS

    @classmethod
    def parse(cls, text: str) -> "PhotoFormats":
        """Read a list such as ``jpeg,png,webp``; order and repetition do not matter.

        Raises:
            ValueError: A format is unknown, or JPEG or PNG is missing.
        """
        listed = set(text.lower().replace(",", " ").split())
        if not listed <= NAMES.keys():
            raise ValueError(f"unknown format; choose from {', '.join(NAMES)}")
        if not listed.issuperset(ALWAYS):
            whole = ",".join(name for name in NAMES if name in listed.union(ALWAYS))
            raise ValueError(f"must contain {' and '.join(ALWAYS)}: set it to {whole}")
        return cls(tuple(name for name in NAMES if name in listed))

    @cached_property
    def either(self) -> str:
        """The names of the formats, as in "a JPEG or PNG"."""
        return self._joined("or")

    @cached_property
    def neither(self) -> str:
        """What a file of another format is: "neither JPEG nor PNG"."""
        if self.accepted == ALWAYS:
            return "neither JPEG nor PNG"
        return f"not {self.either}"

    @property
    def media_types(self) -> list[str]:
        """The formats as media types, such as ``image/jpeg``."""
        return [f"image/{name}" for name in self.accepted]

    def begin(self, data: bytes | bytearray) -> bool:
        """Whether the data begins like a file of an accepted format; 64 bytes are enough."""
        return data.startswith((JPEG_MAGIC, PNG_MAGIC)) or (
            len(self.accepted) > len(ALWAYS) and format_of(data) in self.accepted
        )

    def _joined(self, last: str) -> str:
        *names, end = (NAMES[name] for name in self.accepted)
        return f"{', '.join(names)} {last} {end}"


DEFAULT_FORMATS = PhotoFormats()


def format_of(data: bytes | bytearray) -> str | None:
    """The key in `NAMES` of the format as which the data begins; ``None`` for any other."""
    if data.startswith(JPEG_MAGIC):
        return "jpeg"
    if data.startswith(PNG_MAGIC):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        if not _AVIF_BRANDS.isdisjoint(brands):
            return "avif"
        if not _HEIC_BRANDS.isdisjoint(brands):
            return "heic"
    return None


def _brands(data: bytes | bytearray) -> list[bytes]:
    """The brands with which an ISO media file begins, as far as they are in its first 64 bytes."""
    end = min(int.from_bytes(data[:4], "big"), 64)
    return [bytes(data[at : at + 4]) for at in (8, *range(16, end, 4))]


def is_moved_webp(data: bytes | bytearray) -> bool:
    """Whether the data begins like a WebP in which bytes were removed or replaced."""
    return data.startswith(b"RIFF") and b"WEBP" in data[4:24]
