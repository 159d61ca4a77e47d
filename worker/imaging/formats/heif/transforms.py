"""Reads how a picture in boxes is to be cut and turned."""

from struct import unpack_from

from shared.errors import InvalidImage
from worker.imaging.formats.heif.boxes import Item
from worker.imaging.refusals import CANNOT_BE_DECODED
from worker.imaging.resize_and_crop import IntBox, Size

# EXIF orientation by quarter turns anticlockwise and, if there is one, the axis of a mirror.
_ORIENTATIONS = {
    (0, None): 1,
    (1, None): 8,
    (2, None): 3,
    (3, None): 6,
    (0, 0): 4,
    (1, 0): 5,
    (2, 0): 2,
    (3, 0): 7,
    (0, 1): 2,
    (1, 1): 7,
    (2, 1): 4,
    (3, 1): 5,
}


def read_orientation(item: Item) -> int:
    """The EXIF orientation, 1 to 8, of a picture with boxes for rotation and mirror."""
    turns, axis = item.property(b"irot"), item.property(b"imir")
    quarters = turns[0] & 3 if turns else 0
    kinds = [kind for kind, _ in item.properties if kind in {b"irot", b"imir"}]
    if kinds[:1] == [b"imir"]:  # mirrored first: the same as turned the other way, then mirrored
        quarters = -quarters & 3
    return _ORIENTATIONS[quarters, axis[0] & 1 if axis else None]


def read_clean_aperture(item: Item, size: Size) -> IntBox:
    """The part of a picture that is shown: left, top, right and bottom, in pixels.

    Raises:
        InvalidImage: It is not within the picture, or cut after the picture is turned.
    """
    content = item.property(b"clap")
    if not content:
        return (0, 0, *size)
    kinds = [kind for kind, _ in item.properties if kind in {b"irot", b"imir", b"clap"}]
    if len(content) < 32 or kinds[0] != b"clap":
        raise InvalidImage(CANNOT_BE_DECODED)
    left, right = _range(content, 0, size[0])
    top, bottom = _range(content, 8, size[1])
    return left, top, right, bottom


def _range(content: bytes, at: int, length: int) -> tuple[int, int]:
    """Start and end in one direction, from a length and an offset of its centre, both fractions."""
    kept, per = unpack_from(">II", content, at)
    offset, offset_per = unpack_from(">iI", content, at + 16)
    if not per or not offset_per:
        raise InvalidImage(CANNOT_BE_DECODED)
    # from the centre of the picture: (length - 1) / 2 + offset - (kept - 1) / 2, rounded down
    numerator = (length * per - kept) * offset_per + 2 * offset * per
    start = numerator // (2 * per * offset_per)
    end = start + kept // per
    if not 0 <= start < end <= length:
        raise InvalidImage(CANNOT_BE_DECODED)
    return start, end
