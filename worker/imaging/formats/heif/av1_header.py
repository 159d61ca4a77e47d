"""Reads the headers of an AV1 picture: its size decides how much the decoder allocates.

The decoder follows the picture's own size, not the one that the AVIF file says it has. The names
are those of the AV1 specification, sections 5.5 and 5.9.
"""

from dataclasses import dataclass

from shared.errors import InvalidImage
from worker.imaging.formats.heif.bits import Bits
from worker.imaging.refusals import CANNOT_BE_DECODED, ENDS_TOO_EARLY
from worker.imaging.resize_and_crop import Size

# Each tile of a picture may have an OBU of its own; encoders write one for all.
MAX_OBUS = 5_000

_SEQUENCE_HEADER, _FRAME_HEADER, _METADATA, _FRAME, _PADDING = 1, 3, 5, 6, 15
_TEMPORAL_DELIMITER, _TILE_GROUP = 2, 4
# Longer than the longest sequence header, and than what is read of a frame's.
_HEADER_BYTES = 256
_SRGB = (1, 13, 0)
_CHOSEN_BY_FRAME = 2


@dataclass(frozen=True)
class Av1Picture:
    """What an AV1 picture's headers say.

    Attributes:
        size: Width and height, in pixels.
        depth: Bits per sample: 8, 10 or 12.
        monochrome: Whether there is no chroma.
        subsampling: Whether chroma has half the columns, and half the rows.
        film_grain: Whether the decoder may add grain to a copy of the picture.
        config: The content of the box ``av1C`` that describes the picture.
        parts: The OBUs of the picture, without metadata.
    """

    size: Size
    depth: int
    monochrome: bool
    subsampling: tuple[bool, bool]
    film_grain: bool
    config: bytes
    parts: tuple[memoryview, ...]


def read_av1(data: memoryview) -> Av1Picture:
    """Read the headers of one picture.

    Args:
        data: The OBUs of a still picture, or of the first frame of a sequence.

    Raises:
        InvalidImage: The headers are damaged, or describe more than one picture, as those of
            layered pictures do.
    """
    passed: list[memoryview] = []
    sequence: _Sequence | None = None
    frames = 0
    for kind, content, whole in _obus(data):
        if kind == _SEQUENCE_HEADER and sequence is None:
            sequence = _Sequence(Bits(content[:_HEADER_BYTES]))
        elif kind in {_FRAME, _FRAME_HEADER} and sequence and not frames:
            frames += 1
            sequence.check_frame(Bits(content[:_HEADER_BYTES]))
        elif kind in {_METADATA, _PADDING}:
            continue
        elif kind not in {_TEMPORAL_DELIMITER, _TILE_GROUP}:
            raise InvalidImage(CANNOT_BE_DECODED)
        passed.append(whole)
    if sequence is None or not frames:
        raise InvalidImage(CANNOT_BE_DECODED)
    return sequence.picture(tuple(passed))


def _obus(data: memoryview) -> list[tuple[int, memoryview, memoryview]]:
    """Type, content and all bytes of each OBU."""
    found: list[tuple[int, memoryview, memoryview]] = []
    at = 0
    while at < len(data):
        if len(found) >= MAX_OBUS:
            raise InvalidImage(CANNOT_BE_DECODED)
        start, head = at, data[at]
        at += 2 if head & 4 else 1  # an extension header
        if not head & 2:  # no size: it is the last
            length = len(data) - at
        else:
            length, at = _leb128(data, at)
        if at + length > len(data):
            raise InvalidImage(ENDS_TOO_EARLY)
        found.append((head >> 3 & 15, data[at : at + length], data[start : at + length]))
        at += length
    return found


