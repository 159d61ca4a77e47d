import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from image_classifier_client import Photo
from image_classifier_client.images import encode_array, encode_image
from image_classifier_client.photos import load_photo, load_photos

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.sampled_from([size, (*size, 1), (*size, 3), (*size, 4)])
)


@given(arrays(np.uint8, SHAPES))
def test_an_array_is_encoded_without_loss(pixels: np.ndarray) -> None:
    for array in (pixels, pixels[::-1], np.asfortranarray(pixels)):
        image = Image.open(io.BytesIO(encode_array(array)))
        image.load()
        assert np.array_equal(
            np.asarray(image), array.squeeze(axis=2) if array.shape[2:] == (1,) else array
        )


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "I", "F"]
)
def test_a_pillow_image_of_any_mode_becomes_a_png(mode: str) -> None:
    image = Image.new("RGB", (5, 4), (200, 200, 200))
    if mode in {"PA", "RGBa"}:
        image = image.convert("RGBA" if mode == "RGBa" else "LA")
    encoded = Image.open(io.BytesIO(encode_image(image.convert(mode))))
    assert (encoded.format, encoded.size) == ("PNG", (5, 4))
    assert abs(encoded.convert("L").getpixel((2, 2)) - 200) <= (55 if mode == "1" else 8)


def test_a_photo_taken_upright_stays_upright() -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (5, 4)).save(file, "JPEG", exif=exif)
    image = Image.open(file)
    assert Image.open(io.BytesIO(load_photo(image).data)).getexif()[0x0112] == 6


def test_a_pillow_image_keeps_the_name_of_its_file(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "cat.png")
    assert load_photo(Image.open(tmp_path / "cat.png")).filename == "cat.png"
    assert load_photo(Image.new("RGB", (5, 4))).filename == "photo"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5, 3), np.float32),
        np.zeros((4, 5, 3), bool),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros((4, 5, 2), np.uint8),
        np.zeros((2, 4, 5, 3), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.zeros((4, 5, 0), np.uint8),
    ],
)
def test_the_error_of_another_array_says_what_it_must_be(array: np.ndarray) -> None:
    with pytest.raises(TypeError, match="must be uint8") as caught:
        load_photo(array)
    assert str(array.shape) in str(caught.value)
    assert str(array.dtype) in str(caught.value)


def test_bytes_in_any_form_are_one_photo() -> None:
    for data in (b"abc", bytearray(b"abc"), memoryview(b"abc"), io.BytesIO(b"abc"), Photo(b"abc")):
        assert load_photos(data) == [Photo(b"abc")]
    assert load_photos(Photo(at) for at in (b"a", b"b")) == [Photo(b"a"), Photo(b"b")]
    assert load_photos((b"a", bytearray(b"b"))) == [Photo(b"a"), Photo(b"b")]
