"""What decoding may cost: `MAX_PIXELS`, the memory that is reserved, a machine that lacks it."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageFile

from shared.errors import InvalidImage
from tests.hostile.jpegs import jpeg, lossless, with_frame
from tests.hostile.pngs import GREY, PALETTE, header, png
from tests.unit.worker.imaging.large_photos import KINDS, ODD_KINDS, large_photo
from worker.imaging.preprocess import WORKING_BYTES, decode_cost, preprocess, refusals
from worker.models.transforms import IMAGENET1K_V1, IMAGENET1K_V2

MAX_PIXELS = 50_000_000
SMALL = jpeg(Image.new("RGB", (64, 64), "teal"), subsampling=2)


def cost(data: bytes, max_pixels: int = MAX_PIXELS) -> int:
    return decode_cost(data, max_pixels, IMAGENET1K_V2)


@pytest.mark.parametrize("size", [(6944, 9248), (12000, 9000)])
def test_a_photo_of_any_camera_is_accepted_because_it_is_decoded_at_a_fraction(
    size: tuple[int, int],
) -> None:
    data = jpeg(Image.new("L", size, 90), quality=50)
    assert (preprocess(data, IMAGENET1K_V2, MAX_PIXELS) == 90).all()
    grey = jpeg(Image.new("L", (64, 64), 90), quality=50)
    assert cost(data) < cost(with_frame(grey, width=7000, height=7000)) * 2


@pytest.mark.parametrize(
    "data",
    [
        with_frame(SMALL, width=65_535, height=65_535),
        with_frame(SMALL, width=30_000, height=30_000),
        with_frame(jpeg(Image.new("RGB", (64, 64)), progressive=True), width=13_000, height=13_000),
        with_frame(SMALL, width=65_535, height=1_000),
        with_frame(SMALL, 0xC3, width=8192, height=6144),
        header(8192, 6144) + png(np.zeros((1, 1, 3), np.uint8))[33:],
    ],
    ids=["4-gigapixels", "900-megapixels", "progressive", "panorama", "lossless", "png"],
)
def test_what_costs_more_than_max_pixels_is_refused_from_the_header(data: bytes) -> None:
    for judge in (cost, lambda data: preprocess(data, IMAGENET1K_V2, MAX_PIXELS)):
        with pytest.raises(InvalidImage, match=f"pixels; at most {MAX_PIXELS} in all"):
            judge(data)


@pytest.mark.parametrize("size", [(480, 470), (950, 930)])
def test_a_lossless_jpeg_is_decoded_at_full_size(size: tuple[int, int]) -> None:
    samples = np.full(size[::-1], 128, np.uint8)
    samples[size[1] // 3 :] = 200
    expected = preprocess(png(samples, kind=GREY), IMAGENET1K_V2, MAX_PIXELS)
    assert (preprocess(lossless(samples), IMAGENET1K_V2, MAX_PIXELS) == expected).all()


@pytest.mark.parametrize(
    ("size", "kind"),
    [((180_000, 1_000), GREY), ((14_000, 13_000), PALETTE)],
)
def test_max_pixels_holds_whatever_pillow_thinks_of_it(size: tuple[int, int], kind: int) -> None:
    file = io.BytesIO()
    Image.new("1" if kind == GREY else "P", size, 1).save(file, "PNG", bits=1)
    square = preprocess(file.getvalue(), IMAGENET1K_V2, 200_000_000)
    assert square.shape == (224, 224, 3)


# Each is decoded in a process of its own, forked after the imports: what is measured is the most
# that it ever held.
PEAKS = """
import os
import sys
from pathlib import Path
from worker.imaging import memory
from shared.photo_formats import NAMES, PhotoFormats
from worker.imaging.preprocess import decode_cost, preprocess
from worker.models.transforms import IMAGENET1K_V2

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

def measure(data, warm):
    preprocess(warm, IMAGENET1K_V2, 10**9)
    before = peak()
    cost = decode_cost(data, 10**9, IMAGENET1K_V2, PhotoFormats(tuple(NAMES)))
    preprocess(data, IMAGENET1K_V2, 10**9, PhotoFormats(tuple(NAMES)))
    print(peak() - before, cost, flush=True)

