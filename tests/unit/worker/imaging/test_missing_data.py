"""A picture of which a part is missing is refused; bytes that hold no picture may be missing."""

import io
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import skimage
from PIL import Image

from shared.errors import InvalidImage
from tests.hostile.jpegs import SOS, arithmetic, inserted, jpeg, lossless, segment, with_junk
from tests.hostile.pngs import GREY, PALETTE, RGBA, chunk, header, png
from worker.imaging.preprocess import preprocess
from worker.models.transforms import IMAGENET1K_V2

MAX_PIXELS = 50_000_000
END = b"\xff\xd9"
PHOTO = Image.fromarray(skimage.data.coffee()).resize((320, 214))
PIXELS = np.asarray(PHOTO)
JPEGS = {
    "baseline": jpeg(PHOTO),
    "subsampled": jpeg(PHOTO, subsampling=2),
    "optimised": jpeg(PHOTO, optimize=True),
    "progressive": jpeg(PHOTO, progressive=True),
    "grey": jpeg(PHOTO.convert("L")),
    "cmyk": jpeg(PHOTO.convert("CMYK")),
    "restarts": jpeg(PHOTO, restart_marker_blocks=3),
    "large": jpeg(PHOTO.resize((3000, 2000))),
    "lossless": lossless(np.asarray(PHOTO.convert("L"))),
}
each_jpeg = pytest.mark.parametrize("data", JPEGS.values(), ids=JPEGS.keys())


def seen(data: bytes) -> np.ndarray:
    return preprocess(data, IMAGENET1K_V2, MAX_PIXELS)


def refused(data: bytes) -> None:
    with pytest.raises(InvalidImage, match="ends too early"):
        seen(data)


@each_jpeg
def test_a_jpeg_may_lack_its_end_marker(data: bytes) -> None:
    for missing in (1, 2):
        assert (seen(data[:-missing]) == seen(data)).all()


@each_jpeg
def test_a_jpeg_may_not_lack_a_byte_of_its_scan(data: bytes) -> None:
    for missing in (3, 4, 30):
        refused(data[:-missing])


@pytest.mark.parametrize("missing", [2, 3, 200])
def test_an_arithmetic_jpeg_may_not_lack_its_end_marker(missing: int) -> None:
    """Zeros stand for what is missing in its scan, so how much that is cannot be told."""
    mosaic = np.random.default_rng(1).integers(128, 256, (60, 80), dtype=np.uint8)
    data = arithmetic(mosaic)
    seen(data)
    refused(data[:-missing])


@each_jpeg
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_an_end_marker_does_not_stand_in_for_scan_data(data: bytes, share: float) -> None:
    first_scan = data.index(b"\xff\xda")
    cut = first_scan + 20 + int((len(data) - first_scan - 20) * share)
    while data[cut - 1] == 0xFF:
        cut -= 1
    refused(data[:cut] + END)
    refused(data[:cut])
    # also where libjpeg has something else to complain of first
    refused(with_junk(data)[: cut + 4] + END)


@pytest.mark.parametrize("data", [JPEGS["baseline"], JPEGS["progressive"]])
def test_one_byte_of_the_scan_counts_also_before_an_end_marker(data: bytes) -> None:
    refused(data[:-3] + END)


def test_a_progressive_jpeg_may_not_end_between_its_scans() -> None:
    data = JPEGS["progressive"]
    last_scan = data.rindex(bytes([0xFF, SOS]))
    tables = data.rindex(b"\xff\xc4", 0, last_scan)
    refused(data[:tables])


def test_a_progressive_jpeg_may_be_cut_nowhere() -> None:
    """Within the tables between two scans libjpeg has an error, behind a warning that hides it.

    Before an end marker, a file cut between two scans is whole: a picture of fewer scans.
    """
    data = jpeg(PHOTO.resize((48, 32)), progressive=True)
    whole = 0
    for cut in range(data.index(bytes([0xFF, SOS])) + 20, len(data) - 2):
        refused(data[:cut])
        ended = data[:cut] + END
        try:
            pixels = seen(ended)
        except InvalidImage:
            continue
        whole += 1
        assert (pixels == seen(png(np.asarray(Image.open(io.BytesIO(ended)))))).all()
    assert whole < 40


