"""HEICs need an optional package, and memory; a lack of either is reported as what it is."""

import sys

import pillow_heif
import pytest

from shared.errors import InvalidImage, UnsupportedMediaType
from shared.photo_formats import PhotoFormats
from tests.hostile.heics import heic
from tests.unit.worker.imaging.optional_formats import MAX_PIXELS, PICTURE, seen
from worker.imaging.formats import heic as decoder
from worker.imaging.formats.heic import check_heic
from worker.imaging.preprocess import preprocess
from worker.models.transforms import IMAGENET1K_V1
from worker.models.weights import ModelUnavailable

STILL = heic(PICTURE)


def test_a_heic_is_only_accepted_if_the_setting_lists_it() -> None:
    with pytest.raises(UnsupportedMediaType, match="neither JPEG nor PNG"):
        preprocess(STILL, IMAGENET1K_V1, MAX_PIXELS)
    assert seen(STILL[:8] + b"mif1" + STILL[12:]).shape == (224, 224, 3)
    for other in (b"mif1", b"isom"):
        with pytest.raises(UnsupportedMediaType):
            seen(STILL.replace(b"heic", other))


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    check_heic(PhotoFormats.parse("jpeg,png,heic"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    decoder.heic_decoder.cache_clear()
    check_heic(PhotoFormats.parse("jpeg,png,webp,avif"))
    with pytest.raises(ModelUnavailable, match=rf"pip install -r {decoder.REQUIREMENTS}"):
        check_heic(PhotoFormats.parse("jpeg,png,heic"))
    decoder.heic_decoder.cache_clear()


def test_the_decoder_is_asked_for_one_thread_and_for_its_own_limits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for option in ("THUMBNAILS", "DEPTH_IMAGES", "AUX_IMAGES", "DISABLE_SECURITY_LIMITS"):
        monkeypatch.setattr(pillow_heif.options, option, True)
    monkeypatch.setattr(pillow_heif.options, "DECODE_THREADS", 4)
    decoder.heic_decoder.cache_clear()
    seen(STILL)
    assert pillow_heif.options.DECODE_THREADS == 0
    assert not pillow_heif.options.DISABLE_SECURITY_LIMITS
    assert not pillow_heif.options.THUMBNAILS


def test_a_lack_of_memory_is_not_the_photos_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_memory(*_: object, **__: object) -> None:
        raise RuntimeError("Memory allocation error: Security limit exceeded")

    monkeypatch.setattr(pillow_heif, "open_heif", without_memory)
    with pytest.raises(InvalidImage):
        seen(STILL)
    monkeypatch.setattr(decoder, "_SLICE_BYTES", 2**50)
    with pytest.raises(MemoryError):
        seen(STILL)
