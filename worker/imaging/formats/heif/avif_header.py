"""Reads the headers of an AVIF and writes a file with its picture and alpha channel only.

Metadata, thumbnails and the frames of an animation never reach the decoder. Neither does a picture
that is put together of others: how much memory it takes follows from all of them.
"""

from dataclasses import dataclass
from struct import pack

from shared.errors import InvalidImage
from worker.imaging.formats.heif.av1_header import Av1Picture, read_av1
from worker.imaging.formats.heif.boxes import Item, read_items
from worker.imaging.refusals import CANNOT_BE_DECODED, ENDS_TOO_EARLY
from worker.imaging.resize_and_crop import Size

_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
_ALPHAS = (_ALPHA, b"urn:mpeg:hevc:2015:auxid:1")
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


@dataclass(frozen=True)
class AvifHeader:
    """The properties of an AVIF that affect decoding.

    Attributes:
        picture: The headers of the picture itself.
        alpha: Those of its alpha channel, or ``None``.
        orientation: EXIF orientation, 1 to 8, from the boxes for rotation and mirror.
        data: An AVIF file with picture and alpha channel only, stored upright.
    """

    picture: Av1Picture
    alpha: Av1Picture | None
    orientation: int
    data: bytes

    @property
    def size(self) -> Size:
        """Width and height as stored, in pixels."""
        return self.picture.size


def read_avif_header(data: bytes) -> AvifHeader:
    """Read the headers of a file that begins like an AVIF; the rest may be anything.

    Raises:
        InvalidImage: The file is shorter than it says, has no picture or one that is put together
            of others, sizes that contradict each other, or more boxes than any encoder writes.
            Damage within the compressed picture is detected by decoding it.
    """
    found = read_items(data)
    items, primary, references = found.items, found.primary, found.references
    picture = _picture(data, items.get(primary))
    alpha, premultiplied = None, False
    for kind, source, target in references:
        if kind == b"auxl" and target == primary and alpha is None and _is_alpha(items.get(source)):
            alpha = _picture(data, items[source])
            premultiplied = (b"prem", primary, source) in references
    if alpha and alpha.size != picture.size:
        raise InvalidImage(CANNOT_BE_DECODED)
    return AvifHeader(
        picture=picture,
        alpha=alpha,
        orientation=_orientation(items[primary]),
        # encoders write a colour profile ahead of it, which does not change the pixels
        data=_file(
            picture,
            alpha,
            items[primary].property(b"colr", b"nclx"),
            premultiplied=premultiplied,
        ),
    )


def _is_alpha(item: Item | None) -> bool:
    return item is not None and item.property(b"auxC")[4:].split(b"\0")[0] in _ALPHAS


def _picture(data: bytes, item: Item | None) -> Av1Picture:
    """The picture of an item, if its size is the one that the file says it has."""
    if item is None:
        raise InvalidImage(CANNOT_BE_DECODED)
    if item.kind != b"av01":
        raise InvalidImage(
            "The AVIF is put together of several pictures. Save it again as one picture, or as an "
            "ordinary JPEG or PNG."
        )
    if any(extent.stop > len(data) for extent in item.extents):
        raise InvalidImage(ENDS_TOO_EARLY)
    if sum(extent.stop - extent.start for extent in item.extents) > len(data):
        raise InvalidImage(CANNOT_BE_DECODED)
    view = memoryview(data)
    parts = [view[extent] for extent in item.extents]
    picture = read_av1(parts[0] if len(parts) == 1 else memoryview(b"".join(parts)))
    width, height = picture.size
    if item.property(b"ispe")[4:] != pack(">II", width, height):
        raise InvalidImage(CANNOT_BE_DECODED)
    return picture


def _orientation(item: Item) -> int:
    turns, axis = item.property(b"irot"), item.property(b"imir")
    return _ORIENTATIONS[turns[0] & 3 if turns else 0, axis[0] & 1 if axis else None]


def _file(
    picture: Av1Picture, alpha: Av1Picture | None, color: bytes, *, premultiplied: bool
) -> bytes:
    """An AVIF with one picture, item 1, and perhaps its alpha channel, item 2.

    Args:
        picture: The picture.
        alpha: Its alpha channel, of the same size.
        color: The content of a box ``colr`` for the picture, or empty bytes.
        premultiplied: Whether the colours are multiplied with alpha.
    """
    pictures = [picture, alpha] if alpha else [picture]
    properties = [_full(b"ispe", pack(">II", *picture.size)), _box(b"av1C", picture.config)]
    if color:
        properties.append(_box(b"colr", color))
    of_items = [bytes(range(1, len(properties) + 1))]
    references = b""
    if alpha:
        at = len(properties)
        properties += [_box(b"av1C", alpha.config), _full(b"auxC", _ALPHA + b"\0")]
        of_items.append(bytes([1, at + 1, at + 2]))
        references = _box(b"auxl", pack(">HHH", 2, 1, 1))
        if premultiplied:
            references += _box(b"prem", pack(">HHH", 1, 1, 2))
    entries = [
        _full(b"infe", pack(">HH4sx", number, 0, b"av01"), version=2)
        for number in range(1, len(pictures) + 1)
    ]
    associations = [
        pack(">HB", number, len(of_item)) + of_item for number, of_item in enumerate(of_items, 1)
    ]
    ahead = [
        _full(b"hdlr", pack(">4x4s13x", b"pict")),
        _full(b"pitm", pack(">H", 1)),
        _full(b"iinf", pack(">H", len(entries)) + b"".join(entries)),
        *([_full(b"iref", references)] if references else []),
        _box(
            b"iprp",
            _box(b"ipco", b"".join(properties))
            + _full(b"ipma", pack(">I", len(pictures)) + b"".join(associations)),
        ),
    ]
    start = _box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miaf")
    # the last box has the offsets, 14 bytes for each item
    length = 8 + 4 + sum(map(len, ahead)) + 12 + 4 + 14 * len(pictures)
    offset = len(start) + length + 8
    places = b""
    lengths = [sum(map(len, each.parts)) for each in pictures]
    for number, size in enumerate(lengths, 1):
        places += pack(">HHHII", number, 0, 1, offset, size)
        offset += size
    iloc = _full(b"iloc", pack(">HH", 0x4400, len(pictures)) + places)
    meta = _full(b"meta", b"".join(ahead) + iloc)
    mdat = pack(">I4s", 8 + sum(lengths), b"mdat")
    return b"".join([start, meta, mdat, *(part for each in pictures for part in each.parts)])


def _box(kind: bytes, content: bytes) -> bytes:
    return pack(">I4s", 8 + len(content), kind) + content


def _full(kind: bytes, content: bytes, version: int = 0) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]) + content)
