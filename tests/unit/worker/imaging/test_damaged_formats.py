"""Whatever the bytes of a WebP, AVIF or HEIC are, preprocessing ends with pixels or a refusal."""

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import InvalidImage, UnsupportedMediaType
from tests.hostile.avifs import avif, box
from tests.hostile.heics import exif, heic
from tests.hostile.webps import webp
from tests.unit.worker.imaging.optional_formats import PICTURE, SMALL, cost, seen, transparent

# Most of the meaning is in the first bytes.
HEAD_BYTES = 400
OTHERS = [SMALL.rotate(180)]
WHOLE = {
    "webp": [
        webp(SMALL),
        webp(transparent(SMALL), lossless=False),
        webp(SMALL, exif=b"Exif\0\0II*\0\x08\0\0\0"),
        webp(SMALL, save_all=True, append_images=OTHERS),
    ],
    "avif": [
        avif(SMALL),
        avif(transparent(SMALL)),
        avif(SMALL, save_all=True, append_images=OTHERS),
    ],
    "heic": [
        heic(SMALL),
        heic(transparent(SMALL)),
        heic(PICTURE, tile_size=128, quality=10),
        heic(SMALL, save_all=True, append_images=OTHERS, exif=exif(6)),
    ],
}
edits = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), max_size=8)


@pytest.mark.parametrize("kind", WHOLE)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(which=st.integers(0, 3), edits=edits, near_the_start=st.booleans(), cut=st.floats(0, 2))
def test_damaged_files_end_well(
    kind: str, which: int, edits: list[tuple[float, bytes]], near_the_start: bool, cut: float
) -> None:
    data = bytearray(WHOLE[kind][which % len(WHOLE[kind])])
    for place, patch in edits:
        start = int(place * min(HEAD_BYTES if near_the_start else len(data), len(data)))
        data[start : start + len(patch)] = patch
    if cut < 1:
        del data[int(cut * len(data)) :]
    with suppress(InvalidImage, UnsupportedMediaType):
        assert cost(bytes(data)) > 0
    with suppress(InvalidImage, UnsupportedMediaType):
        assert seen(bytes(data)).shape == (224, 224, 3)


def test_large_boxes_are_not_copied_to_be_read() -> None:
    still = avif(SMALL)
    inner = still[still.index(b"meta") + 8 : still.index(b"mdat") - 4]
    ahead = box(b"iprp", box(b"ipco", box(b"free", bytes(5_000_000))))
    data = still[:32] + box(b"meta", bytes(4) + ahead + inner)
    tracemalloc.start()
    with pytest.raises(InvalidImage):
        cost(data)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
