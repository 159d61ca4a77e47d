"""Reads the headers of a HEIC and writes a file with its picture and alpha channel only.

Phones divide a picture into a grid of tiles, each an item of its own. Metadata, thumbnails, depth
and other pictures never reach the decoder.
"""

from dataclasses import dataclass
from struct import pack

from shared.errors import InvalidImage
from worker.imaging.formats.heif.hevc_header import HevcConfig, read_hevc_config, read_hevc_slices
from worker.imaging.formats.heif.items import Item, Items, read_items
from worker.imaging.formats.heif.sequences import check_frames
from worker.imaging.formats.heif.transforms import read_clean_aperture, read_orientation
from worker.imaging.formats.heif.writer import ALPHA, NewItem, Part, box, full_box, write_file
from worker.imaging.refusals import CANNOT_BE_DECODED
from worker.imaging.resize_and_crop import IntBox, Size


@dataclass(frozen=True)
class HevcPicture:
    """A picture, or an alpha channel: one tile, or a grid of them.

    Attributes:
        size: Width and height, in pixels.
        config: What the parameter sets of the first tile say; those of the others say the same.
        tiles: The data of each tile.
        configs: The content of the box ``hvcC`` of each tile.
        grid: The content of the item that describes the grid; empty without a grid.
    """

    size: Size
    config: HevcConfig
    tiles: tuple[tuple[Part, ...], ...]
    configs: tuple[bytes, ...]
    grid: bytes

    @property
    def coded_pixels(self) -> int:
        """Pixels of all tiles, with the margins that are cut off."""
        return len(self.tiles) * self.config.coded[0] * self.config.coded[1]


@dataclass(frozen=True)
class HeicHeader:
    """The properties of a HEIC that affect decoding.

    Attributes:
        picture: The picture as it is decoded.
        alpha: Its alpha channel, or ``None``.
        aperture: The part of the picture that is shown: left, top, right and bottom, in pixels.
        orientation: EXIF orientation, 1 to 8, from the boxes for rotation and mirror.
        data: A HEIC file with picture and alpha channel only, neither cut nor turned.
    """

    picture: HevcPicture
    alpha: HevcPicture | None
    aperture: IntBox
    orientation: int
    data: bytes

    @property
    def size(self) -> Size:
        """Width and height as stored, in pixels, of the part that is shown."""
        left, top, right, bottom = self.aperture
        return right - left, bottom - top


def read_heic_header(data: bytes) -> HeicHeader:
    """Read the headers of a file that begins like a HEIC; the rest may be anything.

    Raises:
        InvalidImage: The file is shorter than it says, has no picture in HEVC, sizes that
            contradict each other, or more boxes than any encoder writes. Damage within the
            compressed picture is detected by decoding it, if at all.
    """
    check_frames(data, "HEIC")
    items = read_items(data)
    primary = items.items.get(items.primary)
    if primary is None:
        raise InvalidImage(CANNOT_BE_DECODED)
    picture = _picture(items, items.primary)
    of_alpha = items.alpha_of(items.primary)
    alpha = None if of_alpha is None else _picture(items, of_alpha)
    if alpha and alpha.size != picture.size:
        raise InvalidImage(CANNOT_BE_DECODED)
    color = primary.property(b"colr", b"nclx")
    colors = (box(b"colr", color),) if color else ()
    written = _new_items(picture, colors, 1)
    if alpha:
        number = len(written) + 1
        if (b"prem", items.primary, of_alpha) in items.references:
            written[0] = written[0].referring(b"prem", (number,))
        of_alpha_channel = _new_items(alpha, (ALPHA,), number)
        of_alpha_channel[0] = of_alpha_channel[0].referring(b"auxl", (1,))
        written += of_alpha_channel
    return HeicHeader(
        picture=picture,
        alpha=alpha,
        aperture=read_clean_aperture(primary, picture.size),
        orientation=read_orientation(primary),
        data=write_file(b"heicmif1", written),
    )


