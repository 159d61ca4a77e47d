"""What photos have in common whose decoder cannot reduce them: they are decoded at full size."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from worker.imaging.resize_and_crop import Size


class Header(Protocol):
    """The part of a header that every format has."""

    @property
    def size(self) -> Size:
        """Width and height as stored, in pixels."""

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 to 8."""


AnyHeader = TypeVar("AnyHeader", bound=Header)


@dataclass(frozen=True)
class FullSizePhoto(Generic[AnyHeader]):
    """A photo whose header has been read.

    Attributes:
        header: What the header says, and a file with only what affects the pixels.
    """

    header: AnyHeader

    can_shrink = False
    # Whether the header has a copy of the file, which memory must be reserved for.
    holds_copy = False

    @property
    def size(self) -> Size:
        """Width and height as stored, in pixels."""
        return self.header.size

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 to 8."""
        return self.header.orientation

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.size[0] * self.size[1]

    def pixels_to_decode(self, _: int) -> int:
        """The cost of decoding in pixels: all pixels."""
        return self.pixels