def _leb128(data: memoryview, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, and the offset behind it."""
    value = 0
    for shift in range(0, 56, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
    raise InvalidImage(ENDS_TOO_EARLY)


class _Sequence:
    """A sequence header (5.5.1)."""

    def __init__(self, bits: Bits) -> None:
        self.profile = bits(3)
        bits()  # still_picture
        self.reduced = bits()
        self.level = tier = 0
        if self.reduced:
            self.level = bits(5)
        else:
            if bits():  # timing_info_present_flag, for videos
                raise InvalidImage(CANNOT_BE_DECODED)
            display_delay = bits()
            for point in range(bits(5) + 1):
                bits(12)
                level = bits(5)
                point_tier = bits() if level > 7 else 0
                if display_delay and bits():
                    bits(4)
                if not point:
                    self.level, tier = level, point_tier
        self.tier = tier
        width_bits, height_bits = bits(4) + 1, bits(4) + 1
        self.size = bits(width_bits) + 1, bits(height_bits) + 1
        self.frame_id_bits = 0
        if not self.reduced and bits():
            delta = bits(4) + 2
            self.frame_id_bits = bits(3) + delta + 1
        bits(3)  # superblocks of 128 pixels, two intra filters
        self.screen_content = self.integer_motion = _CHOSEN_BY_FRAME
        if not self.reduced:
            self._inter_tools(bits)
        bits(3)  # super resolution, two more filters
        self._color(bits)
        self.film_grain = bool(bits())

    def _inter_tools(self, bits: Bits) -> None:
        bits(4)
        order_hint = bits()
        if order_hint:
            bits(2)
        if not bits():
            self.screen_content = bits()
        if self.screen_content and not bits():
            self.integer_motion = bits()
        if order_hint:
            bits(3)

    def _color(self, bits: Bits) -> None:
        """The colour configuration (5.5.2)."""
        self.high, self.twelve = bits(), 0
        if self.profile == 2 and self.high:
            self.twelve = bits()
        self.monochrome = 0 if self.profile == 1 else bits()
        described = bits()
        color = tuple(bits(8) for _ in range(3)) if described else None
        self.subsampling, self.position = (1, 1), 0
        if self.monochrome:
            bits()
            return
        if color == _SRGB:
            self.subsampling = (0, 0)
        else:
            bits()  # the range of samples
            self._subsampling(bits)
        bits()  # separate_uv_delta_q

    def _subsampling(self, bits: Bits) -> None:
        if self.profile == 1:
            self.subsampling = (0, 0)
        elif self.profile == 2:
            columns = bits() if self.twelve else 1
            self.subsampling = columns, bits() if self.twelve and columns else 0
        if self.subsampling == (1, 1):
            self.position = bits(2)

    def check_frame(self, bits: Bits) -> None:
        """Refuse a frame that has a size of its own, or is not shown as it is (5.9.2)."""
        if self.reduced:
            return
        # show_existing_frame is 0, frame_type is that of a key frame, show_frame is 1
        if bits(4) != 1:
            raise InvalidImage(CANNOT_BE_DECODED)
        bits()  # disable_cdf_update
        chosen = self.screen_content == _CHOSEN_BY_FRAME
        if (bits() if chosen else self.screen_content) and self.integer_motion == _CHOSEN_BY_FRAME:
            bits()
        bits(self.frame_id_bits)
        if bits():  # frame_size_override_flag
            raise InvalidImage(CANNOT_BE_DECODED)

    def picture(self, parts: tuple[memoryview, ...]) -> Av1Picture:
        """The picture whose OBUs are ``parts``."""
        columns, rows = self.subsampling
        flags = self.tier << 7 | self.high << 6 | self.twelve << 5 | self.monochrome << 4
        return Av1Picture(
            size=self.size,
            depth=12 if self.twelve else 10 if self.high else 8,
            monochrome=bool(self.monochrome),
            subsampling=(bool(columns), bool(rows)),
            film_grain=self.film_grain,
            config=bytes(
                [0x81, self.profile << 5 | self.level, flags | columns << 3 | rows << 2
                 | self.position, 0]
            ),
            parts=parts,
        )  # fmt: skip