memory.give_back_large_blocks(8)
for name in sys.argv[2:]:
    if not os.fork():
        measure(*(Path(file).read_bytes() for file in (name, sys.argv[1])))
        os._exit(0)
    assert os.wait()[1] == 0, name
"""


EIGHT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from worker.imaging import memory
from worker.imaging.memory_budget import MemoryBudget
from worker.imaging.preprocess import decode_cost, preprocess
from worker.models.transforms import IMAGENET1K_V2

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

memory.give_back_large_blocks(8)
data, warm = (Path(name).read_bytes() for name in sys.argv[1:])
budget = MemoryBudget()

def decode(photo):
    with budget.reserve(decode_cost(photo, 10**9, IMAGENET1K_V2)):
        preprocess(photo, IMAGENET1K_V2, 10**9)

with ThreadPoolExecutor(8) as pool:
    list(pool.map(decode, [warm] * 40))
    before = peak()
    list(pool.map(decode, [data] * 8))
    print(peak() - before, memory.DECODE_BUDGET_BYTES)
"""


@pytest.mark.parametrize("kind", ["texts", "thin", "jpeg-progressive-444"])
def test_eight_at_once_stay_within_the_budget(kind: str, tmp_path: Path) -> None:
    files = [tmp_path / "photo", tmp_path / "warm"]
    files[0].write_bytes(large_photo(kind))
    files[1].write_bytes(SMALL)
    run = subprocess.run(
        [sys.executable, "-c", EIGHT, *map(str, files)], capture_output=True, text=True, check=True
    )
    taken, budget = map(int, run.stdout.split())
    assert taken <= budget


# How much of what is reserved must be taken, so that as many as possible decode side by side.
MOST_TAKE = 0.6
# The headers do not say into how many tiles an AVIF is divided, and how libheif converts a HEIC's
# colours is its own affair, so the most is reserved.
AVIFS_TAKE = 0.5
# Nor how many tables of codes a lossless WebP or alpha channel has. Ordinary ones have few.
UNKNOWN_TABLES = {kind for kind in KINDS if kind.startswith("webp-")}


@pytest.fixture(scope="module")
def peaks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int]]:
    """What each kind of photo took, and what was reserved for it, in bytes."""
    folder = tmp_path_factory.mktemp("photos")
    for kind in (*KINDS, *ODD_KINDS):
        (folder / kind).write_bytes(large_photo(kind))
    (folder / "warm").write_bytes(SMALL)
    run = subprocess.run(
        [sys.executable, "-c", PEAKS, "warm", *KINDS, *ODD_KINDS],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = (line.split() for line in run.stdout.splitlines())
    measured = [(int(taken), int(reserved)) for taken, reserved in pairs]
    return dict(zip([*KINDS, *ODD_KINDS], measured, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_no_photo_takes_more_than_is_reserved_nor_much_less(
    kind: str, peaks: dict[str, tuple[int, int]]
) -> None:
    taken, reserved = peaks[kind]
    assert taken <= reserved
    if kind not in UNKNOWN_TABLES:
        share = AVIFS_TAKE if kind.startswith(("avif", "heic")) else MOST_TAKE
        assert taken > share * reserved - WORKING_BYTES


@pytest.mark.parametrize("kind", ODD_KINDS)
def test_no_odd_file_takes_more_than_is_reserved(
    kind: str, peaks: dict[str, tuple[int, int]]
) -> None:
    taken, reserved = peaks[kind]
    assert taken <= reserved


@contextmanager
def _raising(error: Exception) -> Iterator[None]:
    with refusals():
        raise error
    yield


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(f"{ImageFile.ERRORS[-9]} when reading image file"),
        ValueError("Insufficient memory (case 4)"),
        ValueError("tjDecompressHeader3(): Memory allocation failure"),
    ],
)
def test_a_machine_that_lacks_memory_is_not_the_photos_fault(error: Exception) -> None:
    with pytest.raises(MemoryError), _raising(error):
        pass


def test_a_decoder_without_memory_is_not_the_photos_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_memory(*_: object, **__: object) -> None:
        raise ValueError("Insufficient memory (case 4)")

    monkeypatch.setattr(simplejpeg, "decode_jpeg", without_memory)
    with pytest.raises(MemoryError):
        preprocess(SMALL, IMAGENET1K_V1, MAX_PIXELS)
