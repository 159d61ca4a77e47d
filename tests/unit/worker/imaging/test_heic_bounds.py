"""Nothing in a HEIC makes reading its headers, or decoding it, take more than is reserved."""

import tracemalloc
from struct import pack

import pytest

from shared.errors import InvalidImage
from tests.hostile.avifs import box, with_size
from tests.hostile.heics import heic, with_grid, with_margins
from tests.unit.worker.imaging.optional_formats import PICTURE, SMALL, cost, transparent
from worker.imaging.formats.heif.heic_header import read_heic_header
from worker.imaging.formats.heif.hevc_header import read_hevc_config

GRID = heic(PICTURE, tile_size=128)
TINY = heic(PICTURE.crop((0, 0, 64, 64)))


def _all_at_one_place(data: bytes) -> bytes:
    """The grid, whose tiles all have the same data: a slice of a megabyte."""
    slice_ = pack(">I", 1_000_000) + read_heic_header(data).picture.tiles[0][1][:100]
    slice_ = slice_.ljust(1_000_004, b"s")
    at = data.index(b"iloc") + 12
    place = bytes(4) + pack(">HII", 1, len(data) + 8, len(slice_))
    for number in range(1, 10):
        start = at + 20 * number + 6  # behind number, method and file; the grid comes first
        data = data[:start] + place + data[start + 14 :]
    return data + box(b"mdat", slice_)


def test_tiles_that_share_their_data_are_not_copied_for_each() -> None:
    data = _all_at_one_place(GRID)
    tracemalloc.start()
    with pytest.raises(InvalidImage, match="cannot be decoded"):
        cost(data)
    assert tracemalloc.get_traced_memory()[1] < 2 * len(data)
    tracemalloc.stop()


def test_a_hidden_alpha_channel_cannot_be_larger_than_the_picture() -> None:
    """Its parameter set says that nearly all of it is cut off."""
    data = heic(transparent(SMALL.resize((64, 64))))
    assert cost(data)
    for which in (0, 1):
        with pytest.raises(InvalidImage, match="cannot be decoded"):
            cost(with_margins(data, which, (64, 64), 6_000))


@pytest.mark.parametrize("size", [(384, 9_999), (9_999, 384), (256, 384), (1, 1)])
def test_tiles_must_fill_their_grid_and_no_more(size: tuple[int, int]) -> None:
    assert cost(with_size(with_grid(GRID, 3, 3, 384, 384), 384, 384))
    with pytest.raises(InvalidImage, match="cannot be decoded"):
        cost(with_size(with_grid(GRID, 3, 3, *size), *size))


def test_a_second_parameter_set_is_refused() -> None:
    """The decoder would follow the one that the slices name."""
    content = read_heic_header(TINY).picture.config.content
    at = content.index(b"\xa1\0\1") + 3
    length = 2 + int.from_bytes(content[at : at + 2], "big")
    other = content[at : at + length - 1] + b"\xff"
    two = content[: at - 1] + b"\2" + content[at : at + length] + other + content[at + length :]
    assert read_hevc_config(content).size == (64, 64)
    with pytest.raises(InvalidImage, match="cannot be decoded"):
        read_hevc_config(two)


def test_properties_are_counted() -> None:
    start = TINY.index(b"ipma") - 4
    many = pack(">I", 1_000) + (pack(">HB", 1, 255) + bytes([1]) * 255) * 1_000
    more = box(b"ipma", bytes(4) + many)
    inner = TINY.index(b"iprp") - 4
    outer = TINY.index(b"meta") - 4
    data = bytearray(TINY[:start] + more * 9 + TINY[start:])
    for place in (inner, outer):
        length = int.from_bytes(data[place : place + 4], "big") + 9 * len(more)
        data[place : place + 4] = pack(">I", length)
    tracemalloc.start()
    with pytest.raises(InvalidImage, match="parts"):
        cost(bytes(data))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000 + len(data)
    tracemalloc.stop()