def _picture(items: Items, number: int) -> HevcPicture:
    """The picture of an item, if its size is the one that the file says it has."""
    item = items.items[number]
    if item.kind not in {b"hvc1", b"grid"}:
        raise InvalidImage(
            "The HEIC has a picture of an unusual type. Save it again as an ordinary JPEG or PNG."
        )
    if item.kind == b"hvc1":
        config = read_hevc_config(item.property(b"hvcC"))
        size, grid, tiles = config.size, b"", [item]
        configs = [config]
    else:
        size, grid, tiles = _grid(items, number)
        known = {content: read_hevc_config(content) for content in map(_config_content, tiles)}
        configs = [known[_config_content(tile)] for tile in tiles]
        config = configs[0]
        _check_grid(grid, size, configs)
    for each in (item, *tiles):
        if each.property(b"ispe")[4:] != pack(">II", *(size if each is item else config.size)):
            raise InvalidImage(CANNOT_BE_DECODED)
    return HevcPicture(
        size=size,
        config=config,
        tiles=_slices(items, tiles, configs),
        configs=tuple(each.content for each in configs),
        grid=grid,
    )


def _slices(
    items: Items, tiles: list[Item], configs: list[HevcConfig]
) -> tuple[tuple[Part, ...], ...]:
    """The slices of each tile, which are copied into the new file."""
    found, left = [], len(items.data)
    for tile, config in zip(tiles, configs, strict=True):
        content = items.content(tile)
        left -= len(content)
        if left < 0:  # tiles share their data
            raise InvalidImage(CANNOT_BE_DECODED)
        found.append(read_hevc_slices(content, config.length_bytes))
    return tuple(found)


def _config_content(tile: Item) -> bytes:
    return tile.property(b"hvcC")


def _grid(items: Items, number: int) -> tuple[Size, bytes, list[Item]]:
    """Size, description and tiles of a grid."""
    content = bytes(items.content(items.items[number])[:12])
    targets = [
        target for kind, source, target in items.references if (kind, source) == (b"dimg", number)
    ]
    tiles = [items.items[target] for target in targets if target in items.items]
    wide = len(content) >= 2 and content[1] & 1
    if (
        len(content) != (12 if wide else 8)
        or content[0]
        or len(tiles) != (content[2] + 1) * (content[3] + 1)
        or any(tile.kind != b"hvc1" for tile in tiles)
    ):
        raise InvalidImage(CANNOT_BE_DECODED)
    middle = 8 if wide else 6
    size = int.from_bytes(content[4:middle], "big"), int.from_bytes(content[middle:], "big")
    return size, content, tiles


def _check_grid(grid: bytes, size: Size, configs: list[HevcConfig]) -> None:
    """Refuse a grid of different tiles, or whose tiles do not fit its size."""
    first = configs[0]
    rows, columns = grid[2] + 1, grid[3] + 1
    if (
        any(
            (each.size, each.coded, each.chroma, each.depth)
            != (first.size, first.coded, first.chroma, first.depth)
            for each in configs
        )
        or not (columns - 1) * first.size[0] < size[0] <= columns * first.size[0]
        or not (rows - 1) * first.size[1] < size[1] <= rows * first.size[1]
    ):
        raise InvalidImage(CANNOT_BE_DECODED)


def _new_items(picture: HevcPicture, properties: tuple[bytes, ...], number: int) -> list[NewItem]:
    """The items to write for a picture, of which the first has this number."""
    of_tile = full_box(b"ispe", pack(">II", *picture.config.size))
    tiles = [
        NewItem(b"hvc1", tile, (of_tile, box(b"hvcC", config)), hidden=True)
        for tile, config in zip(picture.tiles, picture.configs, strict=True)
    ]
    if not picture.grid:
        return [NewItem(b"hvc1", tiles[0].parts, (*tiles[0].properties, *properties))]
    of_grid = full_box(b"ispe", pack(">II", *picture.size))
    numbers = tuple(range(number + 1, number + 1 + len(tiles)))
    grid = NewItem(b"grid", (picture.grid,), (of_grid, *properties), ((b"dimg", numbers),))
    return [grid, *tiles]