def test_an_error_behind_a_warning_is_no_warning() -> None:
    data = JPEGS["progressive"]
    second_scan = data.index(bytes([0xFF, SOS]), data.index(bytes([0xFF, SOS])) + 2)
    with_warning = data[:second_scan] + b"junk" + data[second_scan:]
    assert (seen(with_warning) == seen(data)).all()
    broken_table = segment(0xC4, bytes([0x10, *[255] * 16]))
    for damaged in (data, with_warning):
        with pytest.raises(InvalidImage, match="cannot be decoded"):
            seen(damaged[:-2] + broken_table + END)


def test_a_component_without_any_scan_is_missing() -> None:
    data = JPEGS["progressive"]
    starts = [at for at in range(len(data) - 1) if data[at : at + 2] == bytes([0xFF, SOS])]
    # one component of three in the first scan, which holds the mean brightness of all
    first = data[: starts[0]] + segment(SOS, bytes([1, 1, 0, 0, 0, 1])) + END
    refused(first)


@pytest.mark.parametrize(
    "data",
    [png(PIXELS), png(PIXELS, interlaced=True), png(PIXELS.astype(int) * 257, 16)],
    ids=["usual", "interlaced", "16-bit"],
)
@pytest.mark.parametrize("missing", [4, 12, 13, 16, 19])
def test_a_png_may_lack_what_comes_behind_its_pixels(data: bytes, missing: int) -> None:
    """Of its end: IEND, the checksum of the last IDAT, the checksum of the stream."""
    assert (seen(data[:-missing]) == seen(data)).all()


def _short(samples: np.ndarray, rows: int, **options: object) -> bytes:
    """A PNG that promises more rows than it has, in a stream that is whole."""
    whole = png(samples[:rows], **options)
    kind = options.get("kind", 2)
    size = (samples.shape[1], samples.shape[0])
    interlaced = int(bool(options.get("interlaced")))
    return header(*size, options.get("depth", 8), kind, interlaced) + whole[33:]


@pytest.mark.parametrize("rows", [1, 107, 213])
@pytest.mark.parametrize(
    ("samples", "options"),
    [
        (PIXELS, {}),
        (PIXELS[:, :, 0], {"kind": GREY}),
        (np.dstack([PIXELS, PIXELS[:, :, 0]]), {"kind": RGBA}),
        (PIXELS[:, :, 0] // 128, {"kind": GREY, "depth": 1}),
        (PIXELS[:, :, 0].astype(int) * 257, {"kind": GREY, "depth": 16}),
        (PIXELS[:, :, 0], {"kind": PALETTE, "before": chunk(b"PLTE", bytes(range(255)) * 3)}),
    ],
    ids=["rgb", "grey", "rgba", "1-bit", "16-bit", "palette"],
)
def test_rows_that_a_whole_stream_lacks_are_missing(
    samples: np.ndarray, options: dict[str, object], rows: int
) -> None:
    refused(_short(samples, rows, **options))


def test_the_last_pass_of_an_interlaced_png_may_not_be_missing() -> None:
    samples = PIXELS[:213]
    data = png(samples, interlaced=True)
    stream = zlib.decompress(data[41:-16])
    last_pass = 106 * (1 + 3 * 320)
    short = zlib.compress(stream[:-last_pass])
    refused(data[:33] + chunk(b"IDAT", short) + chunk(b"IEND"))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("make", [lambda black: black, lambda black: black[:, :, 0]])
def test_a_picture_may_be_black_at_its_end(
    make: Callable[[np.ndarray], np.ndarray], interlaced: bool
) -> None:
    black = PIXELS.copy()
    black[100:] = 0
    samples = make(black)
    kind = 2 if samples.ndim == 3 else GREY
    assert seen(png(samples, kind=kind, interlaced=interlaced)).any()


def test_arithmetic_coding_reaches_over_any_length_of_data() -> None:
    """Pillow feeds its decoder in blocks of 64 KiB, and its arithmetic one cannot wait."""
    squares = np.random.default_rng(3).integers(128, 256, (240, 320), dtype=np.uint8)
    data = arithmetic(squares)
    assert len(data) > 65_536
    whole = np.kron(squares, np.ones((8, 8), np.uint8))
    assert np.abs(seen(data).astype(int) - seen(png(whole, kind=GREY))).mean() < 3
    refused(inserted(data, segment(0xFE, bytes(60_000)))[:-2000])
