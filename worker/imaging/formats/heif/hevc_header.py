"""Reads the headers of an HEVC picture: its size decides how much the decoder allocates.

The decoder follows the sequence parameter set, not the size that the HEIC file says it has. The
names are those of the HEVC specification, sections 7.3.1 and 7.3.2.
"""

from dataclasses import dataclass
from struct import pack

from shared.errors import InvalidImage
from worker.imaging.formats.heif.bits import Bits
from worker.imaging.refusals import CANNOT_BE_DECODED, ENDS_TOO_EARLY
from worker.imaging.resize_and_crop import Size

# No level of HEVC allows more slice segments in a picture; the decoder keeps a header for each.
MAX_SLICES = 600
# More than the NAL units of any picture: its slices, and messages between them.
MAX_UNITS = 700
# Encoders fill up a picture to whole blocks, of at most 64 pixels.
_MOST_MARGIN = 128

_VPS, _SPS, _PPS = 32, 33, 34
_SLICES = frozenset((*range(10), *range(16, 22)))
# The slices of a picture that is decoded without another one.
_INTRA = range(16, 22)
_FIXED_BYTES = 22


@dataclass(frozen=True)
class HevcConfig:
    """What the parameter sets of an HEVC picture say.

    Attributes:
        size: Width and height of the decoded picture, in pixels.
        coded: Those of the picture as it is compressed, with the margins that are cut off.
        chroma: 0 without chroma, 1 for 4:2:0, 2 for 4:2:2, 3 for 4:4:4.
        depth: Bits per sample: 8 to 16.
        length_bytes: How many bytes the length of a NAL unit has.
        content: The content of the box ``hvcC``, with one parameter set of each type.
    """

    size: Size
    coded: Size
    chroma: int
    depth: int
    length_bytes: int
    content: bytes


def read_hevc_config(content: bytes) -> HevcConfig:
    """Read the content of a box ``hvcC``.

    Raises:
        InvalidImage: It is damaged, or has more than one parameter set of a type.
    """
    sets: dict[int, bytes] = {}
    for unit in _units_of_config(content):
        kind, layer = _kind_and_layer(unit)
        if kind not in {_VPS, _SPS, _PPS} or layer:
            continue
        if sets.setdefault(kind, unit) != unit:
            raise InvalidImage(CANNOT_BE_DECODED)
    if len(sets) < 3:
        raise InvalidImage(CANNOT_BE_DECODED)
    chroma, coded, size, depths = _read_sps(sets[_SPS])
    # libheif chooses its output by these three, and the decoder by the parameter set
    fixed = bytearray(content[:_FIXED_BYTES])
    fixed[16:19] = (0xFC | chroma, 0xF8 | depths[0] - 8, 0xF8 | depths[1] - 8)
    fixed[21] |= 3  # four bytes for each length
    arrays = [pack(">BHH", 0x80 | kind, 1, len(sets[kind])) + sets[kind] for kind in sorted(sets)]
    return HevcConfig(
        size=size,
        coded=coded,
        chroma=chroma,
        depth=max(depths),
        length_bytes=(content[21] & 3) + 1,
        content=bytes(fixed) + bytes([len(arrays)]) + b"".join(arrays),
    )


def _units_of_config(content: bytes) -> list[bytes]:
    if len(content) <= _FIXED_BYTES:
        raise InvalidImage(CANNOT_BE_DECODED)
    found: list[bytes] = []
    at = _FIXED_BYTES + 1
    for _ in range(content[_FIXED_BYTES]):
        count = int.from_bytes(content[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            start = at + 2
            at = start + int.from_bytes(content[at:start], "big")
            if start + 2 > len(content) or at > len(content):
                raise InvalidImage(CANNOT_BE_DECODED)
            found.append(content[start:at])
    return found


def _kind_and_layer(unit: bytes | memoryview) -> tuple[int, int]:
    """Type and layer of a NAL unit; only layer 0 is a picture of its own."""
    if len(unit) < 2:
        raise InvalidImage(CANNOT_BE_DECODED)
    return unit[0] >> 1 & 63, (unit[0] & 1) << 5 | unit[1] >> 3


def _read_sps(unit: bytes) -> tuple[int, Size, Size, tuple[int, int]]:
    """Chroma format, coded size, decoded size, and bits of luma and chroma (7.3.2.2)."""
    bits = Bits(unit[2:].replace(b"\0\0\3", b"\0\0"))
    bits(4)
    layers = bits(3)
    bits(1)
    _skip_profile_and_level(bits, layers)
    bits.golomb()
    chroma = bits.golomb()
    if chroma > 3 or (chroma == 3 and bits()):  # with three separate planes of colour
        raise InvalidImage(CANNOT_BE_DECODED)
    width, height = bits.golomb(), bits.golomb()
    left, right, top, bottom = (bits.golomb() for _ in range(4)) if bits() else (0, 0, 0, 0)
    columns, rows = (2 if chroma in {1, 2} else 1), (2 if chroma == 1 else 1)
    size = width - columns * (left + right), height - rows * (top + bottom)
    depths = bits.golomb() + 8, bits.golomb() + 8
    if min(size) < 1 or max(depths) > 16 or max(width - size[0], height - size[1]) > _MOST_MARGIN:
        raise InvalidImage(CANNOT_BE_DECODED)
    return chroma, (width, height), size, depths


def _skip_profile_and_level(bits: Bits, layers: int) -> None:
    """Skip ``profile_tier_level`` (7.3.3)."""
    bits(96)
    if not layers:
        return
    present = [(bits(), bits()) for _ in range(layers)]
    bits(2 * (8 - layers))
    for profile, level in present:
        bits(88 * profile + 8 * level)


def read_hevc_slices(data: memoryview, length_bytes: int) -> tuple[bytes | memoryview, ...]:
    """The slices of a picture, each after its length in four bytes.

    Args:
        data: NAL units, each after its length.
        length_bytes: How many bytes a length has.

    Raises:
        InvalidImage: There is not exactly one picture, or it is not decoded by itself.
    """
    found: list[bytes | memoryview] = []
    at = 0
    for _ in range(MAX_UNITS):
        if at >= len(data):
            break
        start = at + length_bytes
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data):
            raise InvalidImage(ENDS_TOO_EARLY)
        unit = data[start:at]
        kind, layer = _kind_and_layer(unit)
        if kind not in _SLICES or layer:
            continue  # messages, parameter sets, an end mark of two bytes, another eye's view
        if len(unit) < 3:
            raise InvalidImage(CANNOT_BE_DECODED)
        begins = unit[2] >> 7  # first_slice_segment_in_pic_flag
        if kind not in _INTRA or bool(begins) is bool(found):
            raise InvalidImage(CANNOT_BE_DECODED)
        found += (pack(">I", len(unit)), unit)
    if not found or at < len(data) or len(found) > 2 * MAX_SLICES:
        raise InvalidImage(CANNOT_BE_DECODED)
    return tuple(found)
