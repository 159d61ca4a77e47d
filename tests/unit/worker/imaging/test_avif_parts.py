"""An AVIF of very many parts is refused, or costs no more than one of few."""

import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from struct import pack

import pytest

from shared.errors import InvalidImage
from tests.hostile.avifs import avif, box
from tests.unit.worker.imaging.optional_formats import PICTURE, cost, seen
from worker.imaging.formats.heif.avif_header import read_avif_header
from worker.imaging.formats.heif.boxes import MAX_BOXES
from worker.imaging.refusals import MAX_FRAMES

STILL = avif(PICTURE)


def test_ten_thousand_parts_are_refused() -> None:
    many = {
        "boxes": STILL + box(b"free") * 10_000,
        "places": STILL.replace(b"iloc\0\0\0\0D\0\0\1", b"iloc\0\0\0\0D\0\xff\xff"),
    }
    for data in many.values():
        with pytest.raises(InvalidImage, match=f"more than {MAX_BOXES} parts"):
            seen(data)


def test_ten_thousand_frames_are_refused_by_their_header() -> None:
    few, many = (_animation(frames) for frames in (2, 10_000))
    assert len(many) > 200 * len(few)
    seen(few)  # what is done once for all photos
    with pytest.raises(InvalidImage, match=f"more than {MAX_FRAMES} frames"):
        seen(many)
    refused = partial(pytest.raises, InvalidImage, seen, many)
    assert _calls(refused) < _calls(partial(seen, few))
    assert _most_bytes(refused) < 50_000


def test_as_many_frames_as_allowed_cost_as_much_as_two() -> None:
    """The frames are not in the item that is decoded: no code runs for them, nothing is kept."""
    data = [_animation(frames) for frames in (2, MAX_FRAMES)]
    assert read_avif_header(data[0]).data == read_avif_header(data[1]).data
    seen(data[0])  # as above
    calls = [_calls(partial(seen, each)) for each in data]
    assert calls[0] == calls[1]
    for each in data:
        assert _most_bytes(partial(cost, each)) < 50_000


def _animation(frames: int) -> bytes:
    small = PICTURE.crop((0, 0, 16, 16))
    others = [small.rotate(90)] * (frames - 1)
    return avif(small, save_all=True, append_images=others, quality=1)


def _most_bytes(action: Callable[[], object]) -> int:
    """The most memory that the action holds at a time, in bytes."""
    tracemalloc.start()
    action()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def _calls(action: Callable[[], object]) -> int:
    """How many functions the action calls, those in C included."""
    kinds: list[str] = []
    sys.setprofile(lambda _, kind, __: kinds.append(kind))
    try:
        action()
    finally:
        sys.setprofile(None)
    return sum(kind.endswith("call") for kind in kinds)


def test_a_hostile_header_takes_little_memory() -> None:
    entry = pack(">HH", 1, 1_000) + pack(">H", 1) * 1_000
    references = box(b"iref", bytes(4) + box(b"auxl", entry) * 900)
    numbers = range(1, 901)
    entries = [box(b"infe", b"\2\0\0\0" + pack(">HH4sx", at, 0, b"av01")) for at in numbers]
    items = box(b"iinf", bytes(4) + pack(">H", 900) + b"".join(entries))
    extents = [pack(">HHH", at, 0, 1_000) + bytes(8_000) for at in numbers]
    places = box(b"iloc", bytes(4) + b"\x44\0" + pack(">H", 900) + b"".join(extents))
    meta = STILL[STILL.index(b"meta") + 8 : STILL.index(b"mdat") - 4]
    for hostile in (references, items + places):
        data = STILL[:32] + box(b"meta", bytes(4) + hostile + meta)
        tracemalloc.start()
        with pytest.raises(InvalidImage, match=f"more than {MAX_BOXES} parts"):
            cost(data)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(data) + 1_000_000
        tracemalloc.stop()
