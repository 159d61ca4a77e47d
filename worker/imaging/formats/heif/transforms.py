"""Reads how a picture in boxes is to be cut and turned."""

from struct import unpack_from

from shared.errors import InvalidImage
from worker.imaging.formats.heif.items import Item
from worker.imaging.refusals import CANNOT_BE_DECODED
from worker.imaging.resize_and_crop import IntBox, Size

# EXIF orientations by quarter turns anticlockwise: of a picture, and of one that is mirrored first.
_TURNED = (1, 8, 3, 6)
_MIRRORED_AND_TURNED = (2, 5, 4, 7)


def read_orientation(item: Item) -> int:
    """The EXIF orientation, 1 to 8, of a picture with boxes for rotation and mirror.

    They apply in their order. Encoders write one of each at most; viewers apply them all.
    """
    quarters, is_mirrored = 0, False
    for kind, content in item.properties:
        if kind == b"irot" and content:
            quarters += content[0]
        elif kind == b"imir" and content:
            # turned and then mirrored is mirrored and then turned the other way; the two mirrors
            # are half a turn apart
            quarters = (0 if content[0] & 1 else 2) - quarters
            is_mirrored = not is_mirrored
    return (_MIRRORED_AND_TURNED if is_mirrored else _TURNED)[quarters & 3]


def read_clean_aperture(item: Item, size: Size) -> IntBox:
    """The part of a picture that is shown: left, top, right and bottom, in pixels.

    Raises:
        InvalidImage: It is not within the picture, cut after the picture is turned, or one of
            several.
    """
    content = item.property(b"clap")
    if not content:
        return (0, 0, *size)
    kinds = [kind for kind, _ in item.properties if kind in {b"irot", b"imir", b"clap"}]
    if len(content) < 32 or kinds[0] != b"clap" or kinds.count(b"clap") > 1:
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
