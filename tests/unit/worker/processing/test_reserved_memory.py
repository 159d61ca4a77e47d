"""What a photo takes while it waits for memory to be decoded in."""

import io
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from shared.photo_formats import PhotoFormats
from tests.unit.worker.processing.conftest import KEY, Played


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_no_copy_of_the_file_waits_for_memory(
    played: Played, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reserved memory bounds what decoding takes, so nothing may be copied before."""
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, kind)
    played.store.uploads[KEY] = file.getvalue()
    played.classifier.max_pixels = 100_000
    played.classifier.formats = PhotoFormats.parse("jpeg,png,webp,avif")
    allocated: list[int] = []

    @contextmanager
    def reserve(_: int) -> Iterator[None]:
        allocated.append(tracemalloc.get_traced_memory()[0] - before[0])
        yield

    monkeypatch.setattr(played.classifier.memory, "reserve", reserve)
    real, before = played.reader.read, [0]

    def read(key: str) -> bytes:
        data = real(key)
        before[0] = tracemalloc.get_traced_memory()[0]
        return data

    monkeypatch.setattr(played.reader, "read", read)
    played.run()  # imports, and fills caches
    played.record.results.clear()
    allocated.clear()
    played.store.uploads[KEY] = file.getvalue()
    tracemalloc.start()
    try:
        played.run()
    finally:
        tracemalloc.stop()
    assert played.end() == "b"
    [held] = allocated
    assert held < len(file.getvalue()) / 2
