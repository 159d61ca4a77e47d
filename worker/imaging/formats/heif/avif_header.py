"""Reads the headers of an AVIF and writes a file with its picture and alpha channel only.

Metadata, thumbnails and the frames of an animation never reach the decoder. Neither does a picture
that is put together of others: how much memory it takes follows from all of them.
"""

from dataclasses import dataclass
from struct import pack

from shared.errors import InvalidImage
from worker.imaging.formats.heif.av1_header import Av1Picture, read_av1
from worker.imaging.formats.heif.items import Item, Items, read_items
from worker.imaging.formats.heif.sequences import check_frames
from worker.imaging.formats.heif.transforms import read_orientation
from worker.imaging.formats.heif.writer import ALPHA, NewItem, box, full_box, write_file
from worker.imaging.refusals import CANNOT_BE_DECODED
from worker.imaging.resize_and_crop import Size


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
    check_frames(data, "AVIF")
    items = read_items(data)
    primary = items.items.get(items.primary)
    if primary is None:
        raise InvalidImage(CANNOT_BE_DECODED)
    picture = _picture(items, primary)
    of_alpha = items.alpha_of(items.primary)
    alpha = None if of_alpha is None else _picture(items, items.items[of_alpha])
    if alpha and alpha.size != picture.size:
        raise InvalidImage(CANNOT_BE_DECODED)
    size = full_box(b"ispe", pack(">II", *picture.size))
    # encoders write a colour profile ahead of it, which does not change the pixels
    color = primary.property(b"colr", b"nclx")
    colors = (box(b"colr", color),) if color else ()
    premultiplied = (b"prem", items.primary, of_alpha) in items.references
    written = [
        NewItem(
            b"av01",
            picture.parts,
            (size, box(b"av1C", picture.config), *colors),
            ((b"prem", (2,)),) if premultiplied else (),
        )
    ]
    if alpha:
        properties = (size, box(b"av1C", alpha.config), ALPHA)
        written.append(NewItem(b"av01", alpha.parts, properties, ((b"auxl", (1,)),)))
    return AvifHeader(
        picture=picture,
        alpha=alpha,
        orientation=read_orientation(primary),
        data=write_file(b"avifmif1miaf", written),
    )


def _picture(items: Items, item: Item) -> Av1Picture:
    """The picture of an item, if its size is the one that the file says it has."""
    if item.kind != b"av01":
        raise InvalidImage(
            "The AVIF is put together of several pictures. Save it again as one picture, or as an "
            "ordinary JPEG or PNG."
        )
    picture = read_av1(items.content(item))
    width, height = picture.size
    if item.property(b"ispe")[4:] != pack(">II", width, height):
        raise InvalidImage(CANNOT_BE_DECODED)
    return picture
