"""Reads the boxes of an AVIF or HEIC, and the numbers in them."""

from collections.abc import Iterator
from itertools import islice

from shared.errors import InvalidImage
from worker.imaging.refusals import CANNOT_BE_DECODED, ENDS_TOO_EARLY

# A file has one box for each item and property; encoders write a dozen, and a few hundred for the
# tiles of a large photo.
MAX_BOXES = 1_000


class Fields:
    """Reads the numbers of a box one after the other, most significant byte first.

    Args:
        data: The box's content.
        full: Whether it begins with a version and flags.

    Raises:
        InvalidImage: The content ends before a number, or a number of turns is above `MAX_BOXES`.
    """

    def __init__(self, data: memoryview, *, full: bool = True) -> None:
        self._data = data
        self._at = 0
        self.version = self(1) if full else 0
        self.flags = self(3) if full else 0

    def __call__(self, size: int) -> int:
        """The next number, of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        """The next bytes."""
        self._at += size
        if self._at > len(self._data):
            raise InvalidImage(CANNOT_BE_DECODED)
        return bytes(self._data[self._at - size : self._at])

    def turns(self, size: int) -> range:
        """As many turns as the next number says."""
        count = self(size)
        if count > MAX_BOXES:
            raise too_many_boxes()
        return range(count)

    def boxes(self) -> list[tuple[bytes, memoryview]]:
        """The boxes that follow, as `contents` returns them."""
        return contents(self._data[self._at :])


def contents(data: memoryview) -> list[tuple[bytes, memoryview]]:
    """Type and content of each box.

    Raises:
        InvalidImage: As `each_box`, or there are more than `MAX_BOXES`.
    """
    found = list(islice(each_box(data), MAX_BOXES + 1))
    if len(found) > MAX_BOXES:
        raise too_many_boxes()
    return found


def each_box(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Type and content of each box, without those within it.

    Raises:
        InvalidImage: A box is longer than the data, or shorter than its own header.
    """
    at = 0
    while at + 8 <= len(data):
        start, size = at + 8, int.from_bytes(data[at : at + 4], "big")
        kind = bytes(data[at + 4 : at + 8])
        if size == 1:  # a longer number follows
            start, size = at + 16, int.from_bytes(data[at + 8 : at + 16], "big")
        end = at + size if size else len(data)
        if end > len(data):
            raise InvalidImage(ENDS_TOO_EARLY)
        if end < start:
            raise InvalidImage(CANNOT_BE_DECODED)
        yield kind, data[start:end]
        at = end


def too_many_boxes() -> InvalidImage:
    """The error for a file of more than `MAX_BOXES` boxes."""
    return InvalidImage(
        f"The file has more than {MAX_BOXES} parts. Save it again with an ordinary image editor."
    )
