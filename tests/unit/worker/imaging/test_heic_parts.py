"""HEICs of parts that ordinary encoders do not write: they are shown as viewers do, or refused."""

import tracemalloc
from itertools import permutations
from struct import pack

import numpy as np
import pytest

from shared.errors import InvalidImage
from shared.photo_formats import PhotoFormats
from tests.hostile.avifs import avif, box
from tests.hostile.heics import heic
from tests.unit.worker.imaging.optional_formats import PICTURE, SMALL, as_png, cost, decoded, seen
from worker.imaging.formats.heif.boxes import MAX_BOXES
from worker.imaging.formats.heif.heic_header import read_heic_header
from worker.imaging.formats.heif.writer import NewItem, full_box, write_file
from worker.imaging.preprocess import decode_cost
from worker.models.transforms import IMAGENET1K_V2

HEADER = read_heic_header(heic(PICTURE)).picture
TURNS = [box(b"irot", b"\1"), box(b"irot", b"\2"), box(b"imir", b"\0"), box(b"imir", b"\1")]


def _with(*properties: bytes, end: bytes = b"") -> bytes:
    """The picture with more properties, and with more behind its slices."""
    size = full_box(b"ispe", pack(">II", *HEADER.size))
    config = box(b"hvcC", HEADER.config.content)
    return write_file(
        b"heicmif1", [NewItem(b"hvc1", (*HEADER.tiles[0], end), (size, config, *properties))]
    )


def _clap(width: int, height: int) -> bytes:
    """The box that shows only the middle."""
    return box(b"clap", pack(">IIIIiIiI", width, 1, height, 1, 0, 1, 0, 1))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_all_rotations_and_mirrors_apply_in_their_order(count: int) -> None:
    for turns in sorted(set(permutations([*TURNS, TURNS[0]], count))):
        data = _with(*turns)
        difference = seen(data).astype(int) - as_png(decoded(data))
        assert np.abs(difference).mean() < 2, turns


def test_a_picture_that_is_cut_twice_is_refused() -> None:
    once = _with(_clap(240, 250))
    assert (seen(once) == as_png(decoded(once))).all()
    with pytest.raises(InvalidImage, match="cannot be decoded"):
        seen(_with(_clap(240, 250), _clap(100, 100)))


def test_pixels_that_are_not_shown_count_too() -> None:
    size = HEADER.config.coded[0] * HEADER.config.coded[1]
    formats = PhotoFormats.parse("jpeg,png,heic")
    for data in (_with(), _with(_clap(2, 2))):
        assert decode_cost(data, size, IMAGENET1K_V2, formats)
        with pytest.raises(InvalidImage, match=f"at most {size - 1} in all"):
            decode_cost(data, size - 1, IMAGENET1K_V2, formats)
    tiles = heic(PICTURE.crop((0, 0, 256, 256)), tile_size=128)
    assert decode_cost(tiles, 256 * 256, IMAGENET1K_V2, formats)
    with pytest.raises(InvalidImage, match="in all"):
        decode_cost(tiles, 256 * 256 - 1, IMAGENET1K_V2, formats)


@pytest.mark.parametrize("kind", [35, 36, 37, 38, 39])
def test_units_without_content_are_passed_over(kind: int) -> None:
    """Some encoders end a picture with a mark of two bytes."""
    data = _with(end=pack(">IBB", 2, kind << 1, 1))
    assert read_heic_header(data).data == read_heic_header(_with()).data
    with pytest.raises(InvalidImage, match="cannot be decoded"):
        seen(_with(end=pack(">IBB", 2, 19 << 1, 1)))


MANY = {
    "lists of properties": box(b"ipco", box(b"free") * 900) * 900,
    "items without properties": box(b"ipma", bytes(4) + pack(">I", 1_000) + bytes(3_000)) * 900,
}


@pytest.mark.parametrize("parts", MANY.values(), ids=MANY)
@pytest.mark.parametrize("data", [heic(SMALL), avif(SMALL)], ids=["heic", "avif"])
def test_properties_are_counted_over_all_boxes(data: bytes, parts: bytes) -> None:
    at = data.index(b"meta") - 4
    inner = data[at + 12 :][: int.from_bytes(data[at : at + 4], "big") - 12]
    start = inner.index(b"iprp") - 4
    end = start + int.from_bytes(inner[start : start + 4], "big")
    inner = inner[:start] + box(b"iprp", inner[start + 8 : end] + parts) + inner[end:]
    hostile = data[:at] + box(b"meta", bytes(4) + inner)
    tracemalloc.start()
    with pytest.raises(InvalidImage, match=f"more than {MAX_BOXES} parts"):
        cost(hostile)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
